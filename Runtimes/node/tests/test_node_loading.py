"""Finding the handler: file kinds, nested names, layers, faults."""

import json

import pytest

LEGACY = "nodejs20.x"
CJS = "exports.handler = async () => 'cjs';"
ESM = "export const handler = async () => 'esm';"

FOUND = [
    ("index.handler", {"index.js": CJS}, "cjs"),
    ("index.handler", {"index.cjs": CJS}, "cjs"),
    ("index.handler", {"index.mjs": ESM}, "esm"),
    ("index.handler", {"index.js": ESM, "package.json": '{"type": "module"}'}, "esm"),
    ("index.handler", {"index.js": CJS, "package.json": '{"type": "commonjs"}'}, "cjs"),
    ("sub/index.handler", {"sub/index.js": ESM, "package.json": '{"type": "module"}'}, "esm"),
    ("index.handler", {"index.js": CJS, "index.mjs": ESM}, "cjs"),
    ("index.handler", {"index.mjs": ESM, "index.cjs": CJS}, "esm"),
    ("index.handler", {"index": CJS, "index.mjs": ESM}, "cjs"),
    ("a/b/index.handler", {"a/b/index.js": CJS}, "cjs"),
    ("index.outer.inner.handler", {"index.js": "exports.outer = {inner: {handler: async () => 'nested'}};"}, "nested"),
    ("index.default", {"index.mjs": "export default async () => 'default';"}, "default"),
    ("index.handler", {"index.mjs": "const w = await Promise.resolve('awaited'); export const handler = async () => w;"}, "awaited"),
    ("folder.handler", {"folder/index.js": CJS}, "cjs"),
    ("package.handler", {"node_modules/package/index.js": CJS}, "cjs"),
]


@pytest.mark.parametrize("handler, files, expected", FOUND)
def test_handlers_are_found(start, handler, files, expected):
    assert json.loads(start(LEGACY, handler, files).invoke().body) == expected


FAULTS = [
    ("index", {"index.js": CJS}, "Runtime.MalformedHandlerName", "Bad handler"),
    ("../index.handler", {}, "Runtime.MalformedHandlerName", "'../index.handler' is not a valid handler name."),
    ("index.other", {"index.js": CJS}, "Runtime.HandlerNotFound", "index.other is undefined or not exported"),
    ("index.x", {"index.js": "exports.x = 5;"}, "Runtime.HandlerNotFound", "index.x is not a function"),
    ("nothere.handler", {}, "Runtime.ImportModuleError", "Error: Cannot find module 'nothere'"),
    ("index.handler", {"index.js": "require('missing');"}, "Runtime.ImportModuleError", "Error: Cannot find module 'missing'"),
    ("index.handler", {"index.js": "let x = ;"}, "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected token ';'"),
    ("index.handler", {"index.mjs": "let x = ;"}, "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected token ';'"),
    ("index.handler", {"index.js": "throw new RangeError('at init');"}, "RangeError", "at init"),
    ("index.handler", {"index.mjs": "throw new RangeError('at init');"}, "RangeError", "at init"),
]


@pytest.mark.parametrize("handler, files, kind, message", FAULTS)
def test_init_faults_are_reported_and_end_the_process(start, handler, files, kind, message):
    function = start(LEGACY, handler, files)
    post = function.api.result()
    assert post.path == "/2018-06-01/runtime/init/error"
    assert post.headers["lambda-runtime-function-error-type"] == kind
    body = json.loads(post.body)
    assert body["errorType"] == kind
    assert body["errorMessage"].startswith(message)
    assert body["trace"][0].startswith(f"{kind}: {message}".split("\n")[0])
    assert function.exit_code() == 129
    [text] = function.texts()
    assert f"\tundefined\tERROR\tUncaught Exception \t{{\"errorType\":\"{kind}\"" in text


def test_a_module_that_waits_for_ever_ends_with_13(start):
    function = start(LEGACY, "index.handler", {"index.mjs": "await new Promise(() => {}); export const handler = 1;"})
    assert function.exit_code() == 13


@pytest.mark.parametrize("file, code", [
    ("index.js", "const {value} = require('layered'); exports.handler = async () => value;"),
    ("index.mjs", "import {value} from 'layered'; export const handler = async () => value;"),
    ("index.mjs", "export const handler = async () => (await import('layered')).value;"),
])
def test_layers_serve_both_kinds_of_modules(start, tmp_path, file, code):
    layer = tmp_path / "opt/nodejs/node_modules/layered"
    layer.mkdir(parents=True)
    (layer / "index.js").write_text("exports.value = 'from layer';")
    function = start(LEGACY, "index.handler", {file: code}, environment={
        "NODE_PATH": f"/nowhere/node_modules:{layer.parent}:/var/runtime:/var/task"})
    assert function.invoke().body == b'"from layer"'


def test_awslambda_can_be_declined(start):
    function = start(LEGACY, "index.handler", {"index.js": "exports.handler = async () => typeof awslambda;"},
                     environment={"AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA": "1"})
    assert function.invoke().body == b'"undefined"'
