// Does as the conformance suite says: Tests/Runtimes/README.md.

using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Amazon.Lambda.Core;
using Amazon.Lambda.Serialization.SystemTextJson;

[assembly: LambdaSerializer(typeof(DefaultLambdaJsonSerializer))]

public class Refused : Exception
{
    public Refused(string message) : base(message) { }
}

namespace Suite
{
    public class Function
    {
        private readonly string token = Guid.NewGuid().ToString();
        private int calls;

        public async Task<object> Handle(JsonElement input, ILambdaContext context)
        {
            var value = input.GetProperty("with");
            switch (input.GetProperty("do").GetString())
            {
                case "echo": return value;
                case "fail": return Fail();
                case "sleep": await Task.Delay(TimeSpan.FromSeconds(value.GetDouble())); return null;
                case "exit": Environment.Exit(value.GetInt32()); return null;
                case "grow": return Grow();
                case "remember": return new object[] { token, ++calls };
                case "write": File.WriteAllText("/tmp/kept", value.GetString()); return null;
                case "read": return File.Exists("/tmp/kept") ? File.ReadAllText("/tmp/kept") : null;
                case "variables": return Variables();
                case "trace": return Environment.GetEnvironmentVariable("_X_AMZN_TRACE_ID");
                case "context": return Describe(context);
                case "print": Console.WriteLine(value.GetString()); return null;
                case "complain": Console.Error.WriteLine(value.GetString()); return null;
                case "log": LogAll(context.Logger, value.GetString()); return null;
                case "state": return State();
                case "layer": return Type.GetType("Greeting, Greeting").GetProperty("Text").GetValue(null);
                default: throw new ArgumentException(input.ToString());
            }
        }

        private static object Fail() => throw new Refused("no, ünï");

        private static object Grow()
        {
            for (var taken = new List<byte[]>();;)
            {
                taken.Add(new byte[1 << 20]);
                Array.Fill(taken.Last(), (byte)1);
            }
        }

        private static Dictionary<string, string> Variables() =>
            Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(each => (string)each.Key, each => (string)each.Value);

        private static object Describe(ILambdaContext context)
        {
            var client = context.ClientContext;
            return new Dictionary<string, object> {
                ["requestId"] = context.AwsRequestId, ["functionName"] = context.FunctionName, ["functionVersion"] = context.FunctionVersion,
                ["invokedFunctionArn"] = context.InvokedFunctionArn, ["memoryLimitInMB"] = context.MemoryLimitInMB,
                ["logGroupName"] = context.LogGroupName, ["logStreamName"] = context.LogStreamName,
                ["remainingTimeInMillis"] = (int)context.RemainingTime.TotalMilliseconds,
                ["clientContext"] = client.Client == null ? null : new Dictionary<string, object> {
                    ["custom"] = client.Custom, ["env"] = client.Environment,
                    ["client"] = new Dictionary<string, string> { ["app_title"] = client.Client.AppTitle },
                },
            };
        }

        // Without levels, there is no threshold either.
        private static void LogAll(ILambdaLogger logger, string text)
        {
            for (var level = LogLevel.Debug; level <= LogLevel.Error; level++)
            {
                var name = new[] { "debug", "info", "warn", "error" }[(int)level - 1];
                if (Environment.GetEnvironmentVariable("AWS_LAMBDA_LOG_LEVEL") == null) logger.LogLine($"{name} {text}");
                else logger.Log(level, $"{name} {text}");
            }
        }

        // Those may be there already.
        private static bool IsNoneOfDotnet(string assembly) => !assembly.StartsWith("System.") && assembly != "netstandard";

        private static object State() => new Dictionary<string, object> {
            ["variables"] = Variables(), ["arguments"] = Environment.GetCommandLineArgs(), ["folder"] = Directory.GetCurrentDirectory(),
            ["assemblies"] = AppDomain.CurrentDomain.GetAssemblies().Select(each => each.GetName().Name).Where(IsNoneOfDotnet).OrderBy(name => name),
        };
    }
}
