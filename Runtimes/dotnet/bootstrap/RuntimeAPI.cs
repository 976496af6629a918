using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Apus
{
    /// <summary>The Runtime API over one raw keep-alive connection; HttpClient would double the time to the first event.</summary>
    internal sealed class RuntimeAPI
    {
        private const string Prefix = "/2018-06-01/runtime/";

        private readonly IPEndPoint address;
        private readonly string tail;
        private readonly byte[] next;
        private Socket socket;
        private ReplyReader replies;
        private string requestId;

        /// <summary>Replies that come before the next invocation.</summary>
        private int due;
        private bool asked;

        /// <param name="host">IPv4 address and port.</param>
        public RuntimeAPI(string host)
        {
            var colon = host.LastIndexOf(':');
            address = new IPEndPoint(IPAddress.Parse(host.Substring(0, colon)), int.Parse(host.Substring(colon + 1)));
            tail = " HTTP/1.1\r\nHost: " + host + "\r\n";
            next = Encoding.ASCII.GetBytes("GET " + Prefix + "invocation/next" + tail + "\r\n");
        }

        /// <summary>Waits for the next invocation. Ends the process when the platform has gone: nobody is left to tell.</summary>
        public Invocation Next()
        {
            try
            {
                var reply = NextReply();
                if (reply.Status != 200) End("next invocation refused: " + reply.Status + " " + Encoding.UTF8.GetString(reply.Body));
                var invocation = new Invocation(reply.Headers, reply.Body);
                requestId = invocation.RequestId;
                return invocation;
            }
            catch (Exception problem) when (problem is SocketException || problem is IOException)
            {
                End("Runtime API: " + problem.Message);
                throw;
            }
        }

        /// <summary>Posts a result together with the request for the next invocation: one packet, and the process is woken once.</summary>
        public void Respond(MemoryStream result) =>
            Answer("response", "", new ArraySegment<byte>(result.GetBuffer(), 0, (int)result.Length));

        public void Fail(Exception problem)
        {
            var cause = Faults.XRayCause(problem);
            var headers = Kind(problem) + (cause == null ? "" : "Lambda-Runtime-Function-XRay-Error-Cause: " + cause + "\r\n");
            Answer("error", headers, new ArraySegment<byte>(Encoding.UTF8.GetBytes(Faults.Body(problem))));
        }

        public void FailInit(Exception problem)
        {
            Connect();
            var body = Encoding.UTF8.GetBytes(Faults.Body(problem));
            socket.Send(Head("init/error", Kind(problem), body.Length));
            socket.Send(body);
            replies.Read();
        }

        /// <summary>Hangs up.</summary>
        public void Close() => socket.Dispose();

        private static string Kind(Exception problem) =>
            "Lambda-Runtime-Function-Error-Type: " + Faults.Printable(problem.GetType().Name) + "\r\n";

        private void Answer(string what, string headers, ArraySegment<byte> body)
        {
            try
            {
                var head = Head("invocation/" + requestId + "/" + what, headers, body.Count);
                socket.Send(new List<ArraySegment<byte>> { new ArraySegment<byte>(head), body, new ArraySegment<byte>(next) });
                due = 1;
                asked = true;
            }
            catch (SocketException)
            {
                Disconnect(); // an answer that is too large is refused by closing; the next invocation needs a new connection
            }
        }

        private byte[] Head(string path, string headers, int length) => Encoding.UTF8.GetBytes(
            "POST " + Prefix + path + tail + "Content-Type: application/json\r\n" + headers + "Content-Length: " + length + "\r\n\r\n");

        private Reply NextReply()
        {
            var mayReconnect = asked;
            try
            {
                if (!asked) Ask();
                return LastReply();
            }
            catch (Exception problem) when (mayReconnect && (problem is SocketException || problem is IOException))
            {
                Disconnect();
                Ask();
                return LastReply();
            }
        }

        private Reply LastReply()
        {
            // What the server says to a result does not matter: the next invocation is the only way on.
            for (; due > 0; due--) replies.Read();
            var reply = replies.Read();
            asked = false;
            return reply;
        }

        private void Ask()
        {
            if (socket == null) Connect();
            socket.Send(next);
            asked = true;
        }

        private void Connect()
        {
            socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.Connect(address);
            replies = new ReplyReader(socket);
        }

        private void Disconnect()
        {
            socket.Dispose();
            socket = null;
            asked = false;
            due = 0;
        }

        private static void End(string problem)
        {
            LibC.WriteLine(2, problem);
            Environment.Exit(1);
        }
    }
}
