"""Quotas of packages, environment and payload; zips that mean harm."""

import errno
import io
import json
import os
import pathlib
import struct
import zipfile

import pytest

from support.faults import refused
from support.functions import PYTHON, ROLE
from support.packages import entry, pack, zeros

HELLO = "def handler(event, context):\n    return 'hello'\n"
BAD_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
ZIPPED_LIMIT, UNZIPPED_LIMIT = 52428800, 262144000


def create(client, data, name="quota", **settings):
    return client.create_function(
        FunctionName=name, Runtime=PYTHON, Role=ROLE, Handler="app.handler", Code={"ZipFile": data}, **settings)


def stored(size):
    """A zip of exactly `size` bytes that cannot be compressed further."""
    name = "data.bin"
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("app.py"), HELLO)
        archive.writestr(zipfile.ZipInfo(name), b"")
    padding = size - len(empty.getvalue())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("app.py"), HELLO)
        archive.writestr(zipfile.ZipInfo(name), os.urandom(1 << 20) * (padding >> 20) + bytes(padding & 0xFFFFF))
    assert len(buffer.getvalue()) == size
    return buffer.getvalue()


def test_zipped_limit(client, functions):
    with refused(413, "RequestEntityTooLargeException", f"Zipped size must be smaller than {ZIPPED_LIMIT} bytes"):
        create(client, stored(ZIPPED_LIMIT + 1))
    with refused(413, "RequestEntityTooLargeException"):
        create(client, stored(51 << 20))
    function = functions.create(HELLO)
    with refused(413, "RequestEntityTooLargeException"):
        client.update_function_code(FunctionName=function.name, ZipFile=stored(51 << 20))
    assert function.invoke().ok() == "hello"


def test_a_zip_just_below_the_limit_is_taken(functions):
    function = functions.create(stored(ZIPPED_LIMIT - 1024), Timeout=20)
    assert function.invoke().ok() == "hello"


def test_unzipped_limit(client, functions):
    bomb = zeros(UNZIPPED_LIMIT + 1)
    text = f"Unzipped size must be smaller than {UNZIPPED_LIMIT} bytes"
    with refused(400, "InvalidParameterValueException", text):
        create(client, bomb)
    function = functions.create(HELLO)
    with refused(400, "InvalidParameterValueException", text):
        client.update_function_code(FunctionName=function.name, ZipFile=bomb)
    assert function.invoke().ok() == "hello"


def test_a_zip_that_lies_about_its_size(client):
    """The headers promise 10 bytes; the data unpacks to far more than the limit."""
    data = bytearray(zeros(UNZIPPED_LIMIT + (32 << 20)))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        info = archive.getinfo("zeros.bin")
    struct.pack_into("<I", data, info.header_offset + 22, 10)
    central = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, central + 24, 10)
    with refused(400, "InvalidParameterValueException"):
        create(client, bytes(data))


def test_a_zip_whose_entries_share_their_bytes(client):
    """The overlapping-files bomb: many directory entries over one compressed stream."""
    payload = zeros(8 << 20)
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        info = archive.getinfo("zeros.bin")
    start = payload.rfind(b"PK\x01\x02")
    end = payload.rfind(b"PK\x05\x06")
    one = payload[start:end]
    count = 200
    directory = one * count
    tail = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), start, 0)
    assert info.file_size * count > UNZIPPED_LIMIT
    with refused(400, "InvalidParameterValueException"):
        create(client, payload[:start] + directory + tail)


def test_a_zip_with_very_many_entries(client):
    """Half a million empty files cost nothing to send; making them must not cost the server its life."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry("app.py"), HELLO)
        for number in range(60000):
            archive.writestr(zipfile.ZipInfo(f"d{number % 100}/{number}"), b"")
    try:
        create(client, buffer.getvalue(), name="many-entries")
    except client.exceptions.ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    else:
        client.delete_function(FunctionName="many-entries")


@pytest.mark.parametrize(
    "data",
    [b"PK", b"not a zip", b"\x1f\x8b\x08" + bytes(40), pack({"app.py": HELLO})[:-30], pack({"app.py": HELLO})[:60], bytes(1000)],
    ids=["two bytes", "text", "gzip", "cut tail", "cut data", "zeros"])
def test_what_is_not_a_zip(client, data):
    with refused(400, "InvalidParameterValueException", BAD_ZIP):
        create(client, data)


def test_an_empty_zip(client):
    with refused(400, "InvalidParameterValueException"):
        create(client, pack({}))


def test_a_damaged_entry(client):
    data = bytearray(pack({"app.py": HELLO * 100}))
    data[60] ^= 0xFF
    with refused(400, "InvalidParameterValueException", BAD_ZIP):
        create(client, bytes(data))


HOSTILE = [
    "../{mark}", "../../../../../../../../tmp/{mark}", "a/../../{mark}", "/tmp/{mark}", "//tmp/{mark}", "./../{mark}",
    "a/b/../../../{mark}", "..\\{mark}", "C:\\{mark}", "a\x00/../{mark}",
]


@pytest.mark.parametrize("path", HOSTILE, ids=[repr(path) for path in HOSTILE])
def test_hostile_paths(server, client, path):
    mark = "apus-evil-path"
    name = path.format(mark=mark)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry("app.py"), HELLO)
        info = entry("placeholder")
        info.filename = name  # ZipInfo would tidy it
        archive.writestr(info, "evil")
    refused_it = False
    try:
        create(client, buffer.getvalue(), name="hostile")
    except client.exceptions.ClientError as error:
        refused_it = True
        assert (error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]) == (
            400, "InvalidParameterValueException")
    else:
        client.get_waiter("function_active_v2").wait(FunctionName="hostile", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
        client.invoke(FunctionName="hostile")
        client.delete_function(FunctionName="hostile")
    if "\\" not in path and "\x00" not in path:  # on Linux a backslash is a letter like any other
        assert refused_it
    for place in (pathlib.Path("/tmp"), pathlib.Path("/"), server.folder, server.data.parent):
        assert not (place / mark).exists()


LINKS = {"to a file": ("evil", "/etc/passwd"), "to a folder": ("evil", "/tmp"), "upwards": ("evil", "../../..")}


@pytest.mark.parametrize("name, target", LINKS.values(), ids=LINKS.keys())
def test_a_link_never_leads_the_unpacker_out(client, name, target):
    """A link may be stored; a file written through it must not arrive on the host."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry("app.py"), HELLO)
        archive.writestr(entry(name, link=True), target)
        archive.writestr(entry(f"{name}/apus-evil-link"), "evil")
    with refused(400, "InvalidParameterValueException"):
        create(client, buffer.getvalue())
    assert not pathlib.Path("/tmp/apus-evil-link").exists()


def test_a_link_cannot_be_written_over(client):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry("app.py"), HELLO)
        archive.writestr(entry("evil", link=True), "/tmp/apus-evil-over")
        archive.writestr(entry("evil"), "evil")
    try:
        create(client, buffer.getvalue(), name="link-over")
        client.get_waiter("function_active_v2").wait(FunctionName="link-over", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
        client.delete_function(FunctionName="link-over")
    except client.exceptions.ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert not pathlib.Path("/tmp/apus-evil-over").exists()


@pytest.mark.parametrize("mode", [0o060000, 0o020000, 0o010000], ids=["block device", "character device", "fifo"])
def test_special_files_are_not_made(client, functions, mode):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry("app.py"), "import os, stat\ndef handler(event, context):\n"
                         "    return stat.S_ISREG(os.stat('special').st_mode) if os.path.exists('special') else 'absent'\n")
        info = entry("special")
        info.external_attr = (mode | 0o666) << 16
        archive.writestr(info, "")
    try:
        function = functions.create(buffer.getvalue())
    except client.exceptions.ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    else:
        assert function.invoke().ok() in (True, "absent")


def test_set_uid_bits_do_not_survive(functions):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry("app.py"), "import os\ndef handler(event, context):\n    return os.stat('tool').st_mode & 0o7000\n")
        archive.writestr(entry("tool", 0o6755), "#!/bin/sh\nid\n")
    assert functions.create(buffer.getvalue()).invoke().ok() == 0


# The environment

def environment_of(size):
    """Variables whose compact JSON has exactly `size` bytes."""
    base = json.dumps({"AA": "1", "BB": ""}, separators=(",", ":"))
    return {"AA": "1", "BB": "x" * (size - len(base))}


def test_environment_limit(client, functions):
    function = functions.create(HELLO, Environment={"Variables": environment_of(4096)})
    assert function.invoke().ok() == "hello"
    variables = environment_of(4097)
    text = (
        "Lambda was unable to configure your environment variables because the environment variables you have provided "
        "exceeded the 4KB limit. String measured: " + json.dumps(variables, separators=(",", ":")))
    with refused(400, "InvalidParameterValueException", text):
        create(client, pack({"app.py": HELLO}), Environment={"Variables": variables})
    with refused(400, "InvalidParameterValueException", text):
        client.update_function_configuration(FunctionName=function.name, Environment={"Variables": variables})


RESERVED = [
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
]


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_variables(client, name):
    # A name that begins with an underscore is no variable name at all; the constraint is what answers.
    text = "environment.variables" if name.startswith("_") else name
    with refused(400, ("InvalidParameterValueException", "ValidationException"), containing=text):
        create(client, pack({"app.py": HELLO}), Environment={"Variables": {"MINE": "1", name: "x"}})


@pytest.mark.parametrize("name", ["1A", "A", "A-B", "A B", "", "A.B", "Ä1"])
def test_names_that_are_no_variables(server, name):
    client = server.client("lambda", parameter_validation=False)
    with refused(400, ("InvalidParameterValueException", "ValidationException")):
        create(client, pack({"app.py": HELLO}), Environment={"Variables": {name: "x"}})


@pytest.mark.parametrize("settings", [{"Environment": {"Variables": {"AA": "a\0b"}}}, {"Handler": "app.h\0"}], ids=["value", "handler"])
def test_texts_that_a_process_cannot_have(client, settings):
    """No process can be given a NUL byte; better said now than by every call."""
    call = {"FunctionName": "nul", "Runtime": PYTHON, "Role": ROLE, "Handler": "app.handler", "Code": {"ZipFile": pack({"app.py": HELLO})}}
    with refused(400, ("InvalidParameterValueException", "ValidationException")):
        client.create_function(**{**call, **settings})


# What an environment may use

FILLER = """
    import os

    def handler(event, context):
        block, written = bytes(1 << 20), 0
        with open("/tmp/fill", "wb", buffering=0) as file:
            try:
                while written < (event["megabytes"] << 20):
                    written += file.write(block)
                written += file.write(bytes(event["bytes"]))
            except OSError as error:
                return [written, error.errno]
        kept = []
        while event.get("grows"):
            kept.append(bytes(1 << 20).replace(b"\\0", b"x"))
        return [written, 0]
"""


def test_tmp_is_as_large_as_promised_and_no_larger(functions):
    """And lies beside the memory, as in AWS: a small function may fill it."""
    function = functions.create(FILLER, Timeout=60, MemorySize=128)
    assert function.invoke({"megabytes": 500, "bytes": 0}).ok() == [500 << 20, 0]
    assert function.invoke({"megabytes": 512, "bytes": 0}).ok() == [512 << 20, 0]
    assert function.invoke({"megabytes": 512, "bytes": 4096}).ok() == [512 << 20, errno.ENOSPC]


@pytest.mark.parametrize("megabytes", [0, 500])
def test_memory_is_as_limited_beside_a_full_tmp(functions, megabytes):
    function = functions.create(FILLER, Timeout=60, MemorySize=128)
    answer = function.invoke({"megabytes": megabytes, "bytes": 0, "grows": True})
    assert answer.error == "Unhandled"
    assert answer.json["errorType"] == "Runtime.ExitError"
    assert answer.json["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    assert function.invoke({"megabytes": 1, "bytes": 0}).ok() == [1 << 20, 0]


def test_descriptors_and_processes(functions):
    function = functions.create("""
        import os, resource, threading

        def handler(event, context):
            opened = []
            try:
                while len(opened) < 5000:
                    opened.append(os.open("/dev/null", os.O_RDONLY))
            except OSError as error:
                first = [len(opened), error.errno]
            else:
                first = [len(opened), 0]
            for descriptor in opened:
                os.close(descriptor)
            return [first, resource.getrlimit(resource.RLIMIT_NOFILE)]
    """, Timeout=20)
    (count, number), limits = function.invoke().ok()
    assert number == 24 and count <= 1024
    assert limits == [1024, 1024]


@pytest.mark.parametrize("memory, low, high", [(128, 0.03, 0.16), (512, 0.18, 0.42), (1769, 0.6, 1.1)])
def test_cpu_follows_memory(functions, memory, low, high):
    """1,769 MB are one processor. Measured over a second and a half, as the limit works in slices of a tenth."""
    function = functions.create("""
        import time

        def handler(event, context):
            wall, cpu = time.monotonic(), time.process_time()
            while time.monotonic() - wall < 1.5:
                pass
            return (time.process_time() - cpu) / (time.monotonic() - wall)
    """, MemorySize=memory, Timeout=20)
    assert low <= function.invoke().ok() <= high
