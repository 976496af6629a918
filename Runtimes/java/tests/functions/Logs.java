import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;

/** Writes to the log in every way. */
public class Logs implements RequestHandler<Object, String> {
    private static final LambdaLogger LOGGER = LambdaRuntime.getLogger();

    static {
        LOGGER.log("while loading");
    }

    public String handleRequest(Object input, Context context) {
        for (LogLevel level : LogLevel.values()) context.getLogger().log("at\n" + level, level);
        LOGGER.log((String) null);
        LOGGER.log(new byte[] {'r', 'a', 'w'}, LogLevel.WARN);
        System.out.print("out é");
        System.err.println("err é");
        return "done";
    }
}
