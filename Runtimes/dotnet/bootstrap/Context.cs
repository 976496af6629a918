using System;
using System.Collections.Generic;
using System.Text.Json;
using Amazon.Lambda.Core;

namespace Apus
{
    /// <summary>
    /// The context of an invocation. Whichever Amazon.Lambda.Core the function brings: .NET finds the members of its interface here by name
    /// and type, and does not mind others.
    /// </summary>
    internal sealed class Context : ILambdaContext
    {
        private readonly Invocation invocation;

        public Context(Invocation invocation, ILambdaSerializer serializer)
        {
            this.invocation = invocation;
            Serializer = serializer;
        }

        public string AwsRequestId => invocation.RequestId;
        public string FunctionName => Variable("AWS_LAMBDA_FUNCTION_NAME");
        public string FunctionVersion => Variable("AWS_LAMBDA_FUNCTION_VERSION");
        public string InvokedFunctionArn => invocation["Lambda-Runtime-Invoked-Function-Arn"];
        public string LogGroupName => Variable("AWS_LAMBDA_LOG_GROUP_NAME");
        public string LogStreamName => Variable("AWS_LAMBDA_LOG_STREAM_NAME");
        public int MemoryLimitInMB => int.TryParse(Variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), out var size) ? size : 0;
        public TimeSpan RemainingTime => Deadline - DateTimeOffset.UtcNow;
        public ILambdaLogger Logger { get; } = new Logger();
        public IClientContext ClientContext => new ClientContext(Document(invocation["Lambda-Runtime-Client-Context"]));
        public ICognitoIdentity Identity => new CognitoIdentity(Document(invocation["Lambda-Runtime-Cognito-Identity"]));
        public string TenantId => invocation["Lambda-Runtime-Aws-Tenant-Id"];
        public string TraceId => invocation["Lambda-Runtime-Trace-Id"];
        public ILambdaSerializer Serializer { get; }

        private DateTimeOffset Deadline =>
            DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(invocation["Lambda-Runtime-Deadline-Ms"] ?? "0"));

        private static string Variable(string name) => Environment.GetEnvironmentVariable(name);

        private static JsonElement Document(string text) => JsonDocument.Parse(string.IsNullOrWhiteSpace(text) ? "{}" : text).RootElement;
    }

    /// <summary>The members are null that the client has left out.</summary>
    internal sealed class ClientContext : IClientContext
    {
        public ClientContext(JsonElement content)
        {
            Environment = content.Texts("env");
            Custom = content.Texts("custom");
            if (content.TryGetProperty("client", out var client)) Client = new ClientApplication(client);
        }

        public IDictionary<string, string> Environment { get; }
        public IClientApplication Client { get; }
        public IDictionary<string, string> Custom { get; }
    }

    internal sealed class ClientApplication : IClientApplication
    {
        public ClientApplication(JsonElement content)
        {
            AppPackageName = content.Text("app_package_name");
            AppTitle = content.Text("app_title");
            AppVersionCode = content.Text("app_version_code");
            AppVersionName = content.Text("app_version_name");
            InstallationId = content.Text("installation_id");
        }

        public string AppPackageName { get; }
        public string AppTitle { get; }
        public string AppVersionCode { get; }
        public string AppVersionName { get; }
        public string InstallationId { get; }
    }

    internal sealed class CognitoIdentity : ICognitoIdentity
    {
        public CognitoIdentity(JsonElement content)
        {
            IdentityId = content.Text("cognitoIdentityId");
            IdentityPoolId = content.Text("cognitoIdentityPoolId");
        }

        public string IdentityId { get; }
        public string IdentityPoolId { get; }
    }

    internal static class JsonElementMembers
    {
        public static string Text(this JsonElement content, string name) =>
            content.TryGetProperty(name, out var value) ? value.ToString() : null;

        public static IDictionary<string, string> Texts(this JsonElement content, string name)
        {
            if (!content.TryGetProperty(name, out var members)) return null;
            var texts = new Dictionary<string, string>();
            foreach (var member in members.EnumerateObject()) texts[member.Name] = member.Value.ToString();
            return texts;
        }
    }
}
