"""Cells of Node.js: what a direct launch reads while it boots, and they read from their message."""

import json

import pytest

RUNTIME = "nodejs20.x"
HANDLERS = [
    ("index.js", "exports.handler = (event, context, done) => done(null, 'callback');", "callback"),
    ("index.mjs", "export const handler = async () => 'module';", "module"),
    ("index.js", "exports.handler = awslambda.streamifyResponse(async (e, s) => { s.write('\"stream\"'); s.end(); });", "stream"),
]


@pytest.mark.parametrize("file, code, result", HANDLERS)
def test_every_kind_of_handler_runs(boot, file, code, result):
    cell = boot(RUNTIME, {file: code}).become("index.handler")
    for _ in range(2):
        assert json.loads(cell.invoke().body) == result


def test_the_module_path_follows_the_variables(boot, tmp_path):
    for folder, name in (("layer", "layered"), ("home/.node_modules", "homely")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f"{name}.js").write_text(f"module.exports = '{name}';")
    code = "exports.handler = async () => [require('layered'), require('homely')];"
    cell = boot(RUNTIME, {"index.js": code}, variables={"NODE_PATH": "/nowhere"})
    cell.become("index.handler", NODE_PATH=str(tmp_path / "layer"), HOME=str(tmp_path / "home"))
    assert json.loads(cell.invoke().body) == ["layered", "homely"]


def test_the_time_zone_follows_the_variables(boot):
    code = "exports.handler = async () => new Date(0).toString().slice(0, 24);"
    cell = boot(RUNTIME, {"index.js": code}).become("index.handler", TZ="Asia/Tokyo")
    assert json.loads(cell.invoke().body) == "Thu Jan 01 1970 09:00:00"


def test_forks_are_refused(boot):
    cell = boot(RUNTIME)
    cell.send(b"F")
    assert cell.exit_code() == 1
    cell.close()
    assert cell.errors() == 'runtime cell: a message that it does not understand: "F"\n'


def test_the_rehearsal_leaves_nothing_behind(boot):
    code = """
      const left = process.getActiveResourcesInfo();
      const flags = require('fs').readFileSync('/proc/self/fdinfo/2', 'utf8');
      const isNonBlocking = (parseInt(/flags:\\s*(\\d+)/.exec(flags)[1], 8) & 0o4000) !== 0;
      exports.handler = async () => [left, isNonBlocking, require('vm').runInNewContext('typeof gc')];
    """
    cell = boot(RUNTIME, {"index.js": code}).become("index.handler")
    assert json.loads(cell.invoke().body) == [[], False, "undefined"]
