package apus.runtime;

import java.util.Map;

/**
 * One event, as the Runtime API delivers it.
 *
 * @param headers by their names in lower case
 */
record Invocation(Map<String, String> headers, byte[] event) {
    private static final String PREFIX = "lambda-runtime-";

    /** Null when there is no such header. */
    String header(String name) {
        return headers.get(PREFIX + name);
    }

    String id() {
        return header("aws-request-id");
    }

    String traceId() {
        return header("trace-id");
    }
}
