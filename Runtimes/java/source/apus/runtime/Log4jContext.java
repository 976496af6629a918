package apus.runtime;

import com.amazonaws.services.lambda.runtime.LambdaRuntimeInternal;

/** Keeps the request id where log4j's patterns find it, for functions that use AWS's appender. */
final class Log4jContext {
    private static final String[][] PLACES = {
        {"org.apache.logging.log4j.ThreadContext", "java.lang.String"}, {"org.apache.log4j.MDC", "java.lang.Object"},
    };

    private Log4jContext() {}

    static void put(InvocationContext context) {
        if (!LambdaRuntimeInternal.getUseLog4jAppender()) return;
        ClassLoader loader = Thread.currentThread().getContextClassLoader();
        for (String[] place : PLACES) {
            try {
                Class.forName(place[0], true, loader).getMethod("put", String.class, Class.forName(place[1]))
                        .invoke(null, "AWSRequestId", context.getAwsRequestId());
            } catch (ReflectiveOperationException problem) {
                // The other version of log4j has it.
            }
        }
    }
}
