package apus.runtime;

import com.amazonaws.services.lambda.runtime.Context;
import java.io.ByteArrayOutputStream;

/** A function's handler, whatever its form. */
@FunctionalInterface
interface Handler {
    /** @throws Throwable what the function throws, or what stands in the way of calling it */
    void handle(byte[] event, ByteArrayOutputStream output, Context context) throws Throwable;
}
