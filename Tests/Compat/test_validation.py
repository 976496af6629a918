"""The texts of refused requests, as AWS words them."""

import json
import re

import pytest

from support.faults import refused
from support.functions import PYTHON, ROLE
from support.packages import pack

CODE = {"ZipFile": pack({"app.py": "def handler(event, context):\n    return 1\n"})}


@pytest.fixture(scope="module")
def careless(server):
    """boto3 without its own checks."""
    return server.client("lambda", parameter_validation=False)


def create(client, **changes):
    settings = {"FunctionName": "validation", "Runtime": PYTHON, "Role": ROLE, "Handler": "app.handler", "Code": CODE}
    settings.update(changes)
    return client.create_function(**{name: value for name, value in settings.items() if value is not None})


def one(value, path, constraint):
    return f"1 validation error detected: Value {value} at '{path}' failed to satisfy constraint: {constraint}"


ROLE_PATTERN = r"Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"

CASES = {
    "memory too small": ({"MemorySize": 64}, one("'64'", "memorySize", "Member must have value greater than or equal to 128")),
    "memory too large": ({"MemorySize": 40000}, one("'40000'", "memorySize", "Member must have value less than or equal to 32768")),
    "timeout zero": ({"Timeout": 0}, one("'0'", "timeout", "Member must have value greater than or equal to 1")),
    "role": ({"Role": "nobody"}, one("'nobody'", "role", ROLE_PATTERN)),
    "handler with a space": (
        {"Handler": "a b"}, one("'a b'", "handler", r"Member must satisfy regular expression pattern: [^\s]+")),
    "handler too long": ({"Handler": "h" * 129}, one(f"'{'h' * 129}'", "handler", "Member must have length less than or equal to 128")),
    "description too long": (
        {"Description": "d" * 257}, one(f"'{'d' * 257}'", "description", "Member must have length less than or equal to 256")),
    "two architectures": (
        {"Architectures": ["x86_64", "arm64"]},
        one("'[x86_64, arm64]'", "architectures", "Member must have length less than or equal to 1")),
    "no role": ({"Role": None}, one("null", "role", "Member must not be null")),
    "small storage": (
        {"EphemeralStorage": {"Size": 100}},
        one("'100'", "ephemeralStorage.size", "Member must have value greater than or equal to 512")),
}


@pytest.mark.parametrize("changes, text", CASES.values(), ids=CASES.keys())
def test_constraints(careless, changes, text):
    with refused(400, ("ValidationException", "InvalidParameterValueException"), text):
        create(careless, **changes)


def test_all_violations_come_in_one_message(careless):
    with refused(400, "ValidationException") as refusal:
        create(careless, MemorySize=1, Timeout=0, Role="x")
    head, rest = refusal.message.split(": ", 1)
    assert head == "3 validation errors detected"
    parts = set(rest.split("; "))
    assert {
        "Value '1' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128",
        "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1",
        "Value 'x' at 'role' failed to satisfy constraint: " + ROLE_PATTERN,
    } == parts


@pytest.mark.parametrize(
    "changes, path",
    [({"PackageType": "Tar"}, "packageType"), ({"TracingConfig": {"Mode": "Loud"}}, "tracingConfig.mode"),
     ({"Architectures": ["mips"]}, "architectures"), ({"LoggingConfig": {"LogFormat": "XML"}}, "loggingConfig.logFormat")])
def test_enumerations(careless, changes, path):
    with refused(400, "ValidationException") as refusal:
        create(careless, **changes)
    assert refusal.message.startswith("1 validation error detected: Value '")
    assert f"at '{path}" in refusal.message
    assert re.search(r"Member must satisfy (enum value set|constraint): \[", refusal.message)


def test_a_name_that_is_too_long(careless):
    name = "n" * 65
    with refused(
        400, "InvalidParameterValueException", one(f"'{name}'", "functionName", "Member must have length less than or equal to 64")
    ):
        create(careless, FunctionName=name)


@pytest.mark.parametrize("name", ["with space", "a.b", "a/b", "ü", "a:b:c"])
def test_names_that_are_not_names(careless, name):
    with refused(400, ("ValidationException", "InvalidParameterValueException"), containing="functionName"):
        create(careless, FunctionName=name)


@pytest.mark.parametrize("runtime", ["python2.7", "nodejs14.x", "java8", "nodejs18.x", "provided", "ruby2.7", "dotnet5.0"])
def test_deprecated_runtimes(careless, runtime):
    with refused(
        400, "InvalidParameterValueException",
        f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
        "We recommend you use a supported runtime while creating or updating functions."
    ):
        create(careless, Runtime=runtime)


@pytest.mark.parametrize("runtime", ["python9.9", PYTHON.upper(), "cobol"])
def test_unknown_runtimes(careless, runtime):
    with refused(400, "InvalidParameterValueException") as refusal:
        create(careless, Runtime=runtime)
    assert refusal.message.startswith(
        f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [")
    assert refusal.message.endswith("] or be a valid ARN")


@pytest.mark.parametrize("missing", ["Runtime", "Handler"])
def test_a_zip_needs_runtime_and_handler(careless, missing):
    with refused(400, ("InvalidParameterValueException", "ValidationException")):
        create(careless, **{missing: None})


def test_timeout_above_the_limit(careless):
    with refused(400, ("ValidationException", "InvalidParameterValueException"), containing="imeout"):
        create(careless, FunctionName="too-long", Timeout=901)


def test_memory_above_the_limit(careless):
    with refused(400, ("ValidationException", "InvalidParameterValueException"), containing="emory"):
        create(careless, FunctionName="too-large", MemorySize=10241)


def test_image_settings_for_a_zip(client, functions):
    function = functions.create("def handler(event, context):\n    return 1\n")
    with refused(
        400, "InvalidParameterValueException", "Please don't provide ImageUri when updating a function with packageType Zip."
    ):
        client.update_function_code(FunctionName=function.name, ImageUri="000000000000.dkr.ecr.us-east-1.amazonaws.com/x:y")


def test_update_is_checked_like_create(client, careless, functions):
    function = functions.create("def handler(event, context):\n    return 1\n")
    with refused(400, "ValidationException", CASES["memory too small"][1]):
        careless.update_function_configuration(FunctionName=function.name, MemorySize=64)
    assert client.get_function_configuration(FunctionName=function.name)["MemorySize"] == 128


def test_max_items(careless):
    with refused(400, ("ValidationException", "InvalidParameterValueException"), containing="maxItems"):
        careless.list_functions(MaxItems=10001)


def test_error_envelope(server):
    """Headers and body of an error as they stand on the wire."""
    client = server.client("lambda")
    seen = {}
    client.meta.events.register("before-parse.lambda.GetFunction", lambda response_dict, **_: seen.update(response_dict))
    with refused(404, "ResourceNotFoundException") as refusal:
        client.get_function(FunctionName="nobody")
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert headers["content-type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["x-amzn-requestid"])
    assert json.loads(seen["body"]) == {"Type": "User", "Message": refusal.message}
