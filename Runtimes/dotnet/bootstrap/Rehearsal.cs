using System;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Threading;

namespace Apus
{
    /// <summary>
    /// What a cell does while nobody waits: .NET compiles a method when it is first called, which is most of what an environment does before
    /// its first event. Nothing of it stays open.
    /// </summary>
    internal static class Rehearsal
    {
        private static readonly byte[] Reply = Encoding.ASCII.GetBytes(
            "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 0\r\nContent-Length: 2\r\n\r\n{}");

        // What refers to Amazon.Lambda.Core has to wait: which one that is, the function decides.
        private static readonly Type[] Compiled = {
            typeof(HandlerName), typeof(HandlerLoader), typeof(FunctionAssemblies), typeof(Cell), typeof(LibC), typeof(Log), typeof(LogWriter),
            typeof(MessageTemplate),
        };

        private sealed class Sample
        {
            public string Text { get; set; }
            public int Number { get; set; }
        }

        public static void Run()
        {
            foreach (var type in Compiled) Compile(type);
            JsonSerializer.Serialize(JsonSerializer.Deserialize<Sample>("{\"Text\":\"a\",\"Number\":1}"));
            AskOnce();
            GC.Collect();
        }

        private static void Compile(Type type)
        {
            const BindingFlags all =
                BindingFlags.DeclaredOnly | BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;
            foreach (var method in type.GetMethods(all))
                if (!method.IsGenericMethodDefinition && !method.IsAbstract) RuntimeHelpers.PrepareMethod(method.MethodHandle);
            foreach (var constructor in type.GetConstructors(all)) RuntimeHelpers.PrepareMethod(constructor.MethodHandle);
        }

        /// <summary>Two invocations by a Runtime API of our own; skipped where there is no loopback.</summary>
        private static void AskOnce()
        {
            try
            {
                using (var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
                {
                    listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                    listener.Listen(1);
                    var server = new Thread(() => Answer(listener)) { IsBackground = true };
                    server.Start();
                    var api = new RuntimeAPI(listener.LocalEndPoint.ToString());
                    api.Next();
                    api.Respond(new MemoryStream(new byte[2], 0, 2, true, true));
                    api.Next();
                    api.Close();
                    server.Join();
                }
            }
            catch (SocketException)
            {
            }
        }

        private static void Answer(Socket listener)
        {
            var request = new byte[4096];
            using (var connection = listener.Accept())
                for (var replies = 1; connection.Receive(request) > 0; replies = 2)
                    for (var count = 0; count < replies; count++) connection.Send(Reply);
        }
    }
}
