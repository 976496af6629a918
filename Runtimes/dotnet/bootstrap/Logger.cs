using System;
using System.Reflection;
using Amazon.Lambda.Core;

namespace Apus
{
    /// <summary>What handlers log by.</summary>
    internal sealed class Logger : ILambdaLogger
    {
        public void Log(string message) => Console.Write(message);
        public void LogLine(string message) => Apus.Log.Write("Information", null, message);
        public void Log(string level, string message) => Apus.Log.Write(level, null, message);
        public void Log(string level, string message, params object[] args) => Apus.Log.Write(level, null, message, args);
        public void Log(string level, Exception exception, string message, params object[] args) =>
            Apus.Log.Write(level, exception, message, args);

        /// <summary>Makes the static logger of the function's Amazon.Lambda.Core write here.</summary>
        public static void Connect()
        {
            Set("_loggingAction", new Action<string>(message => Apus.Log.Write("Information", null, message)));
            Set("_loggingWithLevelAction", new Action<string, string, object[]>((level, message, args) => Apus.Log.Write(level, null, message, args)));
            Set("_loggingWithLevelAndExceptionAction", new Action<string, Exception, string, object[]>(Apus.Log.Write));
        }

        private static void Set(string name, object action) =>
            typeof(LambdaLogger).GetField(name, BindingFlags.Static | BindingFlags.NonPublic)?.SetValue(null, action);
    }
}
