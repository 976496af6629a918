"""How handlers are found and called, and how they fail."""

import json
import pathlib
import subprocess

import pytest

TRACE = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0"


@pytest.mark.parametrize("handler, event, expected", [
    ("Forms$Text", "a", b'"a!"'), ("Forms$Whole", 41, b"42"), ("Forms$Whole", None, b"null"), ("Forms$Nothing", {"a": 1}, b"null"),
    ("Forms$Points", [{"x": 1}, {"x": "2", "y": 3}], b'{"last":{"x":2,"y":3}}'),
    ("Forms$Inherited", {"left": 1, "right": [2, 3]}, b'"6"'), ("Forms$Bytes", {"a": 1}, b'[{"a": 1}]'),
    ("Forms::none", {}, b'"none"'), ("Forms::onlyContext", {}, b'"hello"'), ("Forms::fixed", [1, 2], b"2"),
    ("Forms::nothing", "a", b"null"), ("Forms::in", 1, b""), ("Forms::out", 1, b"1"), ("Forms::both", [1], b"[1]"),
    ("Forms::overloaded", "a", b'"two"'), ("Forms::closer", "a", b'"context"'),
    ("Forms$Text::handleRequest", "a", b'"a!"'),
])
def test_forms(start_java, handler, event, expected):
    function = start_java(handler)
    for _ in range(2):
        post = function.invoke(event)
        assert (post.path.rpartition("/")[2], post.body) == ("response", expected)


@pytest.mark.parametrize("handler, message, kind", [
    ("Nowhere", "Class not found: Nowhere", "java.lang.ClassNotFoundException"),
    ("no.where.Class::method", "Class not found: no.where.Class", "java.lang.ClassNotFoundException"),
    ("Forms::", "Invalid handler: `Forms::'", None), ("::none", "Invalid handler: `::none'", None), ("", "Invalid handler: `'", None),
    ("Forms", "Class does not implement an appropriate handler interface: Forms", None),
    ("Forms::wrong", "No public method named wrong with appropriate method signature found on class Forms", None),
    ("Forms::hidden", "No public method named hidden with appropriate method signature found on class Forms", None),
    ("Forms$Inner", "Class Forms$Inner cannot be instantiated because it is a non-static inner class", "java.lang.Exception"),
    ("Forms$Unmade", "Class Forms$Unmade has no public zero-argument constructor", "java.lang.Exception"),
    ("Forms$Raw", "Class Forms$Raw does not implement RequestHandler with concrete type parameters", None),
    ("Forms$Open", "Class Forms$Open does not implement RequestHandler with concrete type parameters: parameter T has no upper bound.",
     None),
])
def test_handlers_that_do_not_exist(start_java, handler, message, kind):
    """Each event is told, and the process stays."""
    function = start_java(handler)
    for _ in range(2):
        post = function.invoke("event")
        assert json.loads(post.body) == {"errorMessage": message, **({"errorType": kind} if kind else {})}
        assert post.path.endswith("/error")
        assert post.headers["lambda-runtime-function-error-type"] == "Runtime.BadFunctionCode"
    assert [text.partition("\n")[0] for text in function.texts()] == [f"{message}: {kind}" if kind else message] * 2


@pytest.fixture
def fail(start_java):
    function = start_java("Failures")

    def fail(kind):
        post = function.invoke(kind)
        assert post.path.endswith("/error")
        return post, json.loads(post.body)

    fail.function = function
    return fail


def test_an_error_has_its_trace_and_causes(fail):
    post, body = fail("cause")
    assert list(body) == ["errorMessage", "errorType", "stackTrace", "cause"]
    assert (body["errorMessage"], body["errorType"]) == ("outer", "java.lang.IllegalStateException")
    assert body["cause"]["errorMessage"] == "inner"
    for trace in (body["stackTrace"], body["cause"]["stackTrace"]):
        assert trace[0].startswith("Failures.handleRequest(Failures.java:")
        assert all(frame.startswith("Failures.") for frame in trace), "nothing of the runtime's"
    assert post.headers["lambda-runtime-function-error-type"] == "Runtime.UserException"
    cause = json.loads(post.headers["lambda-runtime-function-xray-error-cause"])
    assert cause["exceptions"][0]["stack"][0]["path"] == "Failures.java"
    assert fail.function.texts()[0].startswith("outer: java.lang.IllegalStateException\njava.lang.IllegalStateException: outer\n\tat Failures.")


@pytest.mark.parametrize("kind, message, name", [
    ("none", "java.lang.IllegalStateException", "java.lang.IllegalStateException"), ("circle", "first", "java.lang.RuntimeException"),
    ("error", "checked", "java.lang.AssertionError"),
    ("getter", "An error occurred during JSON serialization of response", "java.lang.RuntimeException"),
    ("itself", "An error occurred during JSON serialization of response", "java.lang.RuntimeException"),
])
def test_errors_leave_the_process_as_it_is(fail, kind, message, name):
    _, body = fail(kind)
    assert (body["errorMessage"], body["errorType"]) == (message, name)
    assert fail.function.invoke("calls").body == b"2"


def test_events_that_do_not_fit(fail):
    _, body = fail({"a": 1})
    assert (body["errorMessage"], body["stackTrace"]) == ("An error occurred during JSON parsing", [])
    assert body["cause"]["errorType"] == "java.io.UncheckedIOException"
    assert body["cause"]["cause"]["errorMessage"] == "Cannot deserialize instance of `java.lang.String` out of an object"


@pytest.mark.parametrize("kind, name", [("deep", "java.lang.StackOverflowError"), ("heap", "java.lang.OutOfMemoryError")])
def test_a_broken_machine_serves_no_further_event(fail, kind, name):
    _, body = fail(kind)
    assert body["errorType"] == name
    assert fail.function.exit_code() == 1


def test_an_exit_is_not_answered(start_java):
    function = start_java("Failures")
    function.api.send("exit")
    assert function.exit_code() == 7


def test_an_interruption_does_not_reach_the_next_event(fail):
    assert fail.function.invoke("interrupted").body == b'"left so"'
    assert fail.function.invoke("calls").body == b"2"
    assert fail.function.invoke("interrupt").body == b"true"


def test_the_context_has_every_member(start_java):
    function = start_java("Surroundings", environment={"MINE": "ünï"})
    post = function.invoke({}, **{
        "Lambda-Runtime-Client-Context": '{"client":{"installation_id":"i","app_title":"t"},"custom":{"k":"ü"},"env":{"locale":"de"},"more":1}',
        "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId":"id","cognitoIdentityPoolId":"pool"}',
        "Lambda-Runtime-Aws-Tenant-Id": "tenant",
    })
    found = json.loads(post.body)
    context = found["context"]
    assert 10 ** 8 < context.pop("remainingTimeInMillis") < 2 ** 31
    assert context == {
        "awsRequestId": "00000000-0000-4000-8000-000000000001", "logGroupName": "/aws/lambda/hello",
        "logStreamName": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef", "functionName": "hello",
        "functionVersion": "$LATEST", "memoryLimitInMB": 128, "logger": {}, "tenantId": "tenant", "xrayTraceId": TRACE,
        "invokedFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:hello",
        "identity": {"cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool"},
        "clientContext": {
            "client": {"installation_id": "i", "app_title": "t"}, "custom": {"k": "ü"}, "env": {"locale": "de"}},
    }
    assert found["trace"] == TRACE
    assert found["variables"]["MINE"] == "ünï"
    assert "_LAMBDA_TELEMETRY_LOG_FD" not in found["variables"]
    assert found["relative"] is True


def test_a_context_header_that_is_no_json_fails_the_event_only(start_java):
    function = start_java("Surroundings")
    post = function.invoke({}, **{"Lambda-Runtime-Client-Context": "{"})
    assert json.loads(post.body)["errorType"] == "apus.runtime.json.JsonException"
    found = json.loads(function.invoke({}, **{"Lambda-Runtime-Trace-Id": None}).body)
    assert "trace" not in found or found["trace"] is None


# Where classes come from

def jar(tools, build, tmp_path, name, source, path):
    """A jar with one class, compiled from its text."""
    file = tmp_path / f"{path.stem}-source/{name}.java"
    file.parent.mkdir()
    file.write_text(source)
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([tools / "jar", "--create", "--file", path, "-C", build([file]), "."], check=True)


def test_classes_come_from_the_package_then_its_jars_then_the_layers(start_java, package, tools, build, tmp_path):
    layers = tmp_path / "layers"
    expected = []
    for path in (layers / "java/lib/x.jar", package / "lib/b.jar", package / "lib/a.jar"):
        jar(tools, build, tmp_path, "Placed", f'public class Placed {{ public static final String TEXT = "{path.stem}".trim(); }}', path)
        function = start_java("Surroundings::placed", package, environment={"_APUS_LAYER_ROOT": str(layers)})
        expected.append(json.loads(function.invoke({}).body))
    assert expected == ["x", "b", "a"]


def test_a_jar_with_interfaces_of_its_own_runs(start_java, package, tools, build, tmp_path):
    """A package usually brings AWS's library along: the runtime's interfaces count."""
    source = "package com.amazonaws.services.lambda.runtime;\npublic interface RequestHandler<I, O> {}"
    jar(tools, build, tmp_path, "RequestHandler", source, package / "lib/aws-lambda-java-core.jar")
    assert start_java("Forms$Text", package).invoke("a").body == b'"a!"'


SERIALIZER = """
import java.io.*;
import java.lang.reflect.Type;
public class Own implements com.amazonaws.services.lambda.runtime.CustomPojoSerializer {
    @SuppressWarnings("unchecked")
    public <T> T fromJson(InputStream input, Type type) {
        return (T) ("own " + type.getTypeName());
    }
    public <T> T fromJson(String input, Type type) { return null; }
    public <T> void toJson(T value, OutputStream output, Type type) {
        try { output.write(("{" + value + "}").getBytes()); } catch (IOException e) { throw new UncheckedIOException(e); }
    }
}
"""
SERVICE = "META-INF/services/com.amazonaws.services.lambda.runtime.CustomPojoSerializer"


def test_a_serializer_of_the_function(start_java, package, tools, build, tmp_path):
    jar(tools, build, tmp_path, "Own", SERIALIZER, package / "lib/own.jar")
    services = package / SERVICE
    services.parent.mkdir(parents=True)
    services.write_text("Own\n")
    assert start_java("Forms$Text", package).invoke("a").body == b"{own java.lang.String!}"
    services.write_text("Own\nOther\n")
    assert b"Too many serializers" in start_java("Forms$Text", package).invoke("a").body
    services.write_text("Other\n")
    assert start_java("Forms$Text", package).api.result().path.endswith("/init/error")


def test_answers_that_the_platform_refuses(start_java):
    """It hangs up instead of reading a body that is too large; the next event comes by a new connection."""
    function = start_java("Forms$Text")
    function.api.refuse = (413, True)
    function.api.send("x")
    function.api.wait_for_next()
    function.api.wait_for_next()
    assert function.invoke("b").body == b'"b!"'
    assert function.api.connections == 2


def test_an_event_of_six_megabytes(start_java):
    function = start_java("Forms$Bytes")
    event = b'"' + b"x" * (6 << 20) + b'"'
    assert function.api.invoke(event).body == b"[" + event + b"]"


def test_the_example(start_java, build):
    example = pathlib.Path(__file__).parents[3] / "Examples/hello-java"
    function = start_java("hello.Function", build([example / "hello/Function.java"]))
    assert json.loads(function.invoke({"name": "Ada"}).body)["message"] == "Hello, Ada!"
    assert function.texts() == ["greeting Ada\n"]
