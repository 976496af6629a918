import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Says what it finds around it. */
public class Surroundings implements RequestHandler<Map<String, Object>, Map<String, Object>> {
    private static final String TRACE_WHILE_LOADED = System.getProperty("com.amazonaws.xray.traceHeader");

    public Map<String, Object> handleRequest(Map<String, Object> input, Context context) {
        Map<String, Object> found = new LinkedHashMap<>();
        found.put("variables", System.getenv());
        found.put("trace", System.getProperty("com.amazonaws.xray.traceHeader"));
        found.put("traceWhileLoaded", TRACE_WHILE_LOADED);
        found.put("context", context);
        found.put("relative", new File("Forms.class").exists() && Files.exists(Path.of("Forms.class")));
        return found;
    }

    public String child() throws Exception {
        Process process = new ProcessBuilder("sh", "-c", "pwd; env").start();
        return new String(process.getInputStream().readAllBytes());
    }

    /** The text of a class that may come from anywhere. */
    public String placed() throws Exception {
        return (String) Class.forName("Placed").getField("TEXT").get(null);
    }
}
