using System;
using System.Collections.Generic;

namespace Amazon.Lambda.Core
{
    /// <summary>What a handler may ask about its invocation and its function.</summary>
    public interface ILambdaContext
    {
        string AwsRequestId { get; }
        IClientContext ClientContext { get; }
        string FunctionName { get; }
        string FunctionVersion { get; }
        ICognitoIdentity Identity { get; }
        string InvokedFunctionArn { get; }
        ILambdaLogger Logger { get; }
        string LogGroupName { get; }
        string LogStreamName { get; }
        int MemoryLimitInMB { get; }

        /// <summary>Until the platform ends the invocation.</summary>
        TimeSpan RemainingTime { get; }
        string TenantId { get; }
        string TraceId { get; }

        /// <summary>Null for handlers of streams.</summary>
        ILambdaSerializer Serializer { get; }
    }

    /// <summary>What a mobile client says about itself.</summary>
    public interface IClientContext
    {
        IDictionary<string, string> Environment { get; }
        IClientApplication Client { get; }
        IDictionary<string, string> Custom { get; }
    }

    public interface IClientApplication
    {
        string AppPackageName { get; }
        string AppTitle { get; }
        string AppVersionCode { get; }
        string AppVersionName { get; }
        string InstallationId { get; }
    }

    public interface ICognitoIdentity
    {
        string IdentityId { get; }
        string IdentityPoolId { get; }
    }
}
