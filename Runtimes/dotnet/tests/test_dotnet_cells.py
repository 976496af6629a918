"""Waiting ahead of demand, and functions that are programs."""

import json
import os

import pytest

from test_cells import MALFORMED

SOURCE = """\
using System;
using System.Collections;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
public class Function
{
    [DllImport("libc")] private static extern IntPtr getenv(string name);

    public Stream Handle(Stream input) => Text(string.Join("\\n",
        Environment.GetEnvironmentVariable("ONLY_AT_BOOT") ?? "none", Environment.GetEnvironmentVariable("MINE"),
        Marshal.PtrToStringUTF8(getenv("MINE")), Marshal.PtrToStringUTF8(getenv("ONLY_AT_BOOT")) ?? "none", Child(),
        Environment.GetEnvironmentVariables().Contains("EMPTY") ? "empty" : "none",
        Directory.GetCurrentDirectory(), string.Join(" ", Environment.GetCommandLineArgs().Skip(1)), TimeZoneInfo.Local.Id));

    private static string Child()
    {
        var child = Process.Start(new ProcessStartInfo("sh", "-c \\"echo $MINE$ONLY_AT_BOOT\\"") { RedirectStandardOutput = true });
        return child.StandardOutput.ReadToEnd().Trim();
    }

    private static Stream Text(string text) => new MemoryStream(Encoding.UTF8.GetBytes(text));
}
"""


@pytest.fixture
def function(compile_to, task, host):
    return compile_to(task / "Function.dll", SOURCE)


@pytest.mark.parametrize("variables, empty", [({}, "none"), ({"EMPTY": ""}, "empty")], ids=["", "with an empty variable"])
def test_variables_are_those_of_the_function(function, boot, host, task, variables, empty):
    cell = boot("dotnetcore3.1", executable=host, variables={"ONLY_AT_BOOT": "1", "MINE": "before"})
    cell.become("Function::Function::Handle", MINE="after", TZ="America/New_York", **variables)
    assert cell.receive() == b"", "the channel is closed"
    cell.api.wait_for_next()
    assert len(sockets(cell.pid)) == 1, "nothing of the rehearsal is open"
    expected = ["none", "after", "after", "none", "after", empty, str(task), "", "America/New_York"]
    assert cell.invoke().body.decode().split("\n") == expected
    cell.close()
    assert (cell.output(), cell.errors()) == ("", "")


def sockets(pid):
    links = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
    return [link for link in links if link.startswith("socket:")]


@pytest.mark.parametrize("message, problem", MALFORMED, ids=lambda value: repr(value[:8]))
def test_malformed_messages_end_the_cell(wait, message, problem):
    cell = wait()
    cell.send(message)
    assert cell.exit_code() == 1
    cell.close()
    assert cell.errors().startswith(f"runtime cell: {problem}")
    assert (cell.errors().count("\n"), cell.output()) == (1, "")


def test_a_closed_channel_ends_the_cell_quietly(wait):
    cell = wait()
    cell.hang_up()
    assert cell.exit_code() == 0
    cell.close()
    assert (cell.output(), cell.errors()) == ("", "")


def test_faults_of_init_are_reported(wait):
    post = wait().become("Nothere::A::B").api.result()
    assert post.path == "/2018-06-01/runtime/init/error"
    assert json.loads(post.body)["errorType"] == "LambdaValidationException"


PROGRAM = """\
using System;
using System.Net.Sockets;
using System.Reflection;
using System.Text;
public static class Program
{
    public static void Main(string[] arguments)
    {
        var address = Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API").Split(':');
        var socket = new TcpClient(address[0], int.Parse(address[1])).GetStream();
        var body = Assembly.GetEntryAssembly().GetName().Name + " " + Environment.GetEnvironmentVariable("_HANDLER") + " " + arguments.Length;
        Send(socket, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n");
        var reply = new byte[8192];
        var text = Encoding.ASCII.GetString(reply, 0, socket.Read(reply, 0, reply.Length));
        var id = text.Substring(text.IndexOf("0000-4000-8000-") - 9, 36);
        Send(socket, $"POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: {body.Length}\\r\\n\\r\\n{body}");
        socket.Read(reply, 0, reply.Length);
        Environment.Exit(7);
    }

    private static void Send(NetworkStream stream, string text) => stream.Write(Encoding.ASCII.GetBytes(text), 0, text.Length);
}
"""


@pytest.fixture
def program(compile_to, task):
    path = compile_to(task / "Program.dll", PROGRAM)
    path.with_suffix(".runtimeconfig.json").write_text(json.dumps({"runtimeOptions": {
        "framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"}, "configProperties": {"System.Globalization.Invariant": True}}}))


@pytest.mark.parametrize("handler", ["Program", "Program.dll"])
def test_a_program_is_a_function(program, launch, handler):
    function = launch(handler)
    assert function.invoke().body.decode() == f"Program {handler} 0"
    assert function.exit_code() == 7


def test_a_cell_becomes_a_program(program, wait):
    cell = wait().become("Program")
    assert cell.invoke().body == b"Program Program 0"
    assert cell.exit_code() == 7


def test_a_native_program_is_a_function(launch, task):
    """As native AOT makes it, but for the language."""
    path = task / "native"
    path.write_text("#!/bin/sh\necho \"$_HANDLER\"\nexit 5\n")
    path.chmod(0o755)
    function = launch("native")
    assert function.exit_code() == 5
    assert function.output() == "native\n"


def test_a_program_that_is_not_there(launch, task):
    function = launch("Nothere")
    assert function.exit_code() == 104
    assert function.errors() == f"Error: executable assembly {task}/Nothere.dll or binary {task}/Nothere not found.\n"
