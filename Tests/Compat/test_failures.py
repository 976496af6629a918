"""How a function fails: the client's payload to the letter, the log, and that the next call works."""

import re

import pytest

from support.functions import node_runtime
from support.packages import pack
from support.waiting import eventually

REMEMBER = "def handler(event, context):\n    return eval(event['do']) if event else 'fine'\n"


def failed(reply, error_type=None):
    assert (reply.status, reply.error) == (200, "Unhandled"), reply.payload
    if error_type:
        assert reply.json["errorType"] == error_type, reply.payload
    return reply.json


# The handler's own errors

def test_python_exception(functions):
    function = functions.create("""
        class Refused(Exception):
            pass

        def deeper():
            raise Refused("no, ünï")

        def handler(event, context):
            if event:
                deeper()
            return "fine"
    """)
    reply = function.invoke({"a": 1})
    body = failed(reply)
    assert list(body) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (body["errorMessage"], body["errorType"]) == ("no, ünï", "Refused")
    assert body["requestId"] == reply.request_id
    assert len(body["stackTrace"]) == 2
    assert re.match(r'  File "/var/task/app.py", line 10, in handler\n    deeper\(\)\n', body["stackTrace"][0])
    assert re.match(r'  File "/var/task/app.py", line 6, in deeper\n    raise Refused\("no, ünï"\)\n', body["stackTrace"][1])
    assert reply.headers["x-amz-function-error"] == "Unhandled"
    assert "[ERROR] Refused: no, ünï" in reply.log
    assert "Traceback (most recent call last):" in reply.log
    assert function.invoke({}).ok() == "fine"


def test_an_error_of_the_handler_keeps_the_environment(functions):
    function = functions.create("""
        import uuid
        me = str(uuid.uuid4())

        def handler(event, context):
            if event:
                raise KeyError("gone")
            return me
    """)
    before = function.invoke({}).ok()
    assert failed(function.invoke({"a": 1}), "KeyError")["errorMessage"] == "'gone'"
    assert function.invoke({}).ok() == before


def test_python_value_that_is_not_json(functions):
    function = functions.create("def handler(event, context):\n    return {1, 2} if event else 'fine'\n")
    body = failed(function.invoke({"a": 1}), "Runtime.MarshalError")
    assert "not JSON serializable" in body["errorMessage"]
    assert function.invoke({}).ok() == "fine"


def test_node_error(functions):
    function = functions.node("""
        class Refused extends Error { constructor(m) { super(m); this.name = 'Refused'; } }
        exports.handler = async (event) => {
            if (event.fail) throw new Refused('no, ünï');
            return 'fine';
        };
    """, MemorySize=512)
    reply = function.invoke({"fail": True})
    body = failed(reply)
    assert list(body) == ["errorType", "errorMessage", "trace"]
    assert (body["errorType"], body["errorMessage"]) == ("Refused", "no, ünï")
    assert body["trace"][0] == "Refused: no, ünï"
    assert re.match(r"    at .*\(?(file://)?/var/task/index\.js:\d+:\d+\)?", body["trace"][1])
    assert "Invoke Error" in reply.log and reply.request_id in reply.log
    assert function.invoke({}).ok() == "fine"


@pytest.mark.parametrize(
    "body",
    ["(event, context, callback) => callback(new TypeError('bad'))", "async () => { throw new TypeError('bad'); }",
     "() => { throw new TypeError('bad'); }", "(event, context) => context.fail(new TypeError('bad'))"],
    ids=["callback", "rejection", "throw", "context.fail"])
def test_node_error_by_every_way(functions, body):
    function = functions.node(f"exports.handler = {body};", MemorySize=512)
    answer = failed(function.invoke(), "TypeError")
    assert answer["errorMessage"] == "bad"
    assert answer["trace"][0] == "TypeError: bad"


def test_node_unhandled_rejection(functions):
    function = functions.node(
        "exports.handler = async (e) => { if (!e.fail) return 'fine'; Promise.reject(new Error('adrift'));"
        " await new Promise(r => setTimeout(r, 200)); };", MemorySize=512)
    body = failed(function.invoke({"fail": True}), "Runtime.UnhandledPromiseRejection")
    assert body["errorMessage"] == "Error: adrift"
    assert function.invoke({}).ok() == "fine"


# The end of the process

def test_timeout(functions):
    function = functions.create("""
        import os, time, uuid
        me = str(uuid.uuid4())

        def handler(event, context):
            if event:
                open("/tmp/kept", "w").close()
                print("before the wait", flush=True)
                time.sleep(60)
            return [me, os.path.exists("/tmp/kept")]
    """, Timeout=1)
    before = function.invoke({}).ok()[0]
    reply = function.invoke({"a": 1})
    assert failed(reply) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {reply.request_id} Error: Task timed out after 1.00 seconds",
    }
    assert reply.payload.startswith(b'{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ')
    assert "before the wait" in reply.log
    assert "Task timed out after 1.00 seconds" in reply.log or "Status: timeout" in reply.log
    assert re.search(r"Duration: 1\d\d\d\.\d\d ms", reply.log)
    after, kept = function.invoke({}).ok()
    assert after != before, "a timeout resets the environment"
    assert kept, "/tmp survives the reset"


@pytest.mark.parametrize("body", ["while True: pass", "import signal; signal.signal(15, lambda *a: None); __import__('time').sleep(60)"])
def test_timeout_of_code_that_does_not_listen(functions, body):
    function = functions.create(f"def handler(event, context):\n    if event:\n        {body}\n    return 'fine'\n", Timeout=1)
    failed(function.invoke({"a": 1}), "Sandbox.Timedout")
    assert function.invoke({}).ok() == "fine"


def test_out_of_memory(functions):
    function = functions.create("""
        def handler(event, context):
            if event:
                keep = [bytearray(1 << 20) for _ in range(1000)]
            return "fine"
    """, MemorySize=128, Timeout=10)
    reply = function.invoke({"a": 1})
    body = failed(reply)
    assert body["errorType"] in ("Runtime.OutOfMemory", "Runtime.ExitError")
    assert body["errorMessage"] == f"RequestId: {reply.request_id} Error: Runtime exited with error: signal: killed"
    assert re.search(r"Memory Size: 128 MB\tMax Memory Used: 12[78] MB", reply.log)
    assert function.invoke({}).ok() == "fine"


EXITS = [
    ("__import__('sys').exit(0)", "Runtime exited without providing a reason"),
    ("__import__('os')._exit(0)", "Runtime exited without providing a reason"),
    ("__import__('sys').exit(7)", "Runtime exited with error: exit status 7"),
    ("__import__('os')._exit(1)", "Runtime exited with error: exit status 1"),
    ("__import__('os').kill(__import__('os').getpid(), 9)", "Runtime exited with error: signal: killed"),
    ("__import__('os').kill(__import__('os').getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
    ("__import__('os').abort()", "Runtime exited with error: signal: aborted"),
]


@pytest.mark.parametrize("expression, message", EXITS, ids=[e[0].split(".")[-1] for e in EXITS])
def test_exit(functions, expression, message):
    function = functions.create(REMEMBER)
    reply = function.invoke({"do": expression})
    body = failed(reply, "Runtime.ExitError")
    # Go puts "(core dumped)" behind a signal that could have left a core; both forms were recorded.
    assert re.sub(r" \(core dumped\)$", "", body["errorMessage"]) == f"RequestId: {reply.request_id} Error: {message}"
    assert "Runtime.ExitError" in reply.log
    assert function.invoke({}).ok() == "fine"


def test_node_exit(functions):
    function = functions.node("exports.handler = async (e) => { if (e.code !== undefined) process.exit(e.code); return 'fine'; };", MemorySize=512)
    for code, text in ((0, "without providing a reason"), (3, "with error: exit status 3")):
        reply = function.invoke({"code": code})
        assert failed(reply, "Runtime.ExitError")["errorMessage"] == f"RequestId: {reply.request_id} Error: Runtime exited {text}"
    assert function.invoke({}).ok() == "fine"


def test_custom_runtime_that_ends(functions):
    function = functions.custom("#!/bin/sh\nexit 9\n", Timeout=5)
    reply = function.invoke()
    assert failed(reply, "Runtime.ExitError")["errorMessage"].endswith("Error: Runtime exited with error: exit status 9")


@pytest.mark.parametrize(
    "files",
    [{"app.py": "x = 1\n"}, pack({"bootstrap": "#!/bin/sh\nexit 0\n"}, executable=())],
    ids=["missing", "not executable"])
def test_no_bootstrap(functions, files):
    function = functions.create(files, runtime="provided.al2023", handler="bootstrap")
    failed(function.invoke(), "Runtime.InvalidEntrypoint")


# Failures before the first event

INIT_FAILURES = [
    ({"app.py": "import nowhere_to_be_found\n"}, "app.handler", "Runtime.ImportModuleError",
     "Unable to import module 'app': No module named 'nowhere_to_be_found'"),
    ({"other.py": "x = 1\n"}, "app.handler", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'app'"),
    ({"app.py": "x = 1\n"}, "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
    ({"app.py": "def handler(:\n"}, "app.handler", "Runtime.UserCodeSyntaxError", None),
    ({"app.py": "raise ValueError('while loading')\n"}, "app.handler", "ValueError", "while loading"),
    ({"app.py": "x = 1\n"}, "app", "Runtime.MalformedHandlerName", None),
]


@pytest.mark.parametrize("files, handler, error_type, message", INIT_FAILURES, ids=[f[2] + "-" + str(n) for n, f in enumerate(INIT_FAILURES)])
def test_python_that_cannot_load(functions, files, handler, error_type, message):
    function = functions.create(files, handler=handler)
    for _ in range(2):
        reply = function.invoke()
        body = failed(reply, error_type)
        assert list(body) == ["errorMessage", "errorType", "requestId", "stackTrace"]
        assert body["requestId"] == ""
        if message:
            assert body["errorMessage"].startswith(message)
    assert error_type in reply.log


@pytest.mark.parametrize(
    "files, handler, error_type",
    [
        ({"index.js": "require('nowhere-to-be-found');"}, "index.handler", "Runtime.ImportModuleError"),
        ({"index.js": "exports.x = 1;"}, "index.handler", "Runtime.HandlerNotFound"),
        ({"index.js": "exports.handler = async ( => 1;"}, "index.handler", "Runtime.UserCodeSyntaxError"),
        ({"index.js": "throw new RangeError('while loading');"}, "index.handler", "RangeError"),
    ],
    ids=["import", "handler", "syntax", "throws"])
def test_node_that_cannot_load(functions, files, handler, error_type):
    function = functions.create(files, runtime=node_runtime(), handler=handler, MemorySize=512)
    for _ in range(2):
        body = failed(function.invoke(), error_type)
        assert body["errorMessage"] and body["trace"]


def test_a_repaired_function_works(functions):
    function = functions.create("import nowhere_to_be_found\n")
    failed(function.invoke(), "Runtime.ImportModuleError")
    function.update_code("def handler(event, context):\n    return 'mended'\n")
    assert function.invoke().ok() == "mended"


def test_init_longer_than_its_limit_starts_again_within_the_call(functions, logs):
    """Init may take 10 s; after that it runs once more inside the call, under the function's timeout."""
    function = functions.create("""
        import time
        time.sleep(11)

        def handler(event, context):
            return "late"
    """, Timeout=30, MemorySize=512)
    reply = function.invoke()
    assert reply.ok() == "late"
    line = re.compile(r"INIT_REPORT Init Duration: (9|10)\d{3}\.\d\d ms\tPhase: init\tStatus: timeout")
    eventually(
        lambda: any(line.match(e["message"]) for e in logs.filter_log_events(logGroupName=function.log_group)["events"]),
        "the report of the init that took too long")
    found = re.search(r"\tDuration: (\d+\.\d\d) ms", reply.log)
    assert float(found[1]) >= 11000, "a suppressed init counts as duration"
    assert "\tInit Duration" not in reply.log.split("REPORT RequestId", 1)[1]


def test_suppressed_init_after_a_crash(functions):
    """A crash resets the environment; the next call runs init inside its own time, with no line for it."""
    function = functions.create("""
        import os, time
        time.sleep(0.3)

        def handler(event, context):
            if event:
                os._exit(1)
            return "fine"
    """, Timeout=10)
    failed(function.invoke({"a": 1}), "Runtime.ExitError")
    reply = function.invoke({})
    assert reply.ok() == "fine"
    line = reply.log.split("REPORT RequestId", 1)[1]
    assert "Init Duration" not in line
    assert float(re.search(r"Duration: (\d+\.\d\d) ms", line)[1]) >= 300


def test_init_that_hangs_past_the_timeout(functions):
    function = functions.create("import time\ntime.sleep(60)\ndef handler(event, context):\n    return 1\n", Timeout=2)
    reply = function.invoke()
    assert failed(reply, "Sandbox.Timedout")["errorMessage"].endswith("Task timed out after 2.00 seconds")


def test_crash_while_loading(functions):
    function = functions.create("import os\nos._exit(4)\n", Timeout=3)
    body = failed(function.invoke())
    assert body["errorType"] in ("Runtime.ExitError", "Sandbox.Timedout")
    if body["errorType"] == "Runtime.ExitError":
        assert body["errorMessage"].endswith("Runtime exited with error: exit status 4")


def test_other_environments_live_through_a_crash(functions):
    import concurrent.futures
    function = functions.create("""
        import os, time

        def handler(event, context):
            if event.get("crash"):
                os._exit(1)
            time.sleep(event.get("wait", 0))
            return "fine"
    """, Timeout=10)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(function.invoke, {"wait": 1.5}) for _ in range(3)]
        failed(function.invoke({"crash": True}), "Runtime.ExitError")
        assert [each.result().ok() for each in slow] == ["fine"] * 3
