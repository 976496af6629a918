"""Events in, results out; the ways a handler can answer."""

import json

import pytest

LEGACY, MODERN = "nodejs20.x", "nodejs24.x"


@pytest.fixture
def run(start):
    """Starts a function whose file index.js is the given text. Only Node.js 20 is here: others are simulated by id."""

    def run(code, runtime=LEGACY, handler="index.handler", **options):
        environment = {"AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}", **options.pop("environment", {})}
        return start(LEGACY, handler, {"index.js": code}, environment=environment, **options)

    return run


ECHO = "exports.handler = async event => event;"


@pytest.mark.parametrize("runtime", [LEGACY, MODERN])
def test_answer_and_next_request_travel_in_one_packet_on_one_connection(run, runtime):
    function = run(ECHO, runtime)
    for number in range(3):
        post = function.invoke({"n": number})
        assert json.loads(post.body) == {"n": number}
        assert post.headers["content-type"] == "application/json"
    function.api.wait_for_next()
    assert function.api.connections == 1
    assert function.api.packets[1].endswith(b'{"n":0}' + function.api.packets[0])


def test_values_survive_the_round_trip(run):
    function = run(ECHO)
    for event in (None, True, 0, -1.5, "", "\u00fc\U0001f600\u2028", [], {"a": [1, {"b": None}]}, "é" * 3_000_000):
        assert json.loads(function.invoke(event).body) == event


def test_a_refused_answer_is_followed_by_the_next_invocation(run):
    function = run(ECHO)
    function.api.refuse = (413, False)
    function.invoke("x" * 1000)
    assert function.invoke(1).body == b"1"
    function.api.wait_for_next()
    function.api.refuse = (413, True)
    function.api.send("x" * 6_000_000)
    assert function.api.invoke(2).body == b"2"
    assert function.api.connections == 2


ANSWERS = [
    ("(event, context, callback) => callback(null, 'cb')", "cb"),
    ("(event, context, callback) => { setTimeout(() => callback(null, 'late'), 5); }", "late"),
    ("(event, context) => context.succeed('s')", "s"),
    ("(event, context) => context.done(null, 'd')", "d"),
    ("() => Promise.resolve('p')", "p"),
    ("async () => {}", None),
    ("() => 'ignored'", None),
    ("(event, context, callback) => { callback(null, 1); callback(null, 2); }", 1),
    ("(event, context, callback) => { context.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 1e6); callback(null, 'now'); }", "now"),
]


@pytest.mark.parametrize("code, expected", ANSWERS)
def test_ways_to_answer(run, code, expected):
    function = run(f"exports.handler = {code};")
    for _ in range(2):
        post = function.invoke()
        assert post.path.endswith("/response")
        assert json.loads(post.body) == expected


def test_a_callback_waits_until_the_event_loop_is_empty(run):
    function = run("""
        let ended = [];
        exports.handler = (event, context, callback) => {
          setTimeout(() => ended.push('timer'), 20);
          callback(null, ended);
        };""")
    assert json.loads(function.invoke().body) == ["timer"]


def test_a_promise_does_not_wait(run):
    function = run("exports.handler = async () => { setInterval(() => {}, 1e6); return 1; };")
    assert function.invoke().body == b"1"
    assert function.invoke().body == b"1"


FAILURES = [
    ("(event, context, callback) => callback(new RangeError('cb'))", "RangeError", "cb"),
    ("(event, context, callback) => callback('text')", "string", "text"),
    ("(event, context) => context.fail('f')", "string", "f"),
    ("(event, context) => context.fail()", "string", "handled"),
    ("() => { throw new TypeError('sync'); }", "TypeError", "sync"),
    ("async () => { throw new TypeError('async'); }", "TypeError", "async"),
    ("async () => { throw {a: 1}; }", "object", "[object Object]"),
    ("async () => new Promise(() => {})", "Runtime.NodeJsExit", None),
    ("async () => 1n", "Error", "Unable to stringify response body"),
    ("(event, context, callback) => callback(null, 1n)", "Error", "Unable to stringify response body"),
    ("async () => { class Mine extends Error { constructor(m) { super(m); this.name = 'Mine\\x7f'; } } throw new Mine('é'); }", "Mine%7F", "é"),
]


@pytest.mark.parametrize("code, kind, message", FAILURES)
def test_ways_to_fail(run, code, kind, message):
    function = run(f"exports.handler = {code};")
    post = function.invoke()
    assert post.path.endswith("/error")
    body = json.loads(post.body)
    assert body["errorType"] == kind and post.headers["lambda-runtime-function-error-type"] == kind
    if message is not None:
        assert body["errorMessage"] == message
    assert isinstance(body["trace"], list)
    # Not a reset: the same process serves on.
    assert function.invoke().path.endswith("/error")
    assert function.process.poll() is None


def test_an_error_carries_its_trace_and_a_cause_for_x_ray(run, tmp_path):
    function = run("function inner() { throw new Error('boom é'); }\nexports.handler = async () => inner();")
    post = function.invoke()
    body = json.loads(post.body)
    file = str(tmp_path / "task/index.js")
    assert body["trace"][0] == "Error: boom é" and body["trace"][1].startswith(f"    at inner ({file}:1:")
    assert post.headers["lambda-runtime-function-xray-error-cause"].isascii()
    cause = json.loads(post.headers["lambda-runtime-function-xray-error-cause"])
    assert cause["exceptions"][0]["message"] == "boom é"
    assert cause["exceptions"][0]["stack"][0] == {"path": file, "line": 1, "label": "inner"}
    assert file in cause["paths"]


def test_events_that_are_no_json(run):
    assert json.loads(run(ECHO).invoke(b"{").body)["errorType"] == "SyntaxError"


CONTEXT = """exports.handler = async (event, context) => ({...context, left: context.getRemainingTimeInMillis(),
  trace: process.env._X_AMZN_TRACE_ID ?? null, keys: Object.keys(context).sort()});"""


@pytest.mark.parametrize("runtime", [LEGACY, MODERN])
def test_context_has_every_field(run, runtime):
    function = run(CONTEXT, runtime)
    plain = json.loads(function.invoke().body)
    assert plain["functionName"] == "hello" and plain["functionVersion"] == "$LATEST"
    assert plain["memoryLimitInMB"] == "128" and plain["logGroupName"] == "/aws/lambda/hello"
    assert plain["logStreamName"].startswith("2026/01/01/[$LATEST]")
    assert plain["awsRequestId"] == "00000000-0000-4000-8000-000000000001"
    assert plain["invokedFunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:hello"
    assert plain["left"] > 10**9 and plain["trace"].startswith("Root=1-5bef4de7")
    legacy = {"callbackWaitsForEmptyEventLoop", "done", "fail", "succeed"}
    assert legacy & set(plain["keys"]) == (legacy if runtime == LEGACY else set())
    full = json.loads(function.invoke(
        Lambda_Runtime_Trace_Id=None, Lambda_Runtime_Deadline_Ms="1000",
        Lambda_Runtime_Client_Context='{"custom": {"k": "ü"}}',
        Lambda_Runtime_Cognito_Identity='{"cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool"}',
        Lambda_Runtime_Aws_Tenant_Id="blue",
    ).body)
    assert full["clientContext"] == {"custom": {"k": "ü"}} and full["tenantId"] == "blue"
    assert full["identity"] == {"cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool"}
    assert full["left"] < 0 and full["trace"] is None


def test_from_24_on_promises_only(run):
    function = run("exports.handler = (event, context, callback) => callback(null, 1);", MODERN)
    body = json.loads(function.api.result().body)
    assert body["errorType"] == "Runtime.CallbackHandlerDeprecated"
    assert body["errorMessage"].startswith("ERROR: AWS Lambda has removed support for callback-based function handlers")
    assert function.exit_code() == 1
    [text] = function.texts()
    assert "\tERROR\tInit Error \t{" in text


def test_from_24_on_plain_values_answer_and_a_lost_promise_ends_the_process(run):
    function = run("exports.handler = event => event ? 'plain' : new Promise(() => {});", MODERN)
    assert function.invoke(1).body == b'"plain"'
    function.api.send(None)
    assert function.exit_code() == 13


@pytest.mark.parametrize("code, kind, title, status", [
    ("setTimeout(() => { throw new Error('stray'); })", "Error", "Uncaught Exception", 129),
    ("Promise.reject(new Error('stray'))", "Runtime.UnhandledPromiseRejection", "Unhandled Promise Rejection", 128),
])
@pytest.mark.parametrize("phase", ["init", "invoke"])
def test_stray_errors_are_reported_and_end_the_process(run, code, kind, title, status, phase):
    forever = "setInterval(() => {}, 1e6)"
    function = run({
        "init": f"{code}; exports.handler = async () => 1;",
        "invoke": f"exports.handler = () => new Promise(() => {{ {code}; {forever}; }});",
    }[phase])
    if phase == "invoke":
        post = function.invoke()
        assert post.path.endswith("/error") and json.loads(post.body)["errorType"] == kind
    assert function.exit_code() == status
    [text] = function.texts()
    assert f"\tERROR\t{title} \t{{" in text


def test_exit_in_a_handler_ends_the_process_without_an_answer(run):
    function = run("exports.handler = async () => process.exit(5);")
    function.api.send({})
    assert function.exit_code() == 5
    assert len(function.api.requests) == 1
