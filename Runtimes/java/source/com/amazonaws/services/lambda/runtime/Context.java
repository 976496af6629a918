package com.amazonaws.services.lambda.runtime;

/** The invocation in progress, and the function that it is for. */
public interface Context {
    /** The same for each attempt at an asynchronous event. */
    String getAwsRequestId();

    String getLogGroupName();

    String getLogStreamName();

    String getFunctionName();

    String getFunctionVersion();

    /** As the caller named the function: with an alias or a version, or without. */
    String getInvokedFunctionArn();

    /** Null unless a mobile application called. */
    CognitoIdentity getIdentity();

    /** Null unless the caller sent one. */
    ClientContext getClientContext();

    /** Until the timeout, in milliseconds; never below 0. */
    int getRemainingTimeInMillis();

    int getMemoryLimitInMB();

    LambdaLogger getLogger();

    /** Null unless the function is isolated by tenants. */
    default String getTenantId() {
        return null;
    }

    /** The trace header, or null. */
    default String getXrayTraceId() {
        return null;
    }
}
