using System;

namespace Apus
{
    /// <summary>The life of a runtime process: become a function's environment, load the handler, serve invocations one by one.</summary>
    internal static class Program
    {
        private static void Main(string[] arguments)
        {
            if (arguments.Length > 0) Cell.BecomeEnvironment();
            var name = Environment.GetEnvironmentVariable("_HANDLER") ?? "";
            // A handler without a colon is a program that talks to the Runtime API itself.
            if (name.IndexOf(':') < 0) Executable.Replace(name);
            Log.Open();
            var api = new RuntimeAPI(Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API"));
            var handler = Load(name, api);
            for (;;) Serve(handler, api);
        }

        private static Handler Load(string name, RuntimeAPI api)
        {
            try
            {
                return HandlerLoader.Load(name);
            }
            catch (Exception problem)
            {
                Log.Error(problem);
                Console.Out.Flush();
                api.FailInit(problem);
                Environment.Exit(1);
                throw;
            }
        }

        private static void Serve(Handler handler, RuntimeAPI api)
        {
            var invocation = api.Next();
            Log.RequestId = invocation.RequestId;
            Log.TenantId = invocation["Lambda-Runtime-Aws-Tenant-Id"];
            Log.TraceId = invocation["Lambda-Runtime-Trace-Id"];
            Environment.SetEnvironmentVariable("_X_AMZN_TRACE_ID", Log.TraceId);
            try
            {
                var result = handler.Invoke(invocation);
                Console.Out.Flush();
                api.Respond(result);
            }
            catch (Exception problem)
            {
                Log.Error(problem);
                Console.Out.Flush();
                api.Fail(problem);
            }
        }
    }
}
