using System.Collections.Generic;

namespace Apus
{
    /// <summary>An event and what the platform says about it.</summary>
    internal sealed class Invocation
    {
        private readonly Dictionary<string, string> headers;

        public Invocation(Dictionary<string, string> headers, byte[] body)
        {
            this.headers = headers;
            Body = body;
        }

        public byte[] Body { get; }

        public string RequestId => this["Lambda-Runtime-Aws-Request-Id"];

        /// <summary>A header of the reply; null when it is absent.</summary>
        public string this[string name] => headers.TryGetValue(name, out var value) ? value : null;
    }
}
