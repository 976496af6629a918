package suite;

import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.File;
import java.io.FileReader;
import java.io.FileWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Reader;
import java.io.StringWriter;
import java.io.Writer;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TimeZone;
import java.util.TreeMap;
import java.util.UUID;

/** Does as the conformance suite says: Tests/Runtimes/README.md. */
public class Function implements RequestHandler<Map<String, Object>, Object> {
    private static final String TOKEN = UUID.randomUUID().toString();
    private static int calls;

    @Override
    public Object handleRequest(Map<String, Object> event, Context context) {
        try {
            return act((String) event.get("do"), event.get("with"), context);
        } catch (IOException | ReflectiveOperationException | InterruptedException problem) {
            throw new IllegalStateException(problem);
        }
    }

    private Object act(String action, Object with, Context context)
            throws IOException, ReflectiveOperationException, InterruptedException {
        switch (action) {
            case "echo": return with;
            case "fail": return fail();
            case "sleep": Thread.sleep((long) (((Number) with).doubleValue() * 1000)); return null;
            case "exit": System.exit(((Number) with).intValue()); return null;
            case "grow": return grow();
            case "remember": return List.of(TOKEN, ++calls);
            case "write": return write((String) with);
            case "read": return read();
            case "variables": return System.getenv();
            case "trace": return System.getProperty("com.amazonaws.xray.traceHeader");
            case "context": return describe(context);
            case "print": System.out.println(with); return null;
            case "complain": System.err.println(with); return null;
            case "log": return log((String) with, context);
            case "state": return state();
            case "layer": return Class.forName("greeting.Greeting").getField("TEXT").get(null);
            default: throw new IllegalArgumentException(action);
        }
    }

    private Object fail() {
        throw new Refused("no, ünï");
    }

    private Object grow() {
        List<byte[]> taken = new ArrayList<>();
        while (true) taken.add(new byte[1 << 20]);
    }

    private Object write(String text) throws IOException {
        try (Writer writer = new FileWriter("/tmp/kept")) {
            writer.write(text);
        }
        return null;
    }

    private Object read() throws IOException {
        if (!new File("/tmp/kept").exists()) return null;
        try (Reader reader = new FileReader("/tmp/kept")) {
            StringWriter text = new StringWriter();
            reader.transferTo(text);
            return text.toString();
        }
    }

    private Object describe(Context context) {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("requestId", context.getAwsRequestId());
        members.put("functionName", context.getFunctionName());
        members.put("functionVersion", context.getFunctionVersion());
        members.put("invokedFunctionArn", context.getInvokedFunctionArn());
        members.put("memoryLimitInMB", context.getMemoryLimitInMB());
        members.put("logGroupName", context.getLogGroupName());
        members.put("logStreamName", context.getLogStreamName());
        members.put("remainingTimeInMillis", context.getRemainingTimeInMillis());
        ClientContext client = context.getClientContext();
        members.put("clientContext", client == null ? null : Map.of(
                "custom", client.getCustom(), "env", client.getEnvironment(),
                "client", Map.of("app_title", client.getClient().getAppTitle())));
        return members;
    }

    private Object log(String text, Context context) {
        for (LogLevel level : List.of(LogLevel.DEBUG, LogLevel.INFO, LogLevel.WARN, LogLevel.ERROR)) {
            context.getLogger().log(level.name().toLowerCase(Locale.ROOT) + " " + text, level);
        }
        return null;
    }

    private Object state() throws IOException, InterruptedException {
        Map<String, Object> state = new LinkedHashMap<>();
        state.put("variables", System.getenv());
        // Asking for the zone sets a property.
        state.put("place", List.of(TimeZone.getDefault().getID(), Locale.getDefault().toString(), Charset.defaultCharset().name()));
        Map<Object, Object> properties = new TreeMap<>(System.getProperties());
        properties.remove("com.amazonaws.xray.traceHeader");
        state.put("properties", properties);
        state.put("heap", Runtime.getRuntime().maxMemory());
        state.put("folder", Files.readSymbolicLink(Path.of("/proc/self/cwd")).toString());
        state.put("relative", List.of(
                new File("suite").exists(), Files.exists(Path.of("suite")), new File("suite").getAbsolutePath(),
                Path.of("suite").toAbsolutePath().toString()));
        state.put("child", output("pwd"));
        state.put("childVariables", output("env").lines().filter(line -> !line.matches("(AWS|LC_SUITE|_=|SHLVL).*")).sorted().toList());
        state.put("descriptors", descriptors());
        // The one that waits for child processes stays for a while.
        state.put("threads", Thread.getAllStackTraces().keySet().stream().map(Thread::getName)
                .filter(name -> !name.equals("process reaper")).sorted().toList());
        state.put("loaders", List.of(
                Thread.currentThread().getContextClassLoader() == getClass().getClassLoader(), getClass().getModule().isNamed()));
        return state;
    }

    private String output(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).start();
        // Else its pipes stay open until memory is collected.
        try (InputStream output = process.getInputStream(); InputStream errors = process.getErrorStream();
                OutputStream input = process.getOutputStream()) {
            return new String(output.readAllBytes());
        } finally {
            process.waitFor();
        }
    }

    private List<String> descriptors() {
        List<String> kinds = new ArrayList<>();
        for (File link : new File("/proc/self/fd").listFiles()) {
            try {
                String target = Files.readSymbolicLink(link.toPath()).toString();
                if (!target.startsWith("/proc")) kinds.add(target.replaceFirst(":.*", ""));
            } catch (IOException problem) {
                // It was the list's own.
            }
        }
        kinds.sort(null);
        return kinds;
    }
}
