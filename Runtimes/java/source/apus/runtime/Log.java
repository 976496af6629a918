package apus.runtime;

import apus.runtime.json.JsonException;
import apus.runtime.json.JsonWriter;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.logging.LogFormat;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The function's logger: a record is one frame on the telemetry descriptor, or goes to standard output as it is.
 *
 * <p>A frame is, big-endian: type (4 bytes), payload length (4), microseconds since the epoch (8), payload. The low bits
 * of the type tell text (1) from JSON (0) and carry the level, so that the platform can filter without parsing.
 */
public final class Log implements LambdaLogger {
    private static final int FRAME = 0xa55a0002;
    private static final int HEADER = 16;

    private static volatile Log current;

    private final OutputStream frames;
    private final LogFormat format;
    private final LogLevel least;
    private volatile InvocationContext context;

    /** @param frames null writes to standard output */
    private Log(OutputStream frames, LogFormat format, LogLevel least) {
        this.frames = frames;
        this.format = format;
        this.least = least;
    }

    /**
     * The logger from here on.
     *
     * @param frames where frames go; null for lines on standard output
     */
    static Log open(Map<String, String> variables, OutputStream frames) {
        boolean isJson = "JSON".equalsIgnoreCase(variables.get("AWS_LAMBDA_LOG_FORMAT"));
        String least = variables.get("AWS_LAMBDA_LOG_LEVEL");
        current = new Log(frames, isJson ? LogFormat.JSON : LogFormat.TEXT,
                least == null ? LogLevel.UNDEFINED : LogLevel.fromString(least));
        return current;
    }

    /** For code that no context is passed to. */
    public static LambdaLogger current() {
        return current;
    }

    /** A stream to the descriptor of that number; null without one. */
    static OutputStream frames(String descriptor) {
        if (descriptor == null) return null;
        try {
            // Nothing public makes a stream of a descriptor's number; the command line opens `java.io` for this.
            Constructor<FileDescriptor> constructor = FileDescriptor.class.getDeclaredConstructor(int.class);
            constructor.setAccessible(true);
            return new FileOutputStream(constructor.newInstance(Integer.parseInt(descriptor)));
        } catch (ReflectiveOperationException | RuntimeException problem) {
            return null;
        }
    }

    /** Records name the invocation from here on. */
    void begin(InvocationContext context) {
        this.context = context;
    }

    /** A failure of the function, as the runtime reports it. */
    void error(String text) {
        log(text, format == LogFormat.JSON ? LogLevel.ERROR : LogLevel.UNDEFINED);
    }

    @Override
    public void log(String message) {
        log(message, LogLevel.UNDEFINED);
    }

    @Override
    public void log(byte[] message) {
        log(message, LogLevel.UNDEFINED);
    }

    @Override
    public void log(String message, LogLevel level) {
        if (!isWanted(level)) return;
        String text = format == LogFormat.JSON ? document(message, level)
                : level == LogLevel.UNDEFINED ? String.valueOf(message) : "[" + level + "] " + message;
        write(text.getBytes(StandardCharsets.UTF_8), level);
    }

    @Override
    public void log(byte[] message, LogLevel level) {
        if (isWanted(level)) write(message == null ? new byte[] {'n', 'u', 'l', 'l'} : message, level);
    }

    private boolean isWanted(LogLevel level) {
        return level == LogLevel.UNDEFINED || level.compareTo(least) >= 0;
    }

    private String document(String message, LogLevel level) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("timestamp", Times.FORM.format(Instant.now()));
        fields.put("message", String.valueOf(message));
        fields.put("level", level);
        InvocationContext context = this.context;
        if (context != null) {
            fields.put("AWSRequestId", context.getAwsRequestId());
            if (context.getTenantId() != null) fields.put("tenantId", context.getTenantId());
        }
        try {
            return JsonWriter.write(fields);
        } catch (JsonException problem) {
            throw new IllegalStateException(problem); // texts are always written
        }
    }

    /** Loaded with the first record that needs it. */
    private static final class Times {
        static final DateTimeFormatter FORM =
                DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", Locale.ROOT).withZone(ZoneOffset.UTC);
    }

    /** Records end their line, so that the tail of the log that callers get stays one record a line. */
    private static byte[] line(byte[] text) {
        if (text.length > 0 && text[text.length - 1] == '\n') return text;
        byte[] line = Arrays.copyOf(text, text.length + 1);
        line[text.length] = '\n';
        return line;
    }

    private synchronized void write(byte[] record, LogLevel level) {
        byte[] text = line(record);
        try {
            if (frames == null) {
                System.out.write(text);
                return;
            }
            Instant now = Instant.now();
            ByteBuffer frame = ByteBuffer.allocate(HEADER + text.length);
            frame.putInt(FRAME | level.ordinal() << 2 | format.ordinal());
            frame.putInt(text.length);
            frame.putLong(now.getEpochSecond() * 1_000_000 + now.getNano() / 1000);
            frame.put(text);
            frames.write(frame.array());
        } catch (IOException problem) {
            // Nobody reads the log any more: no reason to fail the handler.
        }
    }
}
