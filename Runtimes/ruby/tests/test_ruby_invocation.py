"""Events, results and contexts of Ruby functions."""

import json

import pytest

RUBY = "ruby3.1"
CONTEXT = """\
def handler(event:, context:)
  fields = %i[aws_request_id invoked_function_arn log_group_name log_stream_name function_name memory_limit_in_mb
              function_version identity tenant_id client_context deadline_ms]
  fields.to_h { |field| [field, context.public_send(field)] }.merge(left: context.get_remaining_time_in_millis)
end
"""


def echo(start):
    return start(RUBY, "app.handler", {"app.rb": "def handler(event:, context:) = event\n"})


@pytest.mark.parametrize("event", [None, 1, 1.5, "ünï\u2028\0", [], {}, {"a": [{"b": None}]}, "x" * 1_000_000])
def test_events_come_back(start, event):
    assert json.loads(echo(start).invoke(event).body) == event


def test_an_event_that_is_no_json_is_an_error_and_no_end(start):
    function = echo(start)
    assert json.loads(function.invoke(b"{").body)["errorType"] == "Function<JSON::ParserError>"
    assert function.invoke(1).body == b"1"


def test_what_is_not_json_comes_as_it_is(start):
    function = start(RUBY, "app.handler", {"app.rb": "def handler(event:, context:) = event.upcase\n"})
    assert function.invoke(b"text", Content_Type="text/plain").body == b'"TEXT"'


def test_the_content_of_an_io_is_the_answer(start):
    function = start(RUBY, "app.handler", {"app.rb": "def handler(event:, context:) = StringIO.new(\"\\xff\".b)\n"})
    post = function.invoke()
    assert (post.body, post.headers["content-type"]) == (b"\xff", "application/unknown")


def test_a_result_that_has_no_json(start):
    function = start(RUBY, "app.handler", {"app.rb": "def handler(event:, context:) = event ? 0.0 / 0 : 1\n"})
    assert json.loads(function.invoke(True).body)["errorType"] == "Function<JSON::GeneratorError>"
    assert function.invoke(False).body == b"1"


def test_functions_may_have_a_marshaller_of_their_own(start):
    code = ("class AwsLambda::Marshaller\n  class << self\n    def marshall_request(request) = request.body.to_i\n"
            "    def marshall_response(result) = [StringIO.new(\"<#{result}>\"), 'application/unknown']\n  end\nend\n"
            "def handler(event:, context:) = event + 1\n")
    assert start(RUBY, "app.handler", {"app.rb": code}).invoke(41).body == b"<42>"


def test_the_context(start):
    function = start(RUBY, "app.handler", {"app.rb": CONTEXT})
    context = json.loads(function.invoke(
        None, Lambda_Runtime_Client_Context='{"custom": {"a": 1}}', Lambda_Runtime_Aws_Tenant_Id="tenant",
        Lambda_Runtime_Cognito_Identity='{"cognitoIdentityId": "id"}').body)
    assert context.pop("left") > 0
    assert context == {
        "aws_request_id": "00000000-0000-4000-8000-000000000001",
        "invoked_function_arn": "arn:aws:lambda:us-east-1:000000000000:function:hello",
        "log_group_name": "/aws/lambda/hello", "log_stream_name": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
        "function_name": "hello", "memory_limit_in_mb": "128", "function_version": "$LATEST",
        "identity": {"cognitoIdentityId": "id"}, "tenant_id": "tenant", "client_context": {"custom": {"a": 1}},
        "deadline_ms": 4102444800000,
    }
    bare = json.loads(function.invoke(None, Lambda_Runtime_Deadline_Ms="1").body)
    assert [bare[name] for name in ("left", "identity", "tenant_id", "client_context")] == [0, None, None, None]


def test_the_trace_header_is_that_of_the_call(start):
    function = start(RUBY, "app.handler", {"app.rb": "def handler(event:, context:) = ENV['_X_AMZN_TRACE_ID']\n"})
    assert function.invoke(None, Lambda_Runtime_Trace_Id="Root=1").body == b'"Root=1"'
    assert function.invoke(None, Lambda_Runtime_Trace_Id=None).body == b"null"


def test_an_answer_and_the_next_request_leave_in_one_packet(start):
    function = echo(start)
    for _ in range(3):
        function.invoke({"a": 1})
    function.api.wait_for_next()
    assert function.api.connections == 1
    assert sum(b"/response" in packet and b"invocation/next" in packet for packet in function.api.packets) == 3


@pytest.mark.parametrize("hangs_up", [False, True])
def test_a_refused_answer_is_followed_by_the_next_event(start, hangs_up):
    function = echo(start)
    function.api.refuse = (413, hangs_up)
    function.api.send("x" * 3_000_000)
    if not hangs_up:
        function.api.result()
    assert function.invoke("after").body == b'"after"'
