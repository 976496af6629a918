using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Reflection;
using System.Text;

namespace Apus
{
    /// <summary>
    /// Waiting ahead of demand: one message on descriptor 4 makes the process a function's environment
    /// (docs/decisions/0006-cells-and-forks.md).
    /// </summary>
    internal static class Cell
    {
        private const int Channel = 4;
        private const int Longest = 1 << 18;

        /// <summary>Returns in the state in which a direct launch begins; ends the process when the channel is closed.</summary>
        public static void BecomeEnvironment()
        {
            HideArgument();
            Rehearsal.Run();
            var entries = Receive();
            LibC.Close(Channel);
            // Before .NET 9 an empty text removes a variable. Only a new process can have one.
            if (entries.Exists(entry => entry.EndsWith("=", StringComparison.Ordinal))) StartAnew(entries);
            Replace(entries);
            Directory.SetCurrentDirectory(Environment.GetEnvironmentVariable("LAMBDA_TASK_ROOT") ?? ".");
        }

        /// <summary>User code sees the command line of a direct launch.</summary>
        private static void HideArgument()
        {
            var arguments = Environment.GetCommandLineArgs();
            var set = typeof(Environment).GetMethod("SetCommandLineArgs", BindingFlags.Static | BindingFlags.NonPublic);
            set?.Invoke(null, new object[] { new[] { arguments[0] } });
        }

        private static List<string> Receive()
        {
            var buffer = new byte[Longest];
            var length = LibC.Read(Channel, buffer);
            if (length == 0) Environment.Exit(0);
            if (length < 0) Fail("a channel that cannot be read");
            if (length == Longest) Fail("a message that is too long");
            if (buffer[0] != 'S') Fail("a message that it does not understand: " + (char)buffer[0]);
            var entries = new List<string>(Encoding.UTF8.GetString(buffer, 1, length - 1).Split('\0'));
            var rest = entries[entries.Count - 1];
            entries.RemoveAt(entries.Count - 1);
            if (rest != "" || entries.Exists(entry => entry.IndexOf('=') < 1)) Fail("variables that it does not understand");
            return entries;
        }

        /// <summary>Makes them the only ones, for .NET, for C libraries and for child processes.</summary>
        private static void Replace(List<string> entries)
        {
            foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
                Environment.SetEnvironmentVariable((string)variable.Key, null);
            LibC.ClearEnvironment();
            foreach (var entry in entries)
            {
                var equals = entry.IndexOf('=');
                var (name, value) = (entry.Substring(0, equals), entry.Substring(equals + 1));
                Environment.SetEnvironmentVariable(name, value);
                LibC.SetVariable(name, value);
            }
        }

        private static void StartAnew(List<string> variables)
        {
            var folder = variables.Find(entry => entry.StartsWith("LAMBDA_TASK_ROOT=", StringComparison.Ordinal));
            if (folder != null) Directory.SetCurrentDirectory(folder.Substring(folder.IndexOf('=') + 1));
            var arguments = Executable.CommandLine;
            arguments.RemoveAt(arguments.Count - 1);
            Executable.Become(arguments, variables);
        }

        private static void Fail(string problem)
        {
            LibC.WriteLine(2, "runtime cell: " + problem);
            Environment.Exit(1);
        }
    }
}
