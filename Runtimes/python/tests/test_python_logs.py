"""Prints, log records and errors on their way out."""

import json
import re
import time

ID = "00000000-0000-4000-8000-000000000001"

LOGGING = """\
import logging
logging.getLogger().setLevel(logging.DEBUG) if {set_level} else None
log = logging.getLogger("mine")
def handler(event, context):
    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(log, level)("m %s", level)
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("caught", extra={{"order": 7, "what": {{1}}}})
    log.info({{"a": 1}})
"""


def run(start, code, environment=None, **options):
    return start("python3.11", "app.handler", {"app.py": code}, environment=environment, **options)


def test_each_print_is_one_frame_with_its_time(start):
    code = (
        "import sys\n"
        "print('init')\n"
        "def handler(event, context):\n"
        "    print('a', 1, 'é')\n    print('two\\nlines')\n    print()\n"
        "    print('to err', file=sys.stderr)\n"
        "    print('half', end='')\n    print(' whole')\n"
        "    sys.stdout.writelines(['x\\n', 'y\\n'])\n"
        "    context.log('by context')\n"
        "    print('rest', end='')\n"
    )
    function = run(start, code)
    before = time.time()
    function.invoke()
    frames = function.frames()
    assert [frame.text for frame in frames] == [
        "init\n", "a 1 é\n", "two\nlines\n", "\n", "to err\n", "half whole\n", "x\n", "y\n", "by context", "rest"]
    assert {frame.kind for frame in frames} == {0xA55A0003}
    assert all(before - 60 < frame.time / 1e6 < before + 60 for frame in frames)


def test_without_frames_prints_are_lines(start):
    code = "import sys\nprint('init')\ndef handler(event, context):\n    print('a\\nb', end='')\n    context.log('c\\n')\n    1 / 0\n"
    function = run(start, code, framed=False)
    function.invoke()
    lines = function.output().split("\n")
    assert lines[:3] == ["init", "a", "bc"]
    assert re.fullmatch(
        r"\[ERROR\] ZeroDivisionError: division by zero\rTraceback \(most recent call last\):\r"
        "\u00a0\u00a0File \".*app.py\", line 6, in handler\r\u00a0\u00a0\u00a0\u00a01 / 0", lines[3])


def test_prints_of_a_process_that_exits_are_kept(start):
    function = run(start, "import sys\ndef handler(event, context):\n    print('last', end='')\n    sys.exit(1)\n")
    function.api.send({})
    assert function.exit_code() == 1
    assert function.texts() == ["last"]


def test_the_descriptor_is_hidden_from_user_code_and_children(start):
    code = (
        "import os, subprocess\n"
        "def handler(event, context):\n"
        "    assert subprocess.run('ls /proc/self/fd', shell=True, close_fds=False, capture_output=True)"
        ".stdout.split() == [b'0', b'1', b'2', b'3']\n"
        "    return os.environ.get('_LAMBDA_TELEMETRY_LOG_FD')\n"
    )
    assert run(start, code).invoke().body == b"null"


def test_text_records(start):
    function = run(start, LOGGING.format(set_level=True))
    function.invoke()
    frames = function.frames()
    assert {frame.kind for frame in frames} == {0xA55A0003}
    pattern = r"\[(\w+)\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t" + ID + r"\t(.*?)\n?"
    records = [re.fullmatch(pattern, frame.text, re.DOTALL).groups() for frame in frames]
    assert records[:5] == [
        ("DEBUG", "m debug"), ("INFO", "m info"), ("WARNING", "m warning"), ("ERROR", "m error"),
        ("CRITICAL", "m critical")]
    assert records[5][1].startswith("caught\nTraceback (most recent call last):\n")
    assert records[6] == ("INFO", "{'a': 1}")


def test_text_records_are_warnings_and_up_by_default(start):
    function = run(start, LOGGING.format(set_level=False))
    function.invoke()
    assert [text.partition("]")[0] for text in function.texts()] == ["[WARNING", "[ERROR", "[CRITICAL", "[ERROR"]


def test_text_frames_carry_levels_once_one_is_configured(start):
    function = run(start, LOGGING.format(set_level=False), {"AWS_LAMBDA_LOG_LEVEL": "ERROR"})
    function.invoke()
    assert [frame.kind for frame in function.frames()] == [0xA55A0017, 0xA55A001B, 0xA55A0017]


def test_json_records(start):
    function = run(start, LOGGING.format(set_level=False),
                   {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "TRACE"})
    function.invoke(Lambda_Runtime_Aws_Tenant_Id="blue")
    frames = function.frames()
    assert [frame.kind for frame in frames] == [
        0xA55A000A, 0xA55A000E, 0xA55A0012, 0xA55A0016, 0xA55A001A, 0xA55A0016, 0xA55A000E]
    documents = [json.loads(frame.text) for frame in frames]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", documents[0].pop("timestamp"))
    assert documents[0] == {
        "level": "DEBUG", "message": "m debug", "logger": "mine", "requestId": ID, "tenantId": "blue"}
    caught = documents[5]
    assert caught["errorType"] == "ZeroDivisionError" and caught["errorMessage"] == "division by zero"
    assert caught["order"] == 7 and caught["what"] == "{1}"
    assert len(caught["stackTrace"]) == 1 and caught["location"].endswith("app.py:handler:10")
    assert documents[6]["message"] == {"a": 1}


def test_json_level_filters(start):
    function = run(start, LOGGING.format(set_level=False),
                   {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "ERROR"})
    function.invoke()
    assert [json.loads(text)["level"] for text in function.texts()] == ["ERROR", "CRITICAL", "ERROR"]


def test_json_errors_are_documents_and_prints_stay_as_they_are(start):
    code = "def handler(event, context):\n    print('plain')\n    raise ValueError('bad é')\n"
    function = run(start, code, {"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    function.invoke()
    printed, failed = function.frames()
    assert (printed.kind, printed.text) == (0xA55A0003, "plain\n")
    assert failed.kind == 0xA55A0016
    document = json.loads(failed.text)
    assert list(document) == ["timestamp", "level", "errorMessage", "errorType", "requestId", "stackTrace"]
    assert (document["level"], document["errorType"], document["requestId"]) == ("ERROR", "ValueError", ID)


def test_logging_imported_late_or_by_a_library_is_configured_too(start):
    code = "def handler(event, context):\n    import asyncio, logging\n    logging.error('late')\n"
    function = run(start, code)
    function.invoke()
    [text] = function.texts()
    assert text.startswith("[ERROR]\t") and text.endswith(f"\t{ID}\tlate\n")


def test_a_module_of_the_users_named_logging_is_left_alone(start):
    function = start("python3.11", "app.handler", {
        "app.py": "import logging\ndef handler(event, context): return logging.mine\n", "logging.py": "mine = 1\n"})
    assert function.invoke().body == b"1"
