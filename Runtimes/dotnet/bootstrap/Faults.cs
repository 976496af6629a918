using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Text;

namespace Apus
{
    /// <summary>Exceptions in the shapes that clients and X-Ray expect.</summary>
    internal static class Faults
    {
        private const int Longest = 256 << 10;

        // Header blocks have a bound on the server's side; a cause beyond it is dropped, the error itself is not.
        private const int LongestCause = 60000;

        /// <summary>The body of an error answer.</summary>
        public static string Body(Exception problem)
        {
            var builder = new StringBuilder();
            Append(builder, problem);
            return builder.Length <= Longest ? builder.ToString() : "{\"errorMessage\":\"Exception exceeded maximum payload size of 256KB.\"}";
        }

        /// <summary>Where an exception came from, innermost first, as far as it is the function's business.</summary>
        public static List<string> Trace(Exception problem)
        {
            var lines = new List<string>();
            foreach (var line in (problem.StackTrace ?? "").Split('\n'))
            {
                var text = line.Trim();
                if (text.StartsWith("at Apus.", StringComparison.Ordinal)) break;
                if (text != "") lines.Add(text);
            }
            while (lines.Count > 0 && IsCall(lines[lines.Count - 1])) lines.RemoveAt(lines.Count - 1);
            return lines;
        }

        /// <summary>What X-Ray is told, as ASCII JSON for a header; null when it is too long.</summary>
        public static string XRayCause(Exception problem)
        {
            var builder = new StringBuilder("{").AppendMember("working_directory", Directory.GetCurrentDirectory());
            builder.AppendName("exceptions").Append("[{").AppendMember("type", problem.GetType().Name);
            builder.AppendMember("message", problem.Message).AppendName("stack").Append('[');
            var paths = new List<string>();
            var separator = "";
            foreach (var frame in new StackTrace(problem, true).GetFrames() ?? new StackFrame[0])
            {
                var method = frame.GetMethod();
                if (method == null || IsOfRuntime(method.DeclaringType)) continue;
                builder.Append(separator).Append('{').AppendMember("path", frame.GetFileName());
                if (frame.GetFileName() != null) builder.AppendName("line").Append(frame.GetFileLineNumber());
                builder.AppendMember("label", method.DeclaringType == null ? method.Name : method.DeclaringType.Name + "." + method.Name);
                builder.Append('}');
                separator = ",";
                if (frame.GetFileName() != null && !paths.Contains(frame.GetFileName())) paths.Add(frame.GetFileName());
            }
            builder.Append("]}]").AppendName("paths").AppendList(paths, (list, path) => list.AppendJson(path)).Append('}');
            var text = Escaped(builder.ToString());
            return text.Length <= LongestCause ? text : null;
        }

        /// <summary>A text that can stand in a header.</summary>
        public static string Printable(string text)
        {
            var builder = new StringBuilder();
            foreach (var unit in text) builder.Append(unit < ' ' || unit > '~' ? '?' : unit);
            return builder.ToString();
        }

        private static void Append(StringBuilder builder, Exception problem)
        {
            builder.Append('{').AppendMember("errorType", problem.GetType().Name).AppendMember("errorMessage", problem.Message);
            var trace = Trace(problem);
            if (trace.Count > 0) builder.AppendName("stackTrace").AppendList(trace, (line, item) => line.AppendJson(item));
            if (problem.InnerException != null) Append(builder.AppendName("cause"), problem.InnerException);
            if (problem is AggregateException all) builder.AppendName("causes").AppendList(all.InnerExceptions, Append);
            builder.Append('}');
        }

        private static StringBuilder AppendList<T>(this StringBuilder builder, IList<T> items, Action<StringBuilder, T> append)
        {
            builder.Append('[');
            for (var index = 0; index < items.Count; index++)
            {
                if (index > 0) builder.Append(',');
                append(builder, items[index]);
            }
            return builder.Append(']');
        }

        /// <summary>Whether a line is about how the runtime calls handlers.</summary>
        private static bool IsCall(string line) =>
            line.StartsWith("at System.Reflection.", StringComparison.Ordinal) || line.StartsWith("at System.RuntimeMethodHandle.", StringComparison.Ordinal);

        private static bool IsOfRuntime(Type type) =>
            type != null && (type.Assembly == typeof(Faults).Assembly || type.Namespace == "System.Reflection" || type == typeof(RuntimeMethodHandle));

        private static string Escaped(string text)
        {
            var builder = new StringBuilder();
            foreach (var unit in text)
            {
                if (unit < ' ' || unit > '~') builder.AppendEscape(unit);
                else builder.Append(unit);
            }
            return builder.ToString();
        }
    }

    /// <summary>A function that cannot be run as it is. Clients see the name of the class.</summary>
    internal sealed class LambdaValidationException : Exception
    {
        public LambdaValidationException(string message) : base(message) { }
    }
}
