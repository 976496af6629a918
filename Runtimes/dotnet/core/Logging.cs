using System;

namespace Amazon.Lambda.Core
{
    public enum LogLevel { Trace, Debug, Information, Warning, Error, Critical }

    /// <summary>The log of an invocation. Messages may have placeholders such as <c>{count}</c>, which become members of JSON records.</summary>
    public interface ILambdaLogger
    {
        void Log(string message);
        void LogLine(string message);
        void Log(string level, string message);
        void Log(string level, string message, params object[] args);
        void Log(string level, Exception exception, string message, params object[] args);
    }

    /// <summary>A method for each level. In AWS's assembly they belong to the interface; source code cannot tell.</summary>
    public static class LambdaLoggerLevels
    {
        public static void LogTrace(this ILambdaLogger logger, string message, params object[] args) =>
            Log(logger, LogLevel.Trace, message, args);
        public static void LogDebug(this ILambdaLogger logger, string message, params object[] args) =>
            Log(logger, LogLevel.Debug, message, args);
        public static void LogInformation(this ILambdaLogger logger, string message, params object[] args) =>
            Log(logger, LogLevel.Information, message, args);
        public static void LogWarning(this ILambdaLogger logger, string message, params object[] args) =>
            Log(logger, LogLevel.Warning, message, args);
        public static void LogError(this ILambdaLogger logger, string message, params object[] args) =>
            Log(logger, LogLevel.Error, message, args);
        public static void LogCritical(this ILambdaLogger logger, string message, params object[] args) =>
            Log(logger, LogLevel.Critical, message, args);

        public static void LogTrace(this ILambdaLogger logger, Exception exception, string message, params object[] args) =>
            Log(logger, LogLevel.Trace, exception, message, args);
        public static void LogDebug(this ILambdaLogger logger, Exception exception, string message, params object[] args) =>
            Log(logger, LogLevel.Debug, exception, message, args);
        public static void LogInformation(this ILambdaLogger logger, Exception exception, string message, params object[] args) =>
            Log(logger, LogLevel.Information, exception, message, args);
        public static void LogWarning(this ILambdaLogger logger, Exception exception, string message, params object[] args) =>
            Log(logger, LogLevel.Warning, exception, message, args);
        public static void LogError(this ILambdaLogger logger, Exception exception, string message, params object[] args) =>
            Log(logger, LogLevel.Error, exception, message, args);
        public static void LogCritical(this ILambdaLogger logger, Exception exception, string message, params object[] args) =>
            Log(logger, LogLevel.Critical, exception, message, args);

        public static void Log(this ILambdaLogger logger, LogLevel level, string message, params object[] args) =>
            logger.Log(level.ToString(), message, args);

        public static void Log(this ILambdaLogger logger, LogLevel level, Exception exception, string message, params object[] args) =>
            logger.Log(level.ToString(), exception, message, args);
    }

    /// <summary>The same log from anywhere.</summary>
    public static class LambdaLogger
    {
        // The runtime puts its own in their place, by these names, which are those of AWS's assembly.
        private static Action<string> _loggingAction = Console.WriteLine;
        private static Action<string, string, object[]> _loggingWithLevelAction = (level, message, args) => Console.WriteLine(message);
        private static Action<string, Exception, string, object[]> _loggingWithLevelAndExceptionAction =
            (level, exception, message, args) => Console.WriteLine(message + Environment.NewLine + exception);

        public static void Log(string message) => _loggingAction(message);

        public static void Log(string level, string message, params object[] args) => _loggingWithLevelAction(level, message, args);

        public static void Log(LogLevel level, string message, params object[] args) => Log(level.ToString(), message, args);

        public static void Log(string level, Exception exception, string message, params object[] args) =>
            _loggingWithLevelAndExceptionAction(level, exception, message, args);

        public static void Log(LogLevel level, Exception exception, string message, params object[] args) =>
            Log(level.ToString(), exception, message, args);
    }
}
