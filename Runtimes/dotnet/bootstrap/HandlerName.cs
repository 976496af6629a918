using System;

namespace Apus
{
    /// <summary><c>Assembly::Namespace.Type::Method</c>; the method may be a whole signature.</summary>
    internal sealed class HandlerName
    {
        private const string Format = "The valid format is 'ASSEMBLY::TYPE::METHOD'.";

        public readonly string Assembly, Type, Method;

        /// <exception cref="LambdaValidationException">With AWS's texts.</exception>
        public HandlerName(string text)
        {
            var parts = text.Split(new[] { "::" }, 3, StringSplitOptions.None);
            if (parts.Length != 3) throw new LambdaValidationException($"Invalid lambda function handler: '{text}'. {Format}");
            Assembly = Part(parts[0], "assembly", text);
            Type = Part(parts[1], "type", text);
            Method = Part(parts[2], "method", text);
        }

        private static string Part(string part, string what, string text) => part.Trim() != "" ? part.Trim()
            : throw new LambdaValidationException($"Invalid lambda function handler: '{text}', the {what} is missing. {Format}");
    }
}
