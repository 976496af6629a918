using System;
using System.Globalization;
using System.Text;

namespace Apus
{
    /// <summary>
    /// The log: frames on the telemetry descriptor, or lines on standard output.
    ///
    /// A frame is, big-endian: type (4 bytes), length of the content (4), microseconds since the epoch (8), content. The low bits of the
    /// type tell text (1) from JSON (0) and carry the level.
    /// </summary>
    internal static class Log
    {
        private const uint TextKind = 0xa55a0003, JsonKind = 0xa55a0002;
        private const int HeadSize = 16;

        private enum Form { Default, Unformatted, Json }

        // By the levels of Amazon.Lambda.Core.LogLevel.
        private static readonly string[] Names = { "Trace", "Debug", "Information", "Warning", "Error", "Critical" };
        private static readonly string[] Labels = { "trce", "dbug", "info", "warn", "fail", "crit" };
        private const int Information = 2, ErrorLevel = 4;

        private static Form form;
        private static int least = Information;

        /// <summary>Negative when there is none.</summary>
        private static int descriptor = -1;

        // Of the invocation.
        public static string RequestId, TenantId, TraceId;

        /// <summary>Reads the settings and takes over the console.</summary>
        public static void Open()
        {
            if (!Enum.TryParse(Setting("FORMAT"), true, out form)) form = IsOld ? Form.Unformatted : Form.Default;
            least = Level(Setting("LEVEL"), Information);
            if (int.TryParse(Environment.GetEnvironmentVariable("_LAMBDA_TELEMETRY_LOG_FD"), out var number)) descriptor = number;
            Environment.SetEnvironmentVariable("_LAMBDA_TELEMETRY_LOG_FD", null);
            Console.SetOut(new LogWriter(Names[Information]));
            Console.SetError(new LogWriter(Names[ErrorLevel]));
        }

        public static void Error(Exception problem) => Write(Names[ErrorLevel], problem, null);

        /// <param name="level">As in Amazon.Lambda.Core; another counts as <c>Information</c>.</param>
        public static void Write(string level, Exception problem, string template, params object[] arguments)
        {
            var number = Level(level, Information);
            if (number < least) return;
            var message = MessageTemplate.Parse(template ?? "", arguments);
            var now = DateTime.UtcNow;
            var text = form == Form.Json ? Record(number, now, problem, message) : Line(number, now, problem, message);
            if (descriptor < 0) LibC.WriteLine(1, text);
            else WriteFrame(number, now, form == Form.Json ? text : text + "\n");
        }

        /// <summary>Records had no prefix before .NET 6.</summary>
        private static bool IsOld =>
            (Environment.GetEnvironmentVariable("AWS_EXECUTION_ENV") ?? "").StartsWith("AWS_Lambda_dotnetcore", StringComparison.Ordinal);

        private static string Setting(string name)
        {
            var ofHandler = Environment.GetEnvironmentVariable("AWS_LAMBDA_HANDLER_LOG_" + name);
            return string.IsNullOrEmpty(ofHandler) ? Environment.GetEnvironmentVariable("AWS_LAMBDA_LOG_" + name) : ofHandler;
        }

        /// <summary>The platform says <c>WARN</c> and <c>FATAL</c> where .NET has other words.</summary>
        private static int Level(string name, int otherwise)
        {
            if (string.Equals(name, "warn", StringComparison.OrdinalIgnoreCase)) return 3;
            if (string.Equals(name, "fatal", StringComparison.OrdinalIgnoreCase)) return 5;
            if (string.Equals(name, "info", StringComparison.OrdinalIgnoreCase)) return Information;
            var index = Array.FindIndex(Names, each => string.Equals(each, name, StringComparison.OrdinalIgnoreCase));
            return index < 0 ? otherwise : index;
        }

        private static string Line(int level, DateTime now, Exception problem, MessageTemplate message)
        {
            var builder = new StringBuilder();
            if (form == Form.Default) builder.Append(Stamp(now)).Append('\t').Append(RequestId).Append('\t').Append(Labels[level]).Append('\t');
            builder.Append(message.Text);
            if (problem != null) builder.Append(message.Text == "" ? "" : "\n").Append(problem);
            return builder.ToString();
        }

        private static string Record(int level, DateTime now, Exception problem, MessageTemplate message)
        {
            var builder = new StringBuilder("{").AppendMember("timestamp", Stamp(now)).AppendMember("level", Names[level]);
            builder.AppendMember("requestId", RequestId).AppendMember("tenantId", TenantId).AppendMember("traceId", TraceId);
            builder.AppendMember("message", message.Text);
            message.AppendMembers(builder);
            if (problem == null) return builder.Append('}').ToString();
            builder.AppendMember("errorType", problem.GetType().FullName).AppendMember("errorMessage", problem.Message).AppendName("stackTrace");
            var separator = '[';
            foreach (var line in problem.ToString().Split('\n'))
            {
                builder.Append(separator).AppendJson(line.Trim());
                separator = ',';
            }
            return builder.Append("]}").ToString();
        }

        private static string Stamp(DateTime time) => time.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

        private static void WriteFrame(int level, DateTime now, string text)
        {
            var length = Encoding.UTF8.GetByteCount(text);
            var frame = new byte[HeadSize + length];
            Put(frame, 0, (form == Form.Json ? JsonKind : TextKind) | (uint)(level + 1) << 2, 4);
            Put(frame, 4, (ulong)length, 4);
            Put(frame, 8, (ulong)(now - DateTime.UnixEpoch).Ticks / 10, 8);
            Encoding.UTF8.GetBytes(text, 0, text.Length, frame, HeadSize);
            LibC.Write(descriptor, frame, frame.Length);
        }

        private static void Put(byte[] bytes, int start, ulong value, int size)
        {
            for (var index = start + size - 1; index >= start; index--, value >>= 8) bytes[index] = (byte)value;
        }
    }
}
