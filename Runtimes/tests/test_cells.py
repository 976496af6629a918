"""What all runtimes that can wait for a function have in common."""

import json

import pytest

PYTHON_STATE = """\
import os, subprocess, sys
def files():
    links = ["/proc/self/fd/" + name for name in os.listdir("/proc/self/fd")]
    return sorted(os.readlink(link).partition(":")[0] for link in links if os.path.exists(link))
def handler(event, context):
    return {
        "variables": {name: value for name, value in os.environ.items() if name not in event},
        "child": subprocess.run(["env", "-0"], stdout=subprocess.PIPE, text=True).stdout.split("\\0"),
        "arguments": [sys.argv, sys.orig_argv, sys.executable, __name__, sys.modules["__main__"].__file__],
        "path": sys.path, "flags": repr(sys.flags), "folder": os.getcwd(), "streams": repr([sys.stdin, type(sys.stdout)]),
        "files": files(),
        "main": sorted(vars(sys.modules["__main__"])), "warnings": repr(sys.warnoptions), "exit": repr(exit.__module__),
        "time": __import__("time").tzname, "locale": __import__("locale").setlocale(0),
    }
"""
NODE_STATE = """\
const fs = require('fs');
// The null device: standard input, and what libuv reserves for ever once a process has listened.
const files = () => fs.readdirSync('/proc/self/fd').map(name => '/proc/self/fd/' + name).filter(fs.existsSync)
  .map(link => fs.readlinkSync(link).split(':')[0]).filter(target => target !== '/dev/null').sort();
exports.handler = async event => ({
  variables: Object.fromEntries(Object.entries(process.env).filter(([name]) => !event.includes(name))),
  child: require('child_process').execFileSync('env', ['-0']).toString().split('\\0'),
  arguments: [process.argv, process.execArgv, process.execPath, process.title, require.main.filename, typeof gc],
  path: module.paths.concat(require('module').globalPaths), folder: process.cwd(), globals: Object.keys(globalThis),
  files: files(),
  time: Intl.DateTimeFormat().resolvedOptions(), offset: new Date(0).getTimezoneOffset(), streams: process.stderr.isTTY,
  listeners: process.eventNames().map(name => [String(name), process.listenerCount(name)]),
});
"""
RUBY_STATE = """\
def handler(event:, context:)
  files = Dir.children('/proc/self/fd').map { |name| "/proc/self/fd/#{name}" }.select { |link| File.exist?(link) }
  {
    variables: ENV.to_h.except(*event), child: IO.popen(%w[env -0], &:read).split("\\0"),
    arguments: [$0, ARGV, __FILE__, $PROGRAM_NAME], path: $LOAD_PATH, gems: Gem.path, specifications: Gem.loaded_specs.keys.sort,
    loaded: $LOADED_FEATURES.reject { |file| file.include?('/_apus/') }.sort, folder: Dir.pwd,
    streams: [$stdin.fileno, $stdout.sync, $stderr.sync], files: files.map { |link| File.readlink(link)[/[^:]*/] }.sort,
    time: Time.at(0).zone, encodings: [Encoding.default_external, Encoding.default_internal, ''.encoding, ENV['LANG'].encoding],
    globals: global_variables.sort, methods: private_methods(false).sort, threads: Thread.list.size,
  }
end
"""
KINDS = [("python3.11", {"app.py": PYTHON_STATE}), ("nodejs20.x", {"app.js": NODE_STATE}), ("ruby3.1", {"app.rb": RUBY_STATE})]
RUNTIMES = ["python3.10", "python3.11", "python3.12", "python3.13", "python3.14", "nodejs20.x", "ruby3.1"]
ECHO = {
    "app.py": "def handler(event, context):\n    print('seen')\n    return event\n",
    "app.js": "exports.handler = async event => { console.log('seen'); return event; };",
    "app.rb": "def handler(event:, context:)\n  puts 'seen'\n  event\nend\n",
}

# These say which of the two launches it was.
OWN = ["AWS_LAMBDA_RUNTIME_API", "_LAMBDA_TELEMETRY_LOG_FD"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_cell_becomes_a_function(boot, runtime):
    cell = boot(runtime, ECHO).become("app.handler")
    assert cell.receive() == b""
    for event in ({"n": 1}, {"n": 2}):
        assert json.loads(cell.invoke(event).body) == event
    cell.close()
    assert [frame.text.endswith("seen\n") for frame in cell.frames()] == [True, True]
    assert (cell.output(), cell.errors()) == ("", "")


@pytest.mark.parametrize("runtime, files", KINDS, ids=["python", "node", "ruby"])
@pytest.mark.parametrize("variables", [{}, {"TZ": "America/New_York", "HOME": "/tmp", "A": "=\n\u00e9"}])
def test_functions_cannot_tell_how_they_were_started(boot, start, runtime, files, variables):
    cell = boot(runtime, files).become("app.handler", **variables)
    direct = start(runtime, "app.handler", files, environment=variables)
    found, expected = json.loads(cell.invoke(OWN).body), json.loads(direct.invoke(OWN).body)
    for state in (found, expected):
        state["child"] = sorted(text for text in state["child"] if text.partition("=")[0] not in OWN)
    assert found == expected


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x", "ruby3.1"])
def test_variables_of_the_boot_are_gone(boot, runtime):
    files = {
        "app.py": "import os, subprocess\ndef handler(event, context):\n"
                  "    return [*os.environ, subprocess.run(['env'], stdout=subprocess.PIPE, text=True).stdout]\n",
        "app.js": "exports.handler = async () =>"
                  " [...Object.keys(process.env), require('child_process').execFileSync('env').toString()];",
        "app.rb": "def handler(event:, context:) = [*ENV.keys, `env`]\n",
    }
    cell = boot(runtime, files, variables={"ONLY_AT_BOOT": "1"}).become("app.handler")
    assert b"ONLY_AT_BOOT" not in cell.invoke().body


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x", "ruby3.1"])
def test_faults_of_init_are_reported(boot, runtime):
    post = boot(runtime).become("nothere.handler").api.result()
    assert post.path == "/2018-06-01/runtime/init/error"
    assert post.headers["lambda-runtime-function-error-type"] in ("Runtime.ImportModuleError", "Init<LoadError>")


MALFORMED = [
    (b"X", "a message that it does not understand"),
    (b"SA=1", "variables that it does not understand"),
    (b"SA\0", "variables that it does not understand"),
    (b"S=1\0", "variables that it does not understand"),
    (b"SA=1\0\0", "variables that it does not understand"),
    (b"F", "a message that it does not understand"),
    (b"S" + b"A=1\0" * (1 << 16), "a message that is too long"),
]


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x", "ruby3.1"])
@pytest.mark.parametrize("message, problem", MALFORMED, ids=lambda value: repr(value[:8]))
def test_malformed_messages_end_the_cell(boot, runtime, message, problem):
    cell = boot(runtime)
    cell.send(message)
    assert cell.exit_code() == 1
    cell.close()
    assert cell.errors().startswith(f"runtime cell: {problem}")
    assert cell.errors().count("\n") == 1
    assert cell.output() == ""


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x", "ruby3.1"])
def test_a_closed_channel_ends_the_cell_quietly(boot, runtime):
    cell = boot(runtime)
    cell.hang_up()
    assert cell.exit_code() == 0
    cell.close()
    assert (cell.output(), cell.errors()) == ("", "")
