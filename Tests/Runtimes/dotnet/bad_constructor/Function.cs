using System;
using System.IO;

namespace Suite
{
    public class Function
    {
        public Function() { throw new InvalidOperationException("not today"); }

        public Stream Handle(Stream input) => input;
    }
}
