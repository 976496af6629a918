package com.amazonaws.services.lambda.runtime;

/** The mobile application that called, as it describes itself. Members that it left out are null. */
public interface Client {
    String getInstallationId();

    String getAppTitle();

    String getAppVersionName();

    String getAppVersionCode();

    String getAppPackageName();
}
