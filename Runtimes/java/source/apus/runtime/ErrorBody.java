package apus.runtime;

import apus.runtime.json.JsonException;
import apus.runtime.json.JsonWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What clients and X-Ray are told of an error. */
final class ErrorBody {
    /** As many causes below one another; a chain may be a circle. */
    private static final int CAUSES = 20;

    /** The header may have 64 KB. */
    private static final int LONGEST_CAUSE = 64 * 1024;

    private ErrorBody() {}

    static byte[] of(Throwable problem) {
        return json(problem instanceof Fault fault ? fields(fault) : fields(problem, CAUSES)).getBytes(StandardCharsets.UTF_8);
    }

    private static Map<String, Object> fields(Fault fault) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("errorMessage", fault.getMessage());
        if (fault.errorType != null) fields.put("errorType", fault.errorType);
        return fields;
    }

    private static Map<String, Object> fields(Throwable problem, int causes) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("errorMessage", Fault.message(problem));
        fields.put("errorType", problem.getClass().getName());
        List<String> frames = new ArrayList<>();
        for (StackTraceElement frame : problem.getStackTrace()) frames.add(frame.toString());
        fields.put("stackTrace", frames);
        if (problem.getCause() != null && causes > 0) fields.put("cause", fields(problem.getCause(), causes - 1));
        return fields;
    }

    /** For X-Ray; null when there is nothing to say or too much. */
    static String cause(Throwable problem) {
        if (problem instanceof Fault) return null;
        Set<String> paths = new LinkedHashSet<>();
        List<Object> stack = new ArrayList<>();
        for (StackTraceElement frame : problem.getStackTrace()) {
            paths.add(file(frame));
            stack.add(mapOf("label", frame.getMethodName(), "path", file(frame), "line", frame.getLineNumber()));
        }
        Map<String, Object> exception =
                mapOf("message", problem.getMessage(), "type", problem.getClass().getName(), "stack", stack);
        String text = json(mapOf(
                "working_directory", System.getProperty("user.dir"), "exceptions", List.of(exception), "paths", paths));
        return text.length() > LONGEST_CAUSE ? null : ascii(text);
    }

    private static String file(StackTraceElement frame) {
        if (frame.getFileName() != null) return frame.getFileName();
        String name = frame.getClassName();
        return name.substring(name.lastIndexOf('.') + 1) + ".java";
    }

    private static Map<String, Object> mapOf(Object... pairs) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int index = 0; index < pairs.length; index += 2) map.put((String) pairs[index], pairs[index + 1]);
        return map;
    }

    /** As a header carries it. */
    private static String ascii(String text) {
        StringBuilder ascii = new StringBuilder(text.length());
        for (int index = 0; index < text.length(); index++) {
            char c = text.charAt(index);
            if (c < 127) ascii.append(c);
            else ascii.append(String.format("\\u%04x", (int) c));
        }
        return ascii.toString();
    }

    private static String json(Map<String, Object> fields) {
        try {
            return JsonWriter.write(fields);
        } catch (JsonException problem) {
            throw new IllegalStateException(problem); // texts, numbers and lists of them are always written
        }
    }
}
