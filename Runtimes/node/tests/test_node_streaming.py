"""Streamed responses."""

import base64
import json

import pytest


@pytest.fixture
def run(start):
    return lambda code: start("nodejs20.x", "index.handler", {
        "index.js": f"exports.handler = awslambda.streamifyResponse({code});"})


def test_chunks_leave_as_they_are_written(run):
    function = run("""async (event, stream, context) => {
        stream.setContentType('text/plain');
        stream.write('a'); stream.write(Buffer.from('bc')); stream.write({d: 1}); stream.write('');
        stream.end('e');
      }""")
    for _ in range(2):
        post = function.invoke()
        assert post.path.endswith("/response")
        assert post.headers["lambda-runtime-function-response-mode"] == "streaming"
        assert post.headers["transfer-encoding"] == "chunked"
        assert post.headers["content-type"] == "text/plain"
        assert post.body == b'abc{"d":1}e' and post.trailers == {}
    assert function.api.connections == 1


def test_large_streams_and_pipelines(run):
    function = run("""async (event, stream) => {
        const { pipeline } = require('stream/promises');
        const { Readable } = require('stream');
        await pipeline(Readable.from((function* () { for (let i = 0; i < 200; i++) yield Buffer.alloc(65536, i); })()), stream);
      }""")
    post = function.invoke()
    assert post.headers["content-type"] == "application/octet-stream"
    assert post.body == b"".join(bytes([number]) * 65536 for number in range(200))


@pytest.mark.parametrize("rest, body", [("stream.write('hi'); stream.end();", b"hi"), ("stream.end();", b"")])
def test_http_prelude(run, rest, body):
    function = run("""async (event, stream) => {
        stream = awslambda.HttpResponseStream.from(stream, {statusCode: 201, headers: {a: 'b'}});""" + rest + "}")
    post = function.invoke()
    assert post.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    assert post.body == b'{"statusCode":201,"headers":{"a":"b"}}' + b"\0" * 8 + body


def test_an_error_before_the_first_byte_is_the_answer(run):
    function = run("async () => { throw new RangeError('early'); }")
    for _ in range(2):
        post = function.invoke()
        assert post.path.endswith("/error")
        assert json.loads(post.body)["errorType"] == "RangeError"


LATE = [
    ("async (event, stream) => { stream.write('part'); throw new RangeError('late'); }", "RangeError", "late"),
    ("async (event, stream) => { stream.write('part'); }", "Error", "Response stream is not finished."),
    ("(event, stream) => { stream.write('part'); }", "Error", "Streaming does not support non-async handlers."),
]


@pytest.mark.parametrize("code, kind, message", LATE)
def test_a_later_error_is_in_the_trailers(run, code, kind, message):
    function = run(code)
    for _ in range(2):
        post = function.invoke()
        assert post.body == b"part"
        assert post.trailers["lambda-runtime-function-error-type"] == kind
        body = json.loads(base64.b64decode(post.trailers["lambda-runtime-function-error-body"]))
        assert (body["errorType"], body["errorMessage"]) == (kind, message)


def test_a_stray_error_ends_stream_and_process(run):
    function = run("""async (event, stream) => {
        stream.write('part');
        setTimeout(() => { throw new RangeError('stray'); });
        await new Promise(resolve => setInterval(resolve, 1e6));
      }""")
    post = function.invoke()
    assert post.trailers["lambda-runtime-function-error-type"] == "RangeError"
    assert function.exit_code() == 129
