using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Apus
{
    /// <summary>Finds what a handler's name names. Its refusals are AWS's, to the letter.</summary>
    internal static class HandlerLoader
    {
        private const BindingFlags Any =
            BindingFlags.DeclaredOnly | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static;

        /// <exception cref="LambdaValidationException">The function cannot be run as it is.</exception>
        public static Handler Load(string text)
        {
            var name = new HandlerName(text);
            var assembly = LoadAssembly(name.Assembly);
            var type = assembly.GetType(name.Type);
            if (type == null) throw Invalid($"Unable to load type '{name.Type}' from assembly '{name.Assembly}'.");
            var method = Method(type, name);
            CheckMethod(method);
            CheckType(type, method);
            return new Handler(name, method, Instance(type, method), assembly);
        }

        private static Assembly LoadAssembly(string name)
        {
            var path = Path.Combine(Environment.GetEnvironmentVariable("LAMBDA_TASK_ROOT") ?? Directory.GetCurrentDirectory(), name + ".dll");
            if (!File.Exists(path))
                throw Invalid($"Could not find the specified handler assembly with the file name '{name}, Culture=neutral, PublicKeyToken=null'. " +
                    "The assembly should be located in the root of your uploaded .zip file.");
            try
            {
                return new FunctionAssemblies(path).LoadFromAssemblyPath(path);
            }
            catch (Exception problem) when (problem is BadImageFormatException || problem is FileLoadException)
            {
                throw Invalid($"Unable to load assembly '{name}'.");
            }
        }

        private static MethodInfo Method(Type type, HandlerName name)
        {
            for (var each = type; each != null; each = each.BaseType)
            {
                var methods = each.GetMethods(Any).Where(method => method.Name == name.Method || method.ToString() == name.Method).ToList();
                if (methods.Count == 1) return methods[0];
                if (methods.Count > 1)
                    throw Invalid($"The method '{name.Method}' in type '{each.FullName}' appears to have a number of overloads. " +
                        $"To call this method please specify a complete method signature. Possible candidates are:\n{string.Join("\n", methods)}.");
            }
            throw Invalid($"Unable to find method '{name.Method}' in type '{name.Type}' from assembly '{name.Assembly}': " +
                $"Found no methods matching method name '{name.Method}'.");
        }

        private static void CheckMethod(MethodInfo method)
        {
            if (method.IsAbstract)
                throw Unusable(method, "it is an abstract method. Handler methods cannot be abstract. Please specify a non-abstract handler method.");
            if (method.IsGenericMethod)
                throw Unusable(method, "it is a generic method. Handler methods cannot be generic. Please specify a non-generic handler method.");
            if (method.ReturnType == typeof(void) && method.IsDefined(typeof(AsyncStateMachineAttribute)))
                throw Unusable(method, "it is an 'async void' method. Handler methods cannot be 'async void'. Please specify a method that is not 'async void'.");
            if (method.GetParameters().LastOrDefault()?.IsDefined(typeof(ParamArrayAttribute)) == true)
                throw Unusable(method, "it is a 'params' method. Please specify a method that does not use 'params'.");
            if ((method.CallingConvention & CallingConventions.VarArgs) != 0)
                throw Unusable(method, "it is a 'vararg (variable arguments)' method. Please specify a method that is not 'vararg'.");
        }

        private static void CheckType(Type type, MethodInfo method)
        {
            if (type.IsGenericType)
                throw Invalid($"The type '{type.FullName}' cannot be used as a Lambda Handler type because it is generic. " +
                    "Handler methods cannot be located in generic types. Please specify a handler method in a non-generic type.");
            if (!method.IsStatic && type.IsAbstract)
                throw Invalid($"The instance method '{method}' cannot be used as a Lambda Handler because its type '{type.FullName}' is abstract. " +
                    "Please either use a static handler or specify a type that is not abstract.");
            if (!type.IsClass && (!type.IsValueType || type.IsPrimitive || type.IsEnum))
                throw Invalid($"The type '{type.FullName}' cannot be used as a handler type since it is not a class or a struct. " +
                    "Please specify a handler method on a class or struct.");
        }

        /// <summary>Constructors run now, as a part of init; null for a static handler.</summary>
        private static object Instance(Type type, MethodInfo method)
        {
            if (!method.IsStatic) return Activator.CreateInstance(type);
            RuntimeHelpers.RunClassConstructor(type.TypeHandle);
            return null;
        }

        private static Exception Unusable(MethodInfo method, string reason) =>
            Invalid($"The method '{method}' cannot be used as a Lambda Handler because {reason}");

        private static Exception Invalid(string message) => new LambdaValidationException(message);
    }
}
