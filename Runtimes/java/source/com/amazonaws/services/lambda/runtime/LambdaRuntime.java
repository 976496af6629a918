package com.amazonaws.services.lambda.runtime;

import apus.runtime.Log;

/** The logger for code that no context is passed to. */
public final class LambdaRuntime {
    private LambdaRuntime() {}

    public static LambdaLogger getLogger() {
        return Log.current();
    }
}
