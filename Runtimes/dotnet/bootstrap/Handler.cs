using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Threading.Tasks;
using Amazon.Lambda.Core;

namespace Apus
{
    /// <summary>A method of the function, from an event's bytes to an answer's.</summary>
    internal sealed class Handler
    {
        private const string ContextType = "Amazon.Lambda.Core.ILambdaContext";

        private readonly MethodInfo method;
        private readonly object target;
        private readonly Serializer serializer;

        /// <summary>Null when the handler takes none.</summary>
        private readonly Type input;

        /// <summary>Null when there is no result, and <c>null</c> is the answer.</summary>
        private readonly Type output;
        private readonly bool takesContext;

        /// <exception cref="LambdaValidationException">Its parameters or its result cannot be served.</exception>
        public Handler(HandlerName name, MethodInfo method, object target, Assembly assembly)
        {
            this.method = method;
            this.target = target;
            serializer = Serializer.Of(method, assembly);
            var parameters = method.GetParameters().Select(parameter => parameter.ParameterType).ToArray();
            if (parameters.Length > 2)
                throw new LambdaValidationException($"Method '{method.Name}' of type '{name.Type}' is not supported: the method has more than 2 parameters.");
            takesContext = parameters.Length > 0 && parameters[parameters.Length - 1].FullName == ContextType;
            if (parameters.Length == 2 && !takesContext)
                throw new LambdaValidationException($"Method '{method.Name}' of type '{name.Type}' is not supported: " +
                    $"the method has 2 parameters, but the second parameter is not of type '{ContextType}'.");
            input = parameters.FirstOrDefault(type => type.FullName != ContextType);
            output = Result(method.ReturnType);
            if (input != null && input != typeof(Stream) && serializer == null) throw Missing("deserialize input", input, name);
            if (output != null && !typeof(Stream).IsAssignableFrom(output) && serializer == null) throw Missing("serialize output", output, name);
            if (takesContext) Logger.Connect();
        }

        public MemoryStream Invoke(Invocation invocation)
        {
            var arguments = new object[(input == null ? 0 : 1) + (takesContext ? 1 : 0)];
            if (takesContext) arguments[arguments.Length - 1] = new Context(invocation, serializer?.Instance);
            var body = new MemoryStream(invocation.Body, 0, invocation.Body.Length, false, true);
            if (input != null) arguments[0] = input == typeof(Stream) ? body : serializer.Deserialize(input, body);
            var value = method.Invoke(target, BindingFlags.DoNotWrapExceptions, null, arguments, null);
            if (value is Task task)
            {
                task.GetAwaiter().GetResult();
                value = output == null ? null : task.GetType().GetProperty("Result").GetValue(task);
            }
            return Answer(value);
        }

        private MemoryStream Answer(object value)
        {
            if (value is MemoryStream ready && ready.TryGetBuffer(out var bytes) && bytes.Offset == 0 && ready.Position == 0) return ready;
            var answer = new MemoryStream();
            if (value is Stream stream) stream.CopyTo(answer);
            else if (output != null && serializer != null) serializer.Serialize(output, value, answer);
            return answer;
        }

        /// <summary>What is in a task; null for no result.</summary>
        private static Type Result(Type type)
        {
            if (type == typeof(void)) return null;
            for (var each = type; each != null; each = each.BaseType)
            {
                if (each.IsConstructedGenericType && each.GetGenericTypeDefinition() == typeof(Task<>)) return each.GenericTypeArguments[0];
                if (each == typeof(Task)) return null;
            }
            return type;
        }

        private static Exception Missing(string purpose, Type type, HandlerName name) => new LambdaValidationException(
            $"Could not find the LambdaSerializerAttribute on the assembly '{name.Assembly}' or method '{name.Method}' while attempting to " +
            $"{purpose} data of type '{type.FullName}'. To use types other than System.IO.Stream as input/output parameters, " +
            "the assembly or Lambda function should be annotated with Amazon.Lambda.Core.LambdaSerializerAttribute.");
    }
}
