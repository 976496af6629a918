package apus.runtime;

import java.util.Map;

/** What is the same for every invocation of a function. */
record FunctionFacts(String name, String version, int memory, String logGroup, String logStream) {
    FunctionFacts(Map<String, String> variables) {
        this(variables.get("AWS_LAMBDA_FUNCTION_NAME"), variables.get("AWS_LAMBDA_FUNCTION_VERSION"),
                Integer.parseInt(variables.getOrDefault("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")),
                variables.get("AWS_LAMBDA_LOG_GROUP_NAME"), variables.get("AWS_LAMBDA_LOG_STREAM_NAME"));
    }
}
