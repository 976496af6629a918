using System;
using System.IO;
using System.Reflection;
using Amazon.Lambda.Core;

namespace Apus
{
    /// <summary>The serializer that a function names.</summary>
    internal sealed class Serializer
    {
        private readonly MethodInfo deserialize, serialize;

        private Serializer(ILambdaSerializer instance)
        {
            Instance = instance;
            deserialize = typeof(ILambdaSerializer).GetMethod("Deserialize");
            serialize = typeof(ILambdaSerializer).GetMethod("Serialize");
        }

        public ILambdaSerializer Instance { get; }

        /// <summary>By the attribute of the method, or of the assembly; null when neither has one.</summary>
        /// <exception cref="LambdaValidationException">The attribute names what is no serializer.</exception>
        public static Serializer Of(MethodInfo method, Assembly assembly)
        {
            var attribute = method.GetCustomAttribute<LambdaSerializerAttribute>() ?? assembly.GetCustomAttribute<LambdaSerializerAttribute>();
            if (attribute == null) return null;
            var type = attribute.SerializerType;
            if (type == null)
                throw new LambdaValidationException($"The 'SerializerType' property on attribute class '{attribute.GetType().FullName}' is not set.");
            if (type.GetConstructor(Type.EmptyTypes) == null)
                throw new LambdaValidationException($"The indicated serializer '{type.FullName}' does not define a public zero-parameter constructor.");
            if (!typeof(ILambdaSerializer).IsAssignableFrom(type))
                throw new LambdaValidationException($"The '{type.FullName}' class is invalid: it does not implement the 'ILambdaSerializer' interface.");
            return new Serializer((ILambdaSerializer)Activator.CreateInstance(type));
        }

        public object Deserialize(Type type, Stream stream) => Call(deserialize, type, stream);

        public void Serialize(Type type, object value, Stream stream) => Call(serialize, type, value, stream);

        private object Call(MethodInfo method, Type type, params object[] arguments) =>
            method.MakeGenericMethod(type).Invoke(Instance, BindingFlags.DoNotWrapExceptions, null, arguments, null);
    }
}
