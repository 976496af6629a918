using System;
using System.IO;

namespace Amazon.Lambda.Core
{
    /// <summary>Makes objects of events, and answers of objects.</summary>
    public interface ILambdaSerializer
    {
        T Deserialize<T>(Stream requestStream);
        void Serialize<T>(T response, Stream responseStream);
    }

    /// <summary>Names the serializer of a handler, or of all handlers of an assembly.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Assembly)]
    public sealed class LambdaSerializerAttribute : Attribute
    {
        public LambdaSerializerAttribute(Type serializerType) { SerializerType = serializerType; }

        public Type SerializerType { get; set; }
    }
}
