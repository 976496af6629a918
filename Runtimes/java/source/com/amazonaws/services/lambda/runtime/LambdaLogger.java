package com.amazonaws.services.lambda.runtime;

import com.amazonaws.services.lambda.runtime.logging.LogLevel;

/** Writes to the function's log. A call is a record, whatever line ends are in it. */
public interface LambdaLogger {
    void log(String message);

    /** Writes the bytes as they are, in either log format. */
    void log(byte[] message);

    default void log(String message, LogLevel logLevel) {
        log(message);
    }

    default void log(byte[] message, LogLevel logLevel) {
        log(message);
    }
}
