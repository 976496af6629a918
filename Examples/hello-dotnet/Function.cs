using System;
using Amazon.Lambda.Core;
using Amazon.Lambda.Serialization.SystemTextJson;

[assembly: LambdaSerializer(typeof(DefaultLambdaJsonSerializer))]

namespace Hello
{
    public class Person
    {
        public string Name { get; set; }
    }

    public class Greeting
    {
        public string Message { get; set; }
        public string RequestId { get; set; }
    }

    /// <summary>The smallest function that shows something: it greets whoever the event names.</summary>
    public class Function
    {
        public Greeting Handle(Person person, ILambdaContext context)
        {
            Console.WriteLine($"greeting {person.Name}");
            return new Greeting { Message = $"Hello, {person.Name}!", RequestId = context.AwsRequestId };
        }
    }
}
