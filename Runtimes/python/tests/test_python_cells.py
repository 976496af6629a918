"""Zygotes and templates: forks, what they share, and what they must not."""

import ast
import json
import os
import struct
import subprocess
import sys

import pytest

from runtime_process import bundle, interpreter

VERSIONS = ["python3.10", "python3.11", "python3.12", "python3.13", "python3.14"]
HELLO = {"app.py": "import os\ndef handler(event, context):\n    return os.environ['NAME']\n"}
SNAP_START = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}

# In place of the program that the platform has there: tells its open descriptors, and how the process ended.
INIT = """\
#!{interpreter} -IS
import os, struct, sys
descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
os.write(4, repr(sorted(number for number in descriptors if os.path.exists(f"/proc/self/fd/{{number}}"))).encode())
_, status = os.waitpid(int(sys.argv[1]), 0)
os.write(4, struct.pack("<Ii", os.WIFSIGNALED(status), os.WTERMSIG(status) or os.WEXITSTATUS(status)))
"""
BOOTSTRAP = """\
import sys
sys.path.insert(0, {folder!r})
import _apus.cell
_apus.cell._INIT = {init!r}
{more}
from _apus.main import main
main()
"""
# What the midwife does with the first fork, as far as pids are concerned.
NEW_PIDS = """\
import ctypes, os, posix
fork, libc = posix.fork, ctypes.CDLL(None, use_errno=True)
def fork_into_new_pids():
    if posix.getpid() > 1:
        own = posix.open("/proc/self/ns/pid", 0)
        assert libc.setns(own, 0x20000000) == libc.unshare(0x20000000) == 0, ctypes.get_errno()
        posix.close(own)
    return fork()
posix.fork = fork_into_new_pids
"""


@pytest.fixture
def boot_zygote(boot, tmp_path):
    """Boots a cell that can be forked: its forks find a program to execute as `init`."""

    def boot_zygote(runtime="python3.11", files=HELLO, more="", **options):
        init = tmp_path / "init"
        init.write_text(INIT.format(interpreter=sys.executable))
        init.chmod(0o755)
        script = tmp_path / "bootstrap.py"
        script.write_text(BOOTSTRAP.format(folder=bundle(runtime)["folder"], init=str(init), more=more))
        return boot(runtime, files, script=str(script), **options)

    return boot_zygote


def make_template(zygote):
    """A fork that has run the function's init and waits."""
    template = zygote.fork().become("app.handler", **SNAP_START)
    template.api.wait_for_restore()
    return template


@pytest.mark.parametrize("version", VERSIONS)
def test_forks_of_a_zygote_are_functions_of_their_own(boot_zygote, version):
    zygote = boot_zygote(version)
    cells = [zygote.fork() for _ in range(3)]
    for number, cell in enumerate(cells):
        assert json.loads(cell.become("app.handler", NAME=str(number)).invoke().body) == str(number)
    zygote.close()
    assert zygote.errors() == ""


def test_output_and_log_of_a_fork_are_its_own(boot_zygote):
    code = ("import logging, os, sys\ndef handler(event, context):\n"
            "    os.write(1, b'out'); os.write(2, b'err'); print('print'); logging.warning('log')\n")
    zygote = boot_zygote(files={"app.py": code})
    first, second = (zygote.fork().become("app.handler") for _ in range(2))
    first.invoke()
    zygote.close()
    assert first.output() == "outerr"
    assert [frame.text.split("\t")[-1] for frame in first.frames()] == ["print\n", "log\n"]
    assert (second.output(), second.frames(), zygote.output(), zygote.frames()) == ("", [], "", [])


def test_a_fork_writes_itself_into_its_control_groups(boot_zygote, tmp_path):
    groups = [tmp_path / f"group{number}" for number in range(4)]
    descriptors = [os.open(path, os.O_CREAT | os.O_WRONLY) for path in groups]
    cell = boot_zygote().fork(*descriptors).become("app.handler", NAME="n")
    for descriptor in descriptors:
        os.close(descriptor)
    assert cell.invoke().body == b'"n"'
    assert [path.read_text() for path in groups] == ["0"] * 4


def test_init_has_the_channel_alone_and_tells_how_the_process_ended(boot_zygote):
    code = "import os\nos.set_inheritable(os.open('/dev/null', 0), True)\ndef handler(event, context):\n    os._exit(event)\n"
    cell = make_template(boot_zygote(files={"app.py": code})).fork().become("app.handler")
    cell.api.send(7)
    descriptors, (cause, value) = cell.receive(), struct.unpack("<Ii", cell.receive())
    assert ast.literal_eval(descriptors.decode()) == [0, 1, 2, 4]
    assert (cause, value) == (0, 7)


def test_forks_cost_a_zygote_no_descriptors(boot_zygote):
    zygote = boot_zygote()
    counts = []
    for number in range(4):
        zygote.fork().become("app.handler", NAME="n").invoke()
        counts.append(len(os.listdir(f"/proc/{zygote.pid}/fd")))
    assert counts[-1] < counts[0] + 3  # it may not have come to closing the last ones


def test_a_fork_is_a_cell(boot_zygote):
    cell = boot_zygote().fork()
    other = cell.fork()
    assert cell.become("app.handler", NAME="cell").invoke().body == b'"cell"'
    assert other.become("app.handler", NAME="other").invoke().body == b'"other"'


def test_malformed_messages_to_a_fork_leave_its_zygote_alone(boot_zygote):
    zygote = boot_zygote()
    cell = zygote.fork()
    cell.send(b"X")
    cell.receive()
    assert struct.unpack("<Ii", cell.receive()) == (0, 1)
    assert zygote.fork().become("app.handler", NAME="n").invoke().body == b'"n"'
    zygote.close()
    assert cell.output() == "runtime cell: a message that it does not understand: b'X' with 0 descriptors\n"


HOOKS = """\
import os, socket, stat, snapshot_restore_py as snapshot
seen = ["init in " + os.environ["NAME"]]
@snapshot.register_before_snapshot
def before(): seen.append("before in " + os.environ["NAME"])
@snapshot.register_after_restore
def after(): seen.append("after in " + os.environ["NAME"])
def handler(event, context):
    sockets = [number for number in range(100) if os.path.exists(f"/proc/self/fd/{number}")
               and stat.S_ISSOCK(os.fstat(number).st_mode)]
    families = [socket.socket(fileno=os.dup(number)).family.name for number in sockets]
    return seen + [context.log_stream_name, os.environ.get("_LAMBDA_TELEMETRY_LOG_FD"), families]
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_forks_of_a_template_go_on_after_init(boot_zygote, version):
    zygote = boot_zygote(version, {"app.py": HOOKS})
    template = zygote.fork().become("app.handler", NAME="template", **SNAP_START)
    template.api.wait_for_restore()
    for name in ("first", "second"):
        fork = template.fork().become("app.handler", NAME=name, AWS_LAMBDA_LOG_STREAM_NAME=name, **SNAP_START)
        assert json.loads(fork.invoke().body) == [
            "init in template", "before in template", f"after in {name}", name, None, ["AF_INET"]]
        assert fork.api.connections == 1
        assert "GET /2018-06-01/runtime/restore/next" not in fork.api.requests
    assert template.api.requests == ["GET /2018-06-01/runtime/restore/next"]


def test_variables_that_the_function_changed_stay_changed(boot_zygote):
    code = ("import os, subprocess\nos.environ['MINE'] = os.environ['GIVEN'] = 'mine'\ndel os.environ['GONE']\n"
            "def handler(event, context):\n"
            "    child = subprocess.run(['env'], stdout=subprocess.PIPE, text=True).stdout.split('\\n')\n"
            "    found = [os.environ.get(name) for name in event]\n"
            "    return [found, [f'{name}={value}' in child for name, value in zip(event, found)]]\n")
    zygote = boot_zygote(files={"app.py": code})
    template = zygote.fork().become("app.handler", GIVEN="1", GONE="1", NEW="1", OLD="1", **SNAP_START)
    template.api.wait_for_restore()
    fork = template.fork().become("app.handler", GIVEN="2", GONE="2", NEW="2", **SNAP_START)
    assert json.loads(fork.invoke(["MINE", "GIVEN", "NEW", "GONE", "OLD"]).body) == [
        ["mine", "mine", "2", None, None], [True, True, True, False, False]]


def test_a_hook_that_fails_after_the_restore_ends_the_fork_alone(boot_zygote):
    code = ("import os, snapshot_restore_py as s\n"
            "s.register_after_restore(lambda: 1 / int(os.environ['NAME']))\ndef handler(event, context): return 'well'\n")
    template = make_template(boot_zygote(files={"app.py": code}))
    fork = template.fork().become("app.handler", NAME="0")
    post = fork.api.result()
    assert post.path == "/2018-06-01/runtime/restore/error"
    assert post.headers["lambda-runtime-function-error-type"] == "Runtime.AfterRestoreError"
    assert json.loads(post.body)["errorType"] == "ZeroDivisionError"
    fork.receive()
    assert struct.unpack("<Ii", fork.receive()) == (0, 65)
    assert template.fork().become("app.handler", NAME="1").invoke().body == b'"well"'


def test_a_template_without_a_channel_waits_in_place(start):
    function = start("python3.11", "app.handler", {"app.py": HOOKS}, environment={**SNAP_START, "NAME": "n"})
    assert json.loads(function.invoke().body)[:3] == ["init in n", "before in n", "after in n"]


RANDOM = """\
import os, random, secrets, ssl, tempfile, uuid
random.random(), uuid.uuid1(), uuid.uuid4(), secrets.token_hex(), tempfile.mktemp(), ssl.RAND_bytes(8)
def handler(event, context):
    return {
        "random": random.random(), "uuid1": str(uuid.uuid1())[14:], "uuid4": str(uuid.uuid4()), "node": uuid.getnode(),
        "secrets": secrets.token_hex(), "tempfile": tempfile.mktemp(), "ssl": ssl.RAND_bytes(8).hex(),
        "urandom": os.urandom(8).hex(),
    }
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make pid namespaces")
@pytest.mark.parametrize("version", VERSIONS)
def test_siblings_draw_different_numbers(boot_zygote, version):
    template = make_template(boot_zygote(version, {"app.py": RANDOM}, more=NEW_PIDS))
    first, second = (
        json.loads(template.fork().become("app.handler", NAME="n").invoke().body) for _ in range(2))
    assert [name for name in first if first[name] == second[name]] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make pid namespaces")
def test_forks_of_a_template_have_another_pid(boot_zygote):
    code = "import os\ninit = os.getpid()\ndef handler(event, context): return [init, os.getpid()]\n"
    template = make_template(boot_zygote(files={"app.py": code}, more=NEW_PIDS))
    for _ in range(2):
        assert template.fork().become("app.handler").invoke().body == b"[2, 3]"


CONNECTED = """\
import os, socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
peer, _ = server.accept()
pair = socket.socketpair()
socket.setdefaulttimeout(0)
def handler(event, context):
    pair[0].sendall(b"pair")
    return [client.recv(1).decode(), pair[1].recv(4).decode(), os.get_blocking(pair[1].fileno())]
"""


def test_connections_of_a_template_are_dead_in_its_forks(boot_zygote):
    template = make_template(boot_zygote(files={"app.py": CONNECTED}))
    assert json.loads(template.fork().become("app.handler").invoke().body) == ["", "pair", True]


def test_a_template_whose_descriptors_were_closed_can_be_forked(boot_zygote):
    code = "import os\nfor n in (0, 1, 2, 3):\n    os.close(n)\ndef handler(event, context):\n    return os.write(1, b'out')\n"
    zygote = boot_zygote(files={"app.py": code})
    fork = make_template(zygote).fork().become("app.handler")
    assert fork.invoke().body == b"3"
    zygote.close()
    assert fork.output() == "out"


def test_programs_that_init_runs_have_no_part_in_the_channel(boot_zygote):
    code = ("import subprocess\nfound = subprocess.run(['ls', '/proc/self/fd'], close_fds=False, stdout=subprocess.PIPE)\n"
            "def handler(event, context): return found.stdout.decode().split()\n")
    fork = make_template(boot_zygote(files={"app.py": code})).fork().become("app.handler")
    # 3 is the program's own view of the folder.
    assert json.loads(fork.invoke().body) == ["0", "1", "2", "3"]


def test_the_working_directory_is_found_anew(boot_zygote, tmp_path):
    code = "import os\nos.chdir(os.environ['PLACE'])\ndef handler(event, context): return os.getcwd()\n"
    place = tmp_path / "place"
    place.mkdir()
    template = boot_zygote(files={"app.py": code}).fork().become("app.handler", PLACE=str(place), **SNAP_START)
    template.api.wait_for_restore()
    assert json.loads(template.fork().become("app.handler").invoke().body) == str(place)
    place.rmdir()
    assert json.loads(template.fork().become("app.handler").invoke().body) == str(tmp_path / "task")


SHADOWS = [
    ("uuid.py", True),             # AWS's client does not import it
    ("concurrent/__init__.py", True),
    ("html/page.txt", False),      # no package
    ("json.py", False),            # AWS's client imports it before the function can
]


@pytest.mark.parametrize("file, wins", SHADOWS)
def test_modules_of_the_function_win_over_preloaded_ones(boot, task, file, wins):
    name = file.partition("/")[0].removesuffix(".py")
    code = f"import {name}\ndef handler(event, context): return {name}.__file__.startswith({str(task)!r})\n"
    cell = boot("python3.11", {"app.py": code, file: ""}).become("app.handler")
    assert json.loads(cell.invoke().body) is wins


def test_a_folder_that_is_no_package_leaves_a_module_alone(boot):
    code = ("import asyncio, concurrent.futures\n"
            "def handler(event, context): return asyncio.futures.concurrent.futures is concurrent.futures\n")
    cell = boot("python3.11", {"app.py": code, "concurrent/data.txt": ""}).become("app.handler")
    assert cell.invoke().body == b"true"


def test_modules_of_a_layer_win_over_preloaded_ones(boot, tmp_path):
    layer = tmp_path / "layers" / "python"
    layer.mkdir(parents=True)
    (layer / "dataclasses.py").write_text("BACKPORT = 1\n")
    cell = boot("python3.11", {"app.py": "import dataclasses\ndef handler(e, c): return dataclasses.BACKPORT\n"})
    assert cell.become("app.handler", _APUS_LAYER_ROOT=str(tmp_path / "layers")).invoke().body == b"1"


def test_preloading_starts_nothing_and_reads_no_variables():
    """Read variables would be those of the boot; the function's come later."""
    code = f"""
import posix, sys
sys.path.insert(0, {bundle("python3.11")["folder"]!r})
class Watched(dict):
    get = __getitem__ = __contains__ = lambda *names: print("read", names[1:])
posix.environ = Watched()
before = sorted(posix.listdir("/proc/self/fd"))
from _apus import preload
preload.load()
print(len(posix.listdir("/proc/self/task")), sorted(posix.listdir("/proc/self/fd")) == before, "site" in sys.modules)
"""
    for version in VERSIONS:
        executable = interpreter(bundle(version))
        if executable:
            result = subprocess.run([executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE, text=True, check=True)
            assert result.stdout == "1 True False\n", version
