using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;

namespace Apus
{
    /// <summary>Functions that are programs: an assembly with a <c>Main</c>, or a binary that was compiled ahead of time.</summary>
    internal static class Executable
    {
        private const int NotFound = 104, CannotRun = 126;

        /// <summary>Becomes the program; it has to be in the package.</summary>
        public static void Replace(string handler)
        {
            var file = Path.Combine(Environment.GetEnvironmentVariable("LAMBDA_TASK_ROOT") ?? "", handler);
            var assembly = file.EndsWith(".dll", StringComparison.Ordinal) ? file : file + ".dll";
            if (File.Exists(assembly)) Become(new[] { CommandLine[0], "exec", "--roll-forward", "Major", assembly }, Variables());
            if (File.Exists(file)) Become(new[] { file }, Variables());
            Fail(NotFound, $"Error: executable assembly {assembly} or binary {file} not found.");
        }

        /// <summary>How this process was started: the program <c>dotnet</c> and what follows it.</summary>
        public static List<string> CommandLine => new List<string>(File.ReadAllText("/proc/self/cmdline").TrimEnd('\0').Split('\0'));

        public static void Become(IList<string> arguments, IEnumerable<string> variables)
        {
            var error = LibC.Execute(arguments[0], arguments, variables);
            Fail(CannotRun, $"Error: {arguments[0]} cannot be started (errno {error}).");
        }

        private static IEnumerable<string> Variables()
        {
            foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables()) yield return $"{variable.Key}={variable.Value}";
        }

        private static void Fail(int status, string problem)
        {
            LibC.WriteLine(2, problem);
            Environment.Exit(status);
        }
    }
}
