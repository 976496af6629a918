"""Function URLs: their API, the events that functions get by them, and what becomes of the answers."""

import base64
import http.client
import json
import re
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from support.faults import refused
from support.functions import Functions
from support.server import ACCOUNT, REGION

# Answers with its event, or with what the request's body says: text that is evaluated.
HANDLER = """
import json
def handler(event, context):
    if event.get("body"):
        return eval(event["body"])
    return event
"""
FORBIDDEN = {
    "Message": "Forbidden. For troubleshooting Function URL authorization issues, see: "
               "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}
NOT_FOUND = (404, "ResourceNotFoundException", "The resource you requested does not exist.")
NO_FUNCTION = (404, "ResourceNotFoundException", "Function does not exist")


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.fields = [(name.lower(), value) for name, value in response.getheaders()]
        self.headers = dict(self.fields)
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


class URL:
    """A function's URL. `localhost` names may not resolve on the host, so the connection goes to the server and the host is said."""

    def __init__(self, server, text):
        self.server = server
        self.text = text
        self.host = urllib.parse.urlsplit(text).netloc
        self.id = self.host.split(".")[0]

    def open(self, method="GET", target="/", body=None, headers=None, host=None):
        connection = http.client.HTTPConnection(*self.server.address, timeout=30)
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host or self.host)
        fields = headers.items() if isinstance(headers, dict) else headers or []
        for name, value in fields:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return connection.getresponse()

    def send(self, *arguments, **settings):
        return Reply(self.open(*arguments, **settings))

    def run(self, code, **settings):
        """The answer of a function that returns what this text evaluates to."""
        return self.send("POST", body=code.encode(), headers={"Content-Type": "text/plain"}, **settings)


def make(function, *, public=True, **settings):
    settings = {"AuthType": "NONE", **settings}
    client, name = function.client, function.name
    qualifier = {"Qualifier": settings["Qualifier"]} if "Qualifier" in settings else {}
    made = client.create_function_url_config(FunctionName=name, **settings)
    if public:
        client.add_permission(
            FunctionName=name, StatementId="url", Action="lambda:InvokeFunctionUrl", Principal="*", FunctionUrlAuthType="NONE",
            **qualifier)
    return URL(function.functions.server, made["FunctionUrl"])


@pytest.fixture
def function(functions):
    return functions.create(HANDLER)


@pytest.fixture(scope="module")
def url(module_functions):
    return make(module_functions.create(HANDLER))


def bare(answer):
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


# The API

def test_life_of_a_config(client, function, server):
    name, cors = function.name, {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "MaxAge": 5}
    made = client.create_function_url_config(FunctionName=name, AuthType="NONE", Cors=cors)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert set(bare(made)) == {"FunctionUrl", "FunctionArn", "AuthType", "Cors", "CreationTime"}
    assert (made["FunctionArn"], made["AuthType"], made["Cors"]) == (function.arn, "NONE", cors)
    assert re.fullmatch(rf"http://[a-z0-9]{{32}}\.lambda-url\.{REGION}\.localhost:{server.address[1]}/", made["FunctionUrl"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made["CreationTime"])

    read = client.get_function_url_config(FunctionName=name)
    assert bare(read) == {**bare(made), "InvokeMode": "BUFFERED", "LastModifiedTime": made["CreationTime"]}
    with refused(409, "ResourceConflictException",
                 f"Failed to create function url config for [functionArn = {function.arn}]. Error message:  "
                 "FunctionUrlConfig exists for this Lambda function"):
        client.create_function_url_config(FunctionName=name, AuthType="NONE")

    updated = client.update_function_url_config(FunctionName=name, AuthType="AWS_IAM", Cors={})
    assert set(bare(updated)) == {"FunctionUrl", "FunctionArn", "AuthType", "CreationTime", "LastModifiedTime"}
    assert (updated["AuthType"], updated["FunctionUrl"]) == ("AWS_IAM", made["FunctionUrl"])
    assert client.update_function_url_config(FunctionName=name, InvokeMode="RESPONSE_STREAM")["InvokeMode"] == "RESPONSE_STREAM"
    assert client.update_function_url_config(FunctionName=name)["InvokeMode"] == "RESPONSE_STREAM"

    assert client.delete_function_url_config(FunctionName=name)["ResponseMetadata"]["HTTPStatusCode"] == 204
    with refused(*NOT_FOUND):
        client.get_function_url_config(FunctionName=name)
    assert client.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"] != made["FunctionUrl"]


def test_lists(client, function):
    with refused(*NO_FUNCTION):
        client.list_function_url_configs(FunctionName="doesnotexist")
    assert client.list_function_url_configs(FunctionName=function.name)["FunctionUrlConfigs"] == []
    make(function, public=False)
    for alias in ("blue", "green"):
        client.create_alias(FunctionName=function.name, Name=alias, FunctionVersion="$LATEST")
        make(function, public=False, Qualifier=alias)
    seen, marker = [], {}
    while True:
        page = client.list_function_url_configs(FunctionName=function.name, MaxItems=1, **marker)
        seen += page["FunctionUrlConfigs"]
        if "NextMarker" not in page:
            break
        marker = {"Marker": page["NextMarker"]}
    assert [item["FunctionArn"] for item in seen] == [function.arn, f"{function.arn}:blue", f"{function.arn}:green"]
    assert {item["InvokeMode"] for item in seen} == {"BUFFERED"}


def test_targets_that_are_not_there(client, function):
    for name, qualifier in (("doesnotexist", {}), (function.name, {"Qualifier": "v1"})):
        with refused(*NO_FUNCTION):
            client.create_function_url_config(FunctionName=name, AuthType="NONE", **qualifier)
        with refused(*NO_FUNCTION):
            client.update_function_url_config(FunctionName=name, **qualifier)
        with refused(*NOT_FOUND):
            client.get_function_url_config(FunctionName=name, **qualifier)
        with refused(*NOT_FOUND):
            client.delete_function_url_config(FunctionName=name, **qualifier)
    with refused(*NOT_FOUND):
        client.update_function_url_config(FunctionName=function.name)


@pytest.mark.parametrize("settings, text", [
    ({"Qualifier": "1"}, r"Value '1' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)"),
    ({"Qualifier": "$LATEST"}, r"Value '$LATEST' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)"),
    ({"InvokeMode": "UNKNOWN"}, "Value 'UNKNOWN' at 'invokeMode' failed to satisfy constraint: Member must satisfy enum value set: [RESPONSE_STREAM, BUFFERED]"),
    ({"Cors": {"MaxAge": 86401}}, "Value '86401' at 'cors.maxAge' failed to satisfy constraint: Member must have value less than or equal to 86400"),
])
def test_constraints(server, function, settings, text):
    client = server.client("lambda", parameter_validation=False)
    with refused(400, "ValidationException", f"1 validation error detected: {text}"):
        client.create_function_url_config(FunctionName=function.name, **{"AuthType": "NONE", **settings})


def test_urls_go_with_what_they_belong_to(client, functions, function):
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="$LATEST")
    of_alias, of_function = make(function, Qualifier="live"), make(function)
    assert (of_alias.send().status, of_function.send().status) == (200, 200)
    client.delete_alias(FunctionName=function.name, Name="live")
    assert (of_alias.send().status, of_function.send().status) == (403, 200)
    function.delete()
    assert of_function.send().status == 403
    again = functions.create(HANDLER, name=function.name)
    with refused(*NOT_FOUND):
        client.get_function_url_config(FunctionName=again.name)


def test_urls_survive_a_restart_and_have_the_domain_of_the_setting(new_server):
    server = new_server()
    url = make(Functions(server).create(HANDLER))
    server.arguments += ["--function-url-domain", "https://fn.example.com"]
    server.restart()
    client = server.client("lambda")
    name = client.list_functions()["Functions"][0]["FunctionName"]
    assert client.get_function_url_config(FunctionName=name)["FunctionUrl"] == f"https://{url.id}.lambda-url.{REGION}.fn.example.com/"
    assert url.send(host=f"{url.id}.lambda-url.{REGION}.fn.example.com").status == 200


# Events

def test_the_event(url):
    before = time.time()
    event = url.send(
        "PUT", "/pa2%Fth/1?q=a%20b&multi=foo&multi=%2Fbar",
        headers=[("X-One", "a"), ("x-one", "b"), ("Cookie", "a=b; c=d"), ("User-Agent", "agent"), ("X-Forwarded-For", "10.0.0.1")]).json
    headers, context = event.pop("headers"), event.pop("requestContext")
    assert event == {
        "version": "2.0", "routeKey": "$default", "rawPath": "/pa2%Fth/1", "rawQueryString": "q=a%20b&multi=foo&multi=%2Fbar",
        "cookies": ["a=b", "c=d"], "queryStringParameters": {"q": "a b", "multi": "foo,/bar"}, "isBase64Encoded": False}
    trace = headers.pop("x-amzn-trace-id")
    assert trace.startswith("Root=1-")
    assert headers == {
        "x-one": "a,b", "user-agent": "agent", "host": url.host, "x-forwarded-for": "10.0.0.1,127.0.0.1",
        "x-forwarded-proto": "http", "x-forwarded-port": str(url.server.address[1])}
    assert before - 1 < context.pop("timeEpoch") / 1000 < time.time() + 1
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context.pop("time"))
    assert re.fullmatch(r"[0-9a-f-]{36}", context.pop("requestId"))
    assert context == {
        "accountId": "anonymous", "apiId": url.id, "domainName": url.host.split(":")[0], "domainPrefix": url.id,
        "http": {"method": "PUT", "path": "/pa2%Fth/1", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "agent"},
        "routeKey": "$default", "stage": "$default"}


def test_bodies(functions):
    url = make(functions.create("def handler(event, context):\n    return event\n"))
    for type, body, encoded in (
        ("text/plain", b"text", False), ("application/json", b'{"a": 1}', False),
        ("application/x-www-form-urlencoded", b"a=b", True), ("image/png", bytes(range(256)), True),
        ("text/plain", b"\xff\xfe", True)):
        event = url.send("POST", body=body, headers={"Content-Type": type}).json
        assert event["isBase64Encoded"] == encoded
        assert (base64.b64decode(event["body"]) if encoded else event["body"].encode()) == body


def test_by_path(url):
    event = url.send("GET", f"/_apus/url/{url.id}/a%20b?c=d", host="127.0.0.1").json
    assert (event["rawPath"], event["rawQueryString"]) == ("/a%20b", "c=d")
    assert url.send("GET", f"/_apus/url/{url.id}", host="127.0.0.1").json["rawPath"] == "/"
    assert url.send("GET", "/_apus/url/", host="127.0.0.1").status == 403


# Answers

@pytest.mark.parametrize("code, body", [
    ('{"hello": "world"}', b'{"hello":"world"}'), ('{"statusCode": 200, "body": "body123"}', b"body123"),
    ('["hello", 3, True]', b'["hello",3,true]'), ('"hello"', b"hello"), ("3", b"3"), ("3.1", b"3.1"), ("True", b"true")])
def test_values(url, code, body):
    reply = url.run(code)
    assert (reply.status, reply.body) == (200, body)
    assert (reply.headers["content-type"], reply.headers["content-length"]) == ("application/json", str(len(body)))
    assert re.fullmatch(r"[0-9a-f-]{36}", reply.headers["x-amzn-requestid"])
    assert reply.headers["x-amzn-trace-id"].startswith("Root=1-")


def test_an_answer_in_full(url):
    reply = url.run(repr({
        "statusCode": "201", "headers": {"Content-Type": "image/png", "My-Header": "Some Value"}, "cookies": ["a=1", "b=2; Secure"],
        "body": base64.b64encode(bytes(range(256))).decode(), "isBase64Encoded": True}))
    assert (reply.status, reply.body) == (201, bytes(range(256)))
    assert (reply.headers["content-type"], reply.headers["my-header"]) == ("image/png", "Some Value")
    assert [value for name, value in reply.fields if name == "set-cookie"] == ["a=1", "b=2; Secure"]


def test_answers_without_a_body(url):
    assert (url.run('{"statusCode": 204}').status, url.send("HEAD").body) == (204, b"")


@pytest.mark.parametrize("code", [
    "1 / 0", "__import__('os')._exit(1)", '{"statusCode": 700}', '{"statusCode": 200, "headers": {"a": "b\\r\\nc: d"}}',
    '{"statusCode": 200, "body": "*", "isBase64Encoded": True}'])
def test_failures(url, code):
    reply = url.run(code)
    assert (reply.status, reply.body) == (502, b"Internal Server Error")
    assert "c" not in reply.headers


def test_a_timeout(functions):
    url = make(functions.create("import time\ndef handler(event, context):\n    time.sleep(30)\n", Timeout=1))
    assert url.send().status == 504


def test_reserved_concurrency_of_zero_disables_the_url(client, function):
    url = make(function)
    client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    reply = url.send()
    assert (reply.status, reply.headers["x-amzn-errortype"]) == (429, "TooManyRequestsException")
    client.delete_function_concurrency(FunctionName=function.name)
    assert url.send().status == 200


@pytest.mark.parametrize("size", [6_291_556, 7 << 20, 10 << 20])
def test_bodies_that_are_too_large(url, size):
    assert url.send("POST", body=b"x" * size, headers={"Content-Type": "text/plain"}).status == 413


# Who may

def test_a_public_url_needs_a_statement(client, function):
    url = make(function, public=False)

    def is_forbidden():
        reply = url.send()
        return (reply.status, reply.json, reply.headers.get("x-amzn-errortype")) == (403, FORBIDDEN, "AccessDeniedException")

    def add(**settings):
        client.add_permission(FunctionName=function.name, **{
            "StatementId": "url", "Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE", **settings})

    assert is_forbidden()
    for settings in ({"FunctionUrlAuthType": "AWS_IAM"}, {"Action": "lambda:InvokeFunction"}, {"Principal": ACCOUNT},
                     {"SourceAccount": ACCOUNT}):
        add(**settings)
        assert is_forbidden()
        client.remove_permission(FunctionName=function.name, StatementId="url")
    add()
    assert url.send().status == 200
    client.remove_permission(FunctionName=function.name, StatementId="url")
    assert is_forbidden()


def test_a_url_that_is_not_there(url):
    reply = url.send(host=f"{'0' * 32}.lambda-url.{REGION}.localhost")
    assert (reply.status, reply.body) == (403, b'{"Message":null}')
    assert (reply.headers["content-type"], reply.headers["x-amzn-errortype"]) == ("application/json", "AccessDeniedException")


def signed(url, target="/", body=b"", secret=None, service="lambda"):
    access, default = url.server.credentials
    request = botocore.awsrequest.AWSRequest("POST", f"http://{url.host}{target}", data=body, headers={"Content-Type": "text/plain"})
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(access, secret or default), service, REGION).add_auth(request)
    return url.send("POST", target, body=body, headers=dict(request.headers.items()))


def test_signed_urls(function):
    url = make(function, public=False, AuthType="AWS_IAM")
    assert (url.send().status, url.send().json) == (403, FORBIDDEN)
    reply = signed(url, "/a?b=c")
    assert reply.status == 200
    context = reply.json["requestContext"]
    assert context["accountId"] == ACCOUNT
    assert context["authorizer"]["iam"] == {
        "accessKey": url.server.credentials[0], "accountId": ACCOUNT, "callerId": ACCOUNT, "cognitoIdentity": None,
        "principalOrgId": None, "userArn": f"arn:aws:iam::{ACCOUNT}:root", "userId": ACCOUNT}
    assert signed(url, body=b'"signed"').body == b"signed"
    for settings in ({"secret": "wrong"}, {"service": "s3"}):
        reply = signed(url, **settings)
        assert (reply.status, reply.headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")


def test_signed_urls_of_another_account(dev_server):
    # Here an access key of twelve digits names its account.
    functions = Functions(dev_server)
    function = functions.create(HANDLER)
    url = make(function, public=False, AuthType="AWS_IAM")
    other = "222222222222"

    def call():
        request = botocore.awsrequest.AWSRequest("GET", f"http://{url.host}/")
        botocore.auth.SigV4Auth(botocore.credentials.Credentials(other, "any"), "lambda", REGION).add_auth(request)
        return url.send(headers=dict(request.headers.items()))

    assert (call().status, call().json) == (403, FORBIDDEN)
    function.client.add_permission(
        FunctionName=function.name, StatementId="other", Action="lambda:InvokeFunctionUrl", Principal=other,
        FunctionUrlAuthType="AWS_IAM")
    context = call().json["requestContext"]
    assert (context["accountId"], context["authorizer"]["iam"]["accountId"]) == (ACCOUNT, other)
    functions.close()


# Other origins

def test_cross_origin(functions):
    url = make(functions.create("""
        def handler(event, context):
            return {"statusCode": 200, "body": event["requestContext"]["http"]["method"], "headers": {"Access-Control-Allow-Origin": "evil"}}
        """), Cors={"AllowOrigins": ["https://a.example"], "AllowMethods": ["PUT"], "AllowHeaders": ["x-a"], "ExposeHeaders": ["x-b"],
                    "MaxAge": 60})
    preflight = url.send("OPTIONS", headers={"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"})
    assert (preflight.status, preflight.body) == (200, b"")
    assert {name: value for name, value in preflight.headers.items() if name.startswith("access-")} == {
        "access-control-allow-origin": "https://a.example", "access-control-allow-methods": "PUT",
        "access-control-allow-headers": "x-a", "access-control-max-age": "60"}
    reply = url.send(headers={"Origin": "https://a.example"})
    assert {name: value for name, value in reply.headers.items() if name.startswith("access-")} == {
        "access-control-allow-origin": "https://a.example", "access-control-expose-headers": "x-b"}
    for origin in ({"Origin": "https://b.example"}, {}):
        assert not any(name.startswith("access-") for name in url.send(headers=origin).headers)
    assert url.send("OPTIONS").body == b"OPTIONS"


def test_without_rules_the_function_answers_a_preflight(functions):
    url = make(functions.create("def handler(event, context):\n    return event['requestContext']['http']['method']\n"))
    assert url.send("OPTIONS", headers={"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}).body == b"OPTIONS"


# Streams

STREAM = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const how = event.rawPath.slice(1);
  if (how === "plain") {
    stream.setContentType("text/plain");
  } else if (how !== "bare") {
    stream = awslambda.HttpResponseStream.from(stream, {statusCode: 201, headers: {"X-A": "b"}, cookies: ["c=d"]});
  }
  stream.write("first");
  if (how === "broken") {
    await new Promise(done => setTimeout(done, 200));
    throw new Error("half-way");
  }
  await new Promise(done => setTimeout(done, 1500));
  stream.write("second");
  stream.end();
});
"""


@pytest.fixture(scope="module")
def streamed(module_functions):
    return make(module_functions.node(STREAM, Timeout=20), InvokeMode="RESPONSE_STREAM")


def test_a_stream_comes_as_it_is_written(streamed):
    response = streamed.open(target="/prelude")
    assert (response.status, response.getheader("x-a"), response.getheader("set-cookie")) == (201, "b", "c=d")
    assert response.getheader("transfer-encoding") == "chunked"
    assert response.read(5) == b"first"
    first = time.monotonic()
    assert response.read() == b"second"
    assert time.monotonic() - first > 1


def test_a_stream_without_a_prelude(streamed):
    response = streamed.open(target="/plain")
    assert (response.status, response.getheader("content-type")) == (200, "text/plain")
    assert response.read() == b"firstsecond"


def test_a_stream_that_breaks_does_not_look_whole(streamed):
    response = streamed.open(target="/broken")
    assert response.status == 201
    with pytest.raises(http.client.IncompleteRead) as broken:
        response.read()
    assert broken.value.partial == b"first"


def test_a_client_that_goes_away_leaves_the_url_usable(streamed):
    response = streamed.open(target="/prelude")
    response.read(5)
    response.close()
    assert streamed.send(target="/plain").body == b"firstsecond"


def test_a_handler_that_returns_streams_its_value_as_it_is(functions):
    url = make(functions.create("def handler(event, context):\n    return {'statusCode': 418, 'body': 'x'}\n"), InvokeMode="RESPONSE_STREAM")
    reply = url.send()
    assert (reply.status, reply.json) == (200, {"statusCode": 418, "body": "x"})


def test_a_stream_is_collected_for_a_buffered_url(module_functions):
    reply = make(module_functions.node(STREAM, Timeout=20)).send(target="/prelude")
    assert (reply.status, reply.headers["x-a"], reply.body) == (201, "b", b"firstsecond")
    assert reply.headers["content-length"] == "11"
