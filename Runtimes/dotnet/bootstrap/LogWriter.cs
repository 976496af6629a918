using System;
using System.IO;
using System.Text;

namespace Apus
{
    /// <summary>The console: what is written at once up to the end of a line is one record.</summary>
    internal sealed class LogWriter : TextWriter
    {
        private readonly string level;
        private readonly StringBuilder pending = new StringBuilder();

        public LogWriter(string level)
        {
            this.level = level;
            CoreNewLine = new[] { '\n' };
            AppDomain.CurrentDomain.ProcessExit += (_, __) => Flush();
        }

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => Append(value.ToString());

        public override void Write(char[] buffer, int index, int count) => Append(new string(buffer, index, count));

        public override void Write(string value) => Append(value);

        public override void WriteLine(string value)
        {
            Log.Write(level, null, pending + value);
            pending.Clear();
        }

        public override void WriteLine() => WriteLine("");

        /// <summary>Writes the record that has been begun.</summary>
        public override void Flush()
        {
            if (pending.Length > 0) WriteLine();
        }

        private void Append(string text)
        {
            pending.Append(text);
            if (text == null || !text.EndsWith("\n", StringComparison.Ordinal)) return;
            pending.Length--;
            WriteLine();
        }
    }
}
