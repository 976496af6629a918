import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** The function of rehearsals: what functions commonly do, in little. */
public class Rehearsed implements RequestHandler<Map<String, Object>, Map<String, Object>> {
    @Override
    public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
        context.getLogger().log("rehearsing " + event.get("name"), LogLevel.INFO);
        if (Boolean.TRUE.equals(event.get("fails"))) throw new IllegalStateException("rehearsed", new IOException("cause"));
        Map<String, Object> answer = new LinkedHashMap<>(event);
        answer.put("left", context.getRemainingTimeInMillis());
        return answer;
    }

    public RehearsedAnswer greet(RehearsedEvent event, Context context) {
        String tags = event.getTags().stream().map(tag -> tag + "!").collect(Collectors.joining(","));
        return new RehearsedAnswer("Hello, " + event.getName() + "!", List.of(tags), String.format("%.2f", event.getRatio()));
    }

    public void copy(InputStream input, OutputStream output) throws IOException {
        input.transferTo(output);
    }
}
