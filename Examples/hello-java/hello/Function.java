package hello;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;

public class Function implements RequestHandler<Function.Request, Function.Answer> {
    public record Request(String name) {}

    public record Answer(String message, String requestId) {}

    @Override
    public Answer handleRequest(Request request, Context context) {
        String name = request.name() == null ? "World" : request.name();
        context.getLogger().log("greeting " + name);
        return new Answer("Hello, " + name + "!", context.getAwsRequestId());
    }
}
