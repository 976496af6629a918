"""Which methods can be handlers, and what is said of those that cannot."""

import json
import shutil

import pytest

SOURCE = """\
using System;
using System.IO;
using System.Text;
using System.Threading.Tasks;
using Amazon.Lambda.Core;
using Amazon.Lambda.Serialization.SystemTextJson;

[assembly: LambdaSerializer(typeof(DefaultLambdaJsonSerializer))]

namespace Space
{
    public class Person { public string Name { get; set; } public string Nick { get; set; } public int? Age { get; set; } }

    public class Base { public string Inherited(string name) => "base of " + name; }

    public class Mine : ILambdaSerializer
    {
        public T Deserialize<T>(Stream stream) => (T)(object)new StreamReader(stream).ReadToEnd();
        public void Serialize<T>(T value, Stream stream) { var bytes = Encoding.UTF8.GetBytes(value + "!"); stream.Write(bytes, 0, bytes.Length); }
    }

    public class NoConstructor : ILambdaSerializer
    {
        public NoConstructor(int n) { }
        public T Deserialize<T>(Stream stream) => default(T);
        public void Serialize<T>(T value, Stream stream) { }
    }

    public class Handlers : Base
    {
        private readonly string made = "made";

        public Stream Streams(Stream input) => input;
        public static Stream Tail(Stream input) { input.Position = 2; return input; }
        public async Task<Stream> LaterStream(Stream input) { await Task.Yield(); return input; }
        public Person Object(Person person) => new Person { Name = person.Name.ToUpper(), Age = person.Age };
        public async Task<Person> LaterObject(Person person, ILambdaContext context) { await Task.Delay(1); return new Person { Name = context.FunctionName }; }
        public int Value(int number) => number + 1;
        public static string Static() => "static";
        public string Instance() => made;
        public string OnlyContext(ILambdaContext context) => context.AwsRequestId;
        public void Nothing(Person person) { }
        public async Task Later() { await Task.Delay(1); }
        private string Private() => "private";
        [LambdaSerializer(typeof(Mine))] public string OwnSerializer(string text) => text;
        public string Twice(int number) => "int";
        public string Twice(string text) => "string";

        public string Generic<T>(T value) => "";
        public async void AsyncVoid() { await Task.Yield(); }
        public string Params(params string[] values) => "";
        public string Three(string a, string b, string c) => "";
        public string Second(string a, string b) => "";
        [LambdaSerializer(typeof(object))] public string NotASerializer(string text) => text;
        [LambdaSerializer(typeof(NoConstructor))] public string Unmakeable(string text) => text;
    }

    public abstract class Abstract { public string Concrete() => ""; public abstract string Missing(); }

    public class Open<T> { public string Handle() => ""; }

    public interface IFace { string Handle(); }
}
"""
PERSON = {"name": "Ada", "AGE": 36}


@pytest.fixture(scope="module")
def assembly(compile_to, tmp_path_factory):
    return compile_to(tmp_path_factory.mktemp("handlers") / "Handlers.dll", SOURCE)


@pytest.fixture
def call(assembly, launch, start):
    shutil.copy(assembly, start.task)
    return lambda method, type="Space.Handlers": launch(f"Handlers::{type}::{method}")


@pytest.mark.parametrize("method, event, answer", [
    ("Streams", PERSON, json.dumps(PERSON)),
    ("Tail", "text", 'ext"'),
    ("LaterStream", [1], "[1]"),
    ("Object", PERSON, '{"Name":"ADA","Age":36}'),
    ("LaterObject", PERSON, '{"Name":"hello"}'),
    ("Value", 41, "42"),
    ("Static", None, '"static"'),
    ("Instance", None, '"made"'),
    ("OnlyContext", None, '"00000000-0000-4000-8000-000000000001"'),
    ("Nothing", PERSON, ""),
    ("Later", None, ""),
    ("Private", None, '"private"'),
    ("Inherited", "ünï", '"base of ünï"'),
    ("OwnSerializer", "text", '"text"!'),
    ("System.String Twice(Int32)", 1, '"int"'),
])
def test_methods_that_can_be_handlers(call, method, event, answer):
    post = call(method).invoke(event)
    assert (post.path.rpartition("/")[2], post.body.decode()) == ("response", answer)


CANNOT = "cannot be used as a Lambda Handler"


@pytest.mark.parametrize("type, method, message", [
    ("Handlers", "Twice", "The method 'Twice' in type 'Space.Handlers' appears to have a number of overloads. To call this method please "
     "specify a complete method signature. Possible candidates are:\nSystem.String Twice(Int32)\nSystem.String Twice(System.String)."),
    ("Handlers", "Generic", f"The method 'System.String Generic[T](T)' {CANNOT} because it is a generic method. "
     "Handler methods cannot be generic. Please specify a non-generic handler method."),
    ("Handlers", "AsyncVoid", f"The method 'Void AsyncVoid()' {CANNOT} because it is an 'async void' method. "
     "Handler methods cannot be 'async void'. Please specify a method that is not 'async void'."),
    ("Handlers", "Params", f"The method 'System.String Params(System.String[])' {CANNOT} because it is a 'params' method. "
     "Please specify a method that does not use 'params'."),
    ("Handlers", "Three", "Method 'Three' of type 'Space.Handlers' is not supported: the method has more than 2 parameters."),
    ("Handlers", "Second", "Method 'Second' of type 'Space.Handlers' is not supported: the method has 2 parameters, but the second "
     "parameter is not of type 'Amazon.Lambda.Core.ILambdaContext'."),
    ("Handlers", "NotASerializer", "The 'System.Object' class is invalid: it does not implement the 'ILambdaSerializer' interface."),
    ("Handlers", "Unmakeable", "The indicated serializer 'Space.NoConstructor' does not define a public zero-parameter constructor."),
    ("Abstract", "Concrete", f"The instance method 'System.String Concrete()' {CANNOT} because its type 'Space.Abstract' is abstract. "
     "Please either use a static handler or specify a type that is not abstract."),
    ("Abstract", "Missing", f"The method 'System.String Missing()' {CANNOT} because it is an abstract method. "
     "Handler methods cannot be abstract. Please specify a non-abstract handler method."),
    ("Open`1", "Handle", f"The type 'Space.Open`1' {CANNOT} type because it is generic. Handler methods cannot be located in generic types. "
     "Please specify a handler method in a non-generic type."),
    ("Handlers", " ", "Invalid lambda function handler: 'Handlers::Space.Handlers:: ', the method is missing. "
     "The valid format is 'ASSEMBLY::TYPE::METHOD'."),
])
def test_methods_that_cannot(call, type, method, message):
    function = call(method, f"Space.{type}")
    post = function.api.result()
    assert post.path == "/2018-06-01/runtime/init/error"
    assert json.loads(post.body) == {"errorType": "LambdaValidationException", "errorMessage": message}
    assert post.headers["lambda-runtime-function-error-type"] == "LambdaValidationException"
    assert function.exit_code() == 1


def test_an_event_that_does_not_fit(call):
    body = json.loads(call("Value").invoke("text").body)
    assert body["errorType"] == "JsonSerializerException"
    assert body["errorMessage"].startswith("Error converting the Lambda event JSON payload to type System.Int32: ")
    assert body["cause"]["errorType"] == "JsonException"


def test_what_is_no_assembly(launch, start):
    (start.task / "Handlers.dll").write_text("no assembly")
    body = json.loads(launch("Handlers::A::B").api.result().body)
    assert body["errorMessage"] == "Unable to load assembly 'Handlers'."


@pytest.mark.parametrize("closes", [False, True])
def test_a_refused_answer_is_not_the_end(call, closes):
    function = call("Streams")
    function.api.refuse = (413, closes)
    function.api.send("x" * 200_000)
    if not closes:
        function.api.result()
    assert function.invoke("next").body == b'"next"'
    assert function.api.connections == 1 + closes
