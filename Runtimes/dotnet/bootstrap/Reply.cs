using System;
using System.Collections.Generic;
using System.IO;
using System.Net.Sockets;
using System.Text;

namespace Apus
{
    /// <summary>A response of the Runtime API.</summary>
    internal struct Reply
    {
        public int Status;
        public Dictionary<string, string> Headers;
        public byte[] Body;
    }

    /// <summary>Takes replies off a connection, one after another.</summary>
    internal sealed class ReplyReader
    {
        private readonly Socket socket;
        private byte[] buffer = new byte[16384];

        /// <summary>What has been received and not taken: from <c>start</c> up to <c>end</c>.</summary>
        private int start, end;

        public ReplyReader(Socket socket) { this.socket = socket; }

        /// <exception cref="IOException">The connection has ended.</exception>
        public Reply Read()
        {
            var lines = Head().Split(new[] { "\r\n" }, StringSplitOptions.None);
            var reply = new Reply {
                Status = int.Parse(lines[0].Substring(9, 3)), Headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase),
            };
            for (var index = 1; index < lines.Length; index++)
            {
                var colon = lines[index].IndexOf(':');
                reply.Headers[lines[index].Substring(0, colon)] = lines[index].Substring(colon + 1).Trim();
            }
            reply.Body = Body(reply.Headers.TryGetValue("Content-Length", out var length) ? int.Parse(length) : 0);
            return reply;
        }

        /// <summary>The first line and the headers, without the empty line at their end.</summary>
        private string Head()
        {
            for (var seen = 0;;)
            {
                var length = new ReadOnlySpan<byte>(buffer, start + seen, end - start - seen).IndexOf(Mark);
                if (length >= 0)
                {
                    var text = Encoding.UTF8.GetString(buffer, start, seen + length);
                    start += seen + length + Mark.Length;
                    return text;
                }
                seen = Math.Max(0, end - start - Mark.Length + 1);
                Receive();
            }
        }

        private static readonly byte[] Mark = { 13, 10, 13, 10 };

        private byte[] Body(int length)
        {
            var body = new byte[length];
            var taken = Math.Min(length, end - start);
            Buffer.BlockCopy(buffer, start, body, 0, taken);
            start += taken;
            while (taken < length) taken += Count(socket.Receive(body, taken, length - taken, SocketFlags.None));
            return body;
        }

        private void Receive()
        {
            Buffer.BlockCopy(buffer, start, buffer, 0, end - start);
            end -= start;
            start = 0;
            if (end == buffer.Length) Array.Resize(ref buffer, buffer.Length * 2);
            end += Count(socket.Receive(buffer, end, buffer.Length - end, SocketFlags.None));
        }

        private static int Count(int received) => received > 0 ? received : throw new IOException("the connection was closed");
    }
}
