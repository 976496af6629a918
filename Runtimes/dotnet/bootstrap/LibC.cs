using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;

namespace Apus
{
    /// <summary>System calls that .NET has no words for.</summary>
    internal static class LibC
    {
        [DllImport("libc", EntryPoint = "read", SetLastError = true)]
        private static extern IntPtr Read(int descriptor, byte[] buffer, IntPtr size);

        [DllImport("libc", EntryPoint = "write", SetLastError = true)]
        private static extern unsafe IntPtr Write(int descriptor, byte* bytes, IntPtr size);

        [DllImport("libc", EntryPoint = "close")]
        public static extern int Close(int descriptor);

        [DllImport("libc", EntryPoint = "execve", SetLastError = true)]
        private static extern int Execve(IntPtr path, IntPtr[] arguments, IntPtr[] variables);

        [DllImport("libc", EntryPoint = "clearenv")]
        public static extern int ClearEnvironment();

        [DllImport("libc", EntryPoint = "setenv")]
        private static extern int SetVariable(byte[] name, byte[] value, int overwrite);

        private const int Interrupted = 4;

        /// <summary>Blocks until there is something; 0 at the end.</summary>
        public static int Read(int descriptor, byte[] buffer)
        {
            for (;;)
            {
                var count = (int)Read(descriptor, buffer, (IntPtr)buffer.Length);
                if (count >= 0 || Marshal.GetLastWin32Error() != Interrupted) return count;
            }
        }

        /// <summary>Writes everything, if anybody reads.</summary>
        public static unsafe void Write(int descriptor, byte[] bytes, int length)
        {
            fixed (byte* start = bytes)
            {
                for (var done = 0; done < length;)
                {
                    var count = (int)Write(descriptor, start + done, (IntPtr)(length - done));
                    if (count >= 0) done += count;
                    else if (Marshal.GetLastWin32Error() != Interrupted) return;
                }
            }
        }

        public static void WriteLine(int descriptor, string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text + "\n");
            Write(descriptor, bytes, bytes.Length);
        }

        public static void SetVariable(string name, string value) => SetVariable(Text(name), Text(value), 1);

        /// <summary>Puts another program in the place of this one. Returns the error number when there is no way.</summary>
        public static int Execute(string path, IEnumerable<string> arguments, IEnumerable<string> variables)
        {
            Execve(Pinned(path), Pointers(arguments), Pointers(variables));
            return Marshal.GetLastWin32Error();
        }

        private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text + "\0");

        private static IntPtr Pinned(string text) => GCHandle.Alloc(Text(text), GCHandleType.Pinned).AddrOfPinnedObject();

        private static IntPtr[] Pointers(IEnumerable<string> texts)
        {
            var pointers = new List<IntPtr>();
            foreach (var text in texts) pointers.Add(Pinned(text));
            pointers.Add(IntPtr.Zero);
            return pointers.ToArray();
        }
    }
}
