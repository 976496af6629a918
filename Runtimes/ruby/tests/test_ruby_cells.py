"""Zygotes and templates of Ruby: forks, what they share, and what they must not."""

import ast
import json
import os
import struct
import sys

import pytest

from runtime_process import bundle

RUBY = "ruby3.1"
HELLO = {"app.rb": "def handler(event:, context:) = ENV['NAME']\n"}
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
require '{folder}/_apus/main'
require '{folder}/_apus/cell'
Apus::Cell.send(:remove_const, :INIT)
Apus::Cell::INIT = '{init}'
Apus::Main.run
"""


@pytest.fixture
def boot_zygote(boot, tmp_path):
    """Boots a cell that can be forked: its forks find a program to execute as `init`."""

    def boot_zygote(files=HELLO, **options):
        init = tmp_path / "init"
        init.write_text(INIT.format(interpreter=sys.executable))
        init.chmod(0o755)
        script = tmp_path / "bootstrap.rb"
        script.write_text(BOOTSTRAP.format(folder=bundle(RUBY)["folder"], init=init))
        return boot(RUBY, files, script=str(script), **options)

    return boot_zygote


def make_template(zygote, **variables):
    """A fork that has run the function's init and waits."""
    template = zygote.fork().become("app.handler", **SNAP_START, **variables)
    template.api.wait_for_restore()
    return template


def test_forks_of_a_zygote_are_functions_of_their_own(boot_zygote):
    zygote = boot_zygote()
    cells = [zygote.fork() for _ in range(3)]
    for number, cell in enumerate(cells):
        assert json.loads(cell.become("app.handler", NAME=str(number)).invoke().body) == str(number)
    zygote.close()
    assert zygote.errors() == ""


def test_output_and_log_of_a_fork_are_its_own(boot_zygote):
    zygote = boot_zygote({"app.rb": "def handler(event:, context:)\n  print 'out'\n  warn 'err'\n  puts 'log'\nend\n"})
    first, second = (zygote.fork().become("app.handler") for _ in range(2))
    first.invoke()
    zygote.close()
    assert first.output() == "outerr\n"
    assert [frame.text for frame in first.frames()] == ["log\n"]
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
    code = ("FILE = File.open('/dev/null').tap { |file| file.close_on_exec = false }\n"
            "def handler(event:, context:) = exit!(event)\n")
    cell = make_template(boot_zygote({"app.rb": code})).fork().become("app.handler")
    cell.api.send(7)
    descriptors, (cause, value) = cell.receive(), struct.unpack("<Ii", cell.receive())
    assert ast.literal_eval(descriptors.decode()) == [0, 1, 2, 4]
    assert (cause, value) == (0, 7)


def test_forks_cost_a_zygote_no_descriptors(boot_zygote):
    zygote = boot_zygote()
    counts = []
    for _ in range(4):
        zygote.fork().become("app.handler", NAME="n").invoke()
        counts.append(len(os.listdir(f"/proc/{zygote.pid}/fd")))
    assert counts[-1] < counts[0] + 3  # it may not have come to closing the last ones


def test_a_zygote_has_one_thread(boot_zygote):
    zygote = boot_zygote()
    zygote.fork().become("app.handler", NAME="n").invoke()
    assert len(os.listdir(f"/proc/{zygote.pid}/task")) == 1


def test_malformed_messages_to_a_fork_leave_its_zygote_alone(boot_zygote):
    zygote = boot_zygote()
    cell = zygote.fork()
    cell.send(b"X")
    cell.receive()
    assert struct.unpack("<Ii", cell.receive()) == (0, 1)
    assert zygote.fork().become("app.handler", NAME="n").invoke().body == b'"n"'
    zygote.close()
    assert cell.output() == 'runtime cell: a message that it does not understand: "X" with 0 descriptors\n'


RENEWED = """\
require 'securerandom'
require 'socket'
require 'tmpdir'
ENV['MINE'] = ENV['GIVEN'] = 'mine'
ENV.delete('GONE')
[rand, SecureRandom.uuid, Random.rand]
SERVER = TCPServer.new('127.0.0.1', 0)
CLIENT = TCPSocket.new('127.0.0.1', SERVER.addr[1])
PEER = SERVER.accept
PAIR = UNIXSocket.pair
def handler(event:, context:)
  PAIR[0].write('pair')
  {
    variables: event.map { |name| ENV[name] }, stream: context.log_stream_name, random: [rand, SecureRandom.uuid, Random.rand],
    client: CLIENT.read, pair: PAIR[1].readpartial(4)
  }
end
"""


def test_forks_of_a_template_go_on_after_init(boot_zygote):
    template = make_template(boot_zygote({"app.rb": RENEWED}), GIVEN="1", GONE="1", NEW="1", OLD="1")
    answers = []
    for name in ("first", "second"):
        fork = template.fork().become(
            "app.handler", GIVEN="2", GONE="2", NEW="2", AWS_LAMBDA_LOG_STREAM_NAME=name, **SNAP_START)
        answers.append(json.loads(fork.invoke(["MINE", "GIVEN", "NEW", "GONE", "OLD"]).body))
        assert answers[-1]["variables"] == ["mine", "mine", "2", None, None]
        assert (answers[-1]["stream"], answers[-1]["client"], answers[-1]["pair"]) == (name, "", "pair")
        assert fork.api.connections == 1
    assert [a for a, b in zip(answers[0]["random"], answers[1]["random"]) if a == b] == []
    assert template.api.requests == ["GET /2018-06-01/runtime/restore/next"]


def test_a_template_without_a_channel_waits_in_place(start):
    function = start(RUBY, "app.handler", HELLO, environment={**SNAP_START, "NAME": "n"})
    assert function.invoke().body == b'"n"'
    assert function.api.requests[0] == "GET /2018-06-01/runtime/restore/next"


def test_a_template_whose_descriptors_were_closed_can_be_forked(boot_zygote):
    code = "[0, 1, 2, 3].each { |number| IO.for_fd(number).close rescue nil }\ndef handler(event:, context:) = 'well'\n"
    assert make_template(boot_zygote({"app.rb": code})).fork().become("app.handler").invoke().body == b'"well"'


def test_programs_that_init_runs_have_no_part_in_the_channel(boot_zygote):
    code = "FOUND = IO.popen(%w[ls /proc/self/fd], close_others: false, &:read).split\ndef handler(event:, context:) = FOUND\n"
    fork = make_template(boot_zygote({"app.rb": code})).fork().become("app.handler")
    # 3 is the program's own view of the folder.
    assert json.loads(fork.invoke().body) == ["0", "1", "2", "3"]
