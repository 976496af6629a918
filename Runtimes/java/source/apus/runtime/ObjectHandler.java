package apus.runtime;

import com.amazonaws.services.lambda.runtime.Context;
import java.io.ByteArrayOutputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Type;

/** A handler of objects, with JSON on both sides of it. */
record ObjectHandler(Type input, Type output, Serializer serializer, Call call) implements Handler {
    interface Call {
        Object call(Object input, Context context) throws Throwable;
    }

    @Override
    public void handle(byte[] event, ByteArrayOutputStream bytes, Context context) throws Throwable {
        Object value;
        try {
            value = isVoid(input) ? null : serializer.read(event, input);
        } catch (Throwable problem) {
            throw new RuntimeException("An error occurred during JSON parsing", wrapped(problem));
        }
        Object result = call.call(value, context);
        try {
            serializer.write(isVoid(output) ? null : result, bytes, output);
        } catch (Throwable problem) {
            throw new RuntimeException("An error occurred during JSON serialization of response", wrapped(problem));
        }
    }

    private static boolean isVoid(Type type) {
        return type == void.class || type == Void.class;
    }

    private static Throwable wrapped(Throwable problem) {
        return problem instanceof java.io.IOException failure ? new UncheckedIOException(failure) : problem;
    }
}
