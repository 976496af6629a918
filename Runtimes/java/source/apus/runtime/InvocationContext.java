package apus.runtime;

import apus.runtime.json.JsonBinder;
import apus.runtime.json.JsonException;
import apus.runtime.json.JsonParser;
import com.amazonaws.services.lambda.runtime.Client;
import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.CognitoIdentity;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import java.util.Map;

/** The context argument of handlers. */
final class InvocationContext implements Context {
    private final Invocation invocation;
    private final FunctionFacts facts;
    private final LambdaLogger logger;
    private final long deadline;
    private final CognitoIdentity identity;
    private final ClientContext clientContext;

    /** @throws JsonException when a header that has to be JSON is not */
    InvocationContext(Invocation invocation, FunctionFacts facts, LambdaLogger logger) throws JsonException {
        this.invocation = invocation;
        this.facts = facts;
        this.logger = logger;
        String milliseconds = invocation.header("deadline-ms");
        deadline = milliseconds == null ? 0 : Long.parseLong(milliseconds);
        identity = header("cognito-identity", Identity.class);
        clientContext = header("client-context", Caller.class);
    }

    private <T> T header(String name, Class<T> type) throws JsonException {
        String text = invocation.header(name);
        return text == null || text.isEmpty() ? null : type.cast(JsonBinder.bind(JsonParser.parse(text), type));
    }

    @Override
    public String getAwsRequestId() {
        return invocation.id();
    }

    @Override
    public String getLogGroupName() {
        return facts.logGroup();
    }

    @Override
    public String getLogStreamName() {
        return facts.logStream();
    }

    @Override
    public String getFunctionName() {
        return facts.name();
    }

    @Override
    public String getFunctionVersion() {
        return facts.version();
    }

    @Override
    public String getInvokedFunctionArn() {
        return invocation.header("invoked-function-arn");
    }

    @Override
    public CognitoIdentity getIdentity() {
        return identity;
    }

    @Override
    public ClientContext getClientContext() {
        return clientContext;
    }

    @Override
    public int getRemainingTimeInMillis() {
        long rest = deadline - System.currentTimeMillis();
        return (int) Math.max(0, Math.min(rest, Integer.MAX_VALUE));
    }

    @Override
    public int getMemoryLimitInMB() {
        return facts.memory();
    }

    @Override
    public LambdaLogger getLogger() {
        return logger;
    }

    @Override
    public String getTenantId() {
        return invocation.header("aws-tenant-id");
    }

    @Override
    public String getXrayTraceId() {
        return invocation.traceId();
    }

    // What the headers hold; the components have the names of the JSON.

    private record Identity(String cognitoIdentityId, String cognitoIdentityPoolId) implements CognitoIdentity {
        @Override
        public String getIdentityId() {
            return cognitoIdentityId;
        }

        @Override
        public String getIdentityPoolId() {
            return cognitoIdentityPoolId;
        }
    }

    private record Caller(Application client, Map<String, String> custom, Map<String, String> env) implements ClientContext {
        @Override
        public Client getClient() {
            return client;
        }

        @Override
        public Map<String, String> getCustom() {
            return custom;
        }

        @Override
        public Map<String, String> getEnvironment() {
            return env;
        }
    }

    private record Application(
            String installation_id, String app_title, String app_version_name, String app_version_code, String app_package_name)
            implements Client {
        @Override
        public String getInstallationId() {
            return installation_id;
        }

        @Override
        public String getAppTitle() {
            return app_title;
        }

        @Override
        public String getAppVersionName() {
            return app_version_name;
        }

        @Override
        public String getAppVersionCode() {
            return app_version_code;
        }

        @Override
        public String getAppPackageName() {
            return app_package_name;
        }
    }
}
