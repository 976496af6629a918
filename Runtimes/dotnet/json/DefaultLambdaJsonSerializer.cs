using System;
using System.IO;
using System.Text.Encodings.Web;
using System.Text.Json;
using Amazon.Lambda.Core;

namespace Amazon.Lambda.Serialization.SystemTextJson
{
    /// <summary>JSON by System.Text.Json: members by their own names, whatever their case in an event; no nulls.</summary>
    public class DefaultLambdaJsonSerializer : ILambdaSerializer
    {
        private readonly JsonWriterOptions writing = new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

        protected JsonSerializerOptions SerializerOptions { get; } =
            new JsonSerializerOptions { IgnoreNullValues = true, PropertyNameCaseInsensitive = true };

        public DefaultLambdaJsonSerializer() : this(null) { }

        public DefaultLambdaJsonSerializer(Action<JsonSerializerOptions> customizer) { customizer?.Invoke(SerializerOptions); }

        public T Deserialize<T>(Stream requestStream)
        {
            try
            {
                var copy = new MemoryStream();
                requestStream.CopyTo(copy);
                return JsonSerializer.Deserialize<T>(new ReadOnlySpan<byte>(copy.GetBuffer(), 0, (int)copy.Length), SerializerOptions);
            }
            catch (Exception problem)
            {
                throw new JsonSerializerException(
                    $"Error converting the Lambda event JSON payload to type {typeof(T).FullName}: {problem.Message}", problem);
            }
        }

        public void Serialize<T>(T response, Stream responseStream)
        {
            try
            {
                using (var writer = new Utf8JsonWriter(responseStream, writing)) JsonSerializer.Serialize(writer, response, SerializerOptions);
            }
            catch (Exception problem)
            {
                throw new JsonSerializerException(
                    $"Error converting the response object of type {typeof(T).FullName} from the Lambda function to JSON: {problem.Message}",
                    problem);
            }
        }
    }

    /// <summary>The same with members in camel case.</summary>
    public class CamelCaseLambdaJsonSerializer : DefaultLambdaJsonSerializer
    {
        public CamelCaseLambdaJsonSerializer() : base(options => options.PropertyNamingPolicy = JsonNamingPolicy.CamelCase) { }
    }

    public class JsonSerializerException : Exception
    {
        public JsonSerializerException(string message, Exception inner) : base(message, inner) { }
    }
}
