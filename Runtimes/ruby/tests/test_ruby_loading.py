"""Handler strings, search paths, and what is said when there is nothing to call."""

import json

import pytest

RUBY = "ruby3.1"
MODULES = """\
module Outer
  class Inner
    def self.call(event:, context:) = "inner"
  end
end
class Top
  def self.call(event:, context:) = "top"
end
def handler(event:, context:) = "method"
"""


@pytest.mark.parametrize("handler, expected", [
    ("app.handler", "method"), ("app.Top.call", "top"), ("app.Outer::Inner.call", "inner"), ("folder/other.handler", "other"),
])
def test_handler_strings(start, handler, expected):
    files = {"app.rb": MODULES, "folder/other.rb": "def handler(event:, context:) = 'other'\n"}
    assert json.loads(start(RUBY, handler, files).invoke().body) == expected


INIT = [
    ("nothere.handler", "Init<LoadError>", "cannot load such file -- nothere"),
    ("app", "Init<ArgumentError>", 'Invalid handler ["app"], must be of form '),
    ("a.b.c.d", "Init<ArgumentError>", 'Invalid handler ["a", "b", "c", "d"], must be of form '),
    ("broken.handler", "Init<SyntaxError>", None),
    ("raises.handler", "Init<KeyError>", "ünï"),
    ("exits.handler", "Init<SystemExit>", "exit"),
]


@pytest.mark.parametrize("handler, kind, message", INIT)
def test_faults_of_init(start, handler, kind, message):
    files = {
        "app.rb": "", "broken.rb": "def handler(\n", "raises.rb": "raise KeyError, 'ünï'\n", "exits.rb": "exit 3\n",
    }
    function = start(RUBY, handler, files)
    post = function.api.result()
    body = json.loads(post.body)
    assert post.path == "/2018-06-01/runtime/init/error"
    assert list(body) == ["errorMessage", "errorType", "stackTrace"]
    assert body["errorType"] == kind
    assert message is None or body["errorMessage"].startswith(message)
    assert function.exit_code() == 252
    assert function.texts()[0] == f"Init error when loading handler {handler}\n"
    assert json.loads(function.texts()[1]) == body


CALLS = [
    ("raise Mine, 'no'", "Function<Mine>", "Function<UserException>", False),
    ("raise ArgumentError, 'no'", "Function<ArgumentError>", "Function<ArgumentError>", False),
    ("Errno::ENOENT.new('no').then { raise _1 }", "Function<Errno::ENOENT>", "Function<UserException>", False),
    ("nothere", "Function<NameError>", "Function<NameError>", True),
    ("nil.nothere", "Function<NoMethodError>", "Function<NoMethodError>", True),
    ("exit 3", "Function<SystemExit>", "Function<SystemExit>", True),
    ("define_method(:deep) { deep }", "Function<NoMethodError>", "Function<NoMethodError>", True),
    ("deep = ->(f) { f.(f) }; deep.(deep)", "Function<SystemStackError>", "Function<SystemStackError>", True),
    ("raise Exception, 'no'", "Function<Exception>", "Function<Exception>", True),
]


@pytest.mark.parametrize("code, kind, header, ends", CALLS, ids=[call[0] for call in CALLS])
def test_faults_of_the_handler(start, code, kind, header, ends):
    source = f"class Mine < StandardError; end\ndef handler(event:, context:)\n  return 'well' unless event\n  {code}\nend\n"
    function = start(RUBY, "app.handler", {"app.rb": source})
    post = function.invoke(True)
    body = json.loads(post.body)
    assert (body["errorType"], post.headers["lambda-runtime-function-error-type"]) == (kind, header)
    assert body["stackTrace"][0].startswith(f"{start.task}/app.rb:4:in `")
    assert not any("/_apus/" in frame for frame in body["stackTrace"])
    cause = json.loads(post.headers["lambda-runtime-function-xray-error-cause"])
    assert cause["exceptions"][0]["type"] == kind
    if ends:
        assert function.exit_code() == 255
    else:
        assert function.invoke(False).body == b'"well"'


@pytest.mark.parametrize("message", ["\"\\xff\"", "\"\\xff\".b", "'ünï'.encode('UTF-16LE')", "\"a\\r\\nb: c\""])
def test_messages_of_any_text(start, message):
    function = start(RUBY, "app.handler", {"app.rb": f"def handler(event:, context:) = raise({message})\n"})
    for _ in range(2):
        assert json.loads(function.invoke().body)["errorType"] == "Function<RuntimeError>"


def test_a_message_that_cannot_be_read(start):
    code = "class Mine < StandardError\n  def message = raise('again')\nend\ndef handler(event:, context:) = raise(Mine)\n"
    body = json.loads(start(RUBY, "app.handler", {"app.rb": code}).invoke().body)
    assert body["errorMessage"] == "<RuntimeError while reading the message of Mine>"


GEM = """\
Gem::Specification.new { |gem| gem.name = "greeting"; gem.version = "1.0"; gem.summary = gem.author = "x"; gem.files = [] }
"""


@pytest.mark.parametrize("start_by", ["direct", "cell"])
def test_gems_beside_the_function(start, boot, start_by):
    folder = "vendor/bundle/ruby/3.1.0"
    files = {
        "app.rb": "require 'greeting'\ndef handler(event:, context:) = GREETING\n",
        f"{folder}/specifications/greeting-1.0.gemspec": GEM,
        f"{folder}/gems/greeting-1.0/lib/greeting.rb": "GREETING = 'from a gem'\n",
    }
    function = start(RUBY, "app.handler", files) if start_by == "direct" else boot(RUBY, files).become("app.handler")
    assert function.invoke().body == b'"from a gem"'


@pytest.mark.parametrize("start_by", ["direct", "cell"])
def test_folders_of_rubylib(start, boot, tmp_path, start_by):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/greeting.rb").write_text("GREETING = 'from a folder'\n")
    files = {"app.rb": "require 'greeting'\ndef handler(event:, context:) = [GREETING, $LOAD_PATH[0]]\n"}
    variables = {"RUBYLIB": str(tmp_path / "lib")}
    if start_by == "direct":
        function = start(RUBY, "app.handler", files, environment=variables)
    else:
        function = boot(RUBY, files).become("app.handler", **variables)
    assert json.loads(function.invoke().body)[0] == "from a folder"
