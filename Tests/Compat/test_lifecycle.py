"""Create, read, change, delete: every field, every state, the waiters that boto3 ships."""

import base64
import hashlib
import re
import urllib.request

import pytest

from support.faults import refused
from support.functions import PYTHON, ROLE, Functions
from support.packages import pack
from support.server import ACCOUNT, REGION

HELLO = "def handler(event, context):\n    return 'hello'\n"
OTHER = "def handler(event, context):\n    return 'other'\n"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LAST_MODIFIED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000")


def arn(name, qualifier=None):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}" + (f":{qualifier}" if qualifier else "")


def sha256(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def settings(answer):
    """The configuration without what belongs to the transport."""
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_create_wait_get_update_delete(client, functions):
    code = pack({"app.py": HELLO})
    created = client.create_function(
        FunctionName="lifecycle", Runtime=PYTHON, Role=ROLE, Handler="app.handler", Code={"ZipFile": code})
    function = functions.adopt("lifecycle", wait=False)
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (created["State"], created["StateReason"], created["StateReasonCode"]) == (
        "Pending", "The function is being created.", "Creating")
    assert created["Version"] == "$LATEST"
    assert "LastUpdateStatus" not in created
    assert UUID.fullmatch(created["RevisionId"])
    assert LAST_MODIFIED.fullmatch(created["LastModified"])
    assert (created["CodeSize"], created["CodeSha256"]) == (len(code), sha256(code))

    client.get_waiter("function_active_v2").wait(FunctionName="lifecycle", WaiterConfig={"Delay": 1})
    got = client.get_function(FunctionName="lifecycle")
    assert got["Configuration"]["State"] == "Active"
    assert got["Configuration"]["LastUpdateStatus"] == "Successful"
    assert "StateReason" not in got["Configuration"]
    assert got["Configuration"]["RevisionId"] != created["RevisionId"]
    assert got["Code"]["RepositoryType"] == "S3"
    with urllib.request.urlopen(got["Code"]["Location"]) as answer:
        assert answer.read() == code
    assert function.invoke().ok() == "hello"

    newer = pack({"app.py": OTHER})
    updated = client.update_function_code(FunctionName="lifecycle", ZipFile=newer)
    assert updated["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert (updated["State"], updated["LastUpdateStatus"]) == ("Active", "InProgress")
    assert updated["LastUpdateStatusReason"] == "The function is being created."
    assert updated["LastUpdateStatusReasonCode"] == "Creating"
    assert updated["CodeSha256"] == sha256(newer)
    client.get_waiter("function_updated_v2").wait(FunctionName="lifecycle", WaiterConfig={"Delay": 1})
    after = client.get_function_configuration(FunctionName="lifecycle")
    assert after["LastUpdateStatus"] == "Successful"
    assert after["RevisionId"] not in (created["RevisionId"], got["Configuration"]["RevisionId"])
    assert function.invoke().ok() == "other"

    deleted = client.delete_function(FunctionName="lifecycle")
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] in (200, 204)
    with refused(404, "ResourceNotFoundException", f"Function not found: {arn('lifecycle')}"):
        client.get_function(FunctionName="lifecycle")
    with refused(404, "ResourceNotFoundException", f"Function not found: {arn('lifecycle')}"):
        client.get_function_configuration(FunctionName="lifecycle")
    with refused(404, "ResourceNotFoundException", f"Function not found: {arn('lifecycle')}:$LATEST"):
        client.invoke(FunctionName="lifecycle")
    with refused(404, "ResourceNotFoundException", f"Function not found: {arn('lifecycle')}"):
        client.delete_function(FunctionName="lifecycle")


@pytest.mark.parametrize("waiter", ["function_exists", "function_active", "function_active_v2"])
def test_waiters_after_create(client, functions, waiter):
    function = functions.create(HELLO, wait=False)
    client.get_waiter(waiter).wait(FunctionName=function.name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


@pytest.mark.parametrize("waiter", ["function_updated", "function_updated_v2"])
def test_waiters_after_update(client, functions, waiter):
    function = functions.create(HELLO)
    client.update_function_configuration(FunctionName=function.name, Description="newer")
    client.get_waiter(waiter).wait(FunctionName=function.name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def test_defaults(client, functions):
    name = functions.create(HELLO).name
    read = settings(client.get_function_configuration(FunctionName=name))
    expected = {
        "FunctionName": name,
        "FunctionArn": arn(name),
        "Runtime": PYTHON,
        "Role": ROLE,
        "Handler": "app.handler",
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "EphemeralStorage": {"Size": 512},
        "Architectures": ["x86_64"],
        "PackageType": "Zip",
        "TracingConfig": {"Mode": "PassThrough"},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
        "Version": "$LATEST",
    }
    assert {field: read.get(field) for field in expected} == expected
    assert "Environment" not in read
    assert not read.get("Layers")


EVERY_FIELD = {
    "Description": "a function with every field — ünïcode",
    "Timeout": 17,
    "MemorySize": 1769,
    "EphemeralStorage": {"Size": 1024},
    "Environment": {"Variables": {"GREETING": "grüß dich", "EMPTY": ""}},
    "TracingConfig": {"Mode": "Active"},
    "LoggingConfig": {
        "LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "WARN", "LogGroup": "/tests/every-field"},
}


def test_every_field_of_create_reads_back(client, functions):
    name = functions.create(HELLO, Tags={"team": "swift", "empty": ""}, Architectures=["x86_64"], **EVERY_FIELD).name
    for read in (
        client.get_function(FunctionName=name)["Configuration"],
        client.get_function_configuration(FunctionName=name),
    ):
        assert {field: read.get(field) for field in EVERY_FIELD} == EVERY_FIELD
    assert client.get_function(FunctionName=name)["Tags"] == {"team": "swift", "empty": ""}


def test_every_field_of_update_configuration_reads_back(client, functions):
    function = functions.create(HELLO)
    function.configure(Handler="other.run", Role=ROLE + "-2", Runtime=PYTHON, **EVERY_FIELD)
    read = client.get_function_configuration(FunctionName=function.name)
    assert {field: read.get(field) for field in EVERY_FIELD} == EVERY_FIELD
    assert (read["Handler"], read["Role"]) == ("other.run", ROLE + "-2")


def test_update_leaves_out_what_it_does_not_name(client, functions):
    function = functions.create(HELLO, **EVERY_FIELD)
    function.configure(Timeout=5)
    read = client.get_function_configuration(FunctionName=function.name)
    assert {field: read.get(field) for field in EVERY_FIELD} == {**EVERY_FIELD, "Timeout": 5}


def test_environment_is_replaced_whole(functions):
    function = functions.create(
        "import os\ndef handler(event, context):\n    return {k: v for k, v in os.environ.items() if k in 'AABB CC'.split()}",
        Environment={"Variables": {"AABB": "1", "CC": "2"}})
    assert function.invoke().ok() == {"AABB": "1", "CC": "2"}
    function.configure(Environment={"Variables": {"CC": "3"}})
    assert function.invoke().ok() == {"CC": "3"}
    function.configure(Environment={"Variables": {}})
    assert function.invoke().ok() == {}


@pytest.mark.parametrize("form", ["{name}", "function:{name}", "{account}:function:{name}", "{arn}", "{arn}:$LATEST"])
def test_a_function_answers_to_every_form_of_its_name(client, module_functions, form):
    if not module_functions.made:
        module_functions.create(HELLO)
    name = module_functions.made[0].name
    identifier = form.format(name=name, account=ACCOUNT, arn=arn(name))
    assert client.get_function(FunctionName=identifier)["Configuration"]["FunctionName"] == name
    assert client.invoke(FunctionName=identifier)["Payload"].read() == b'"hello"'


def test_derived_qualifier_must_match(client, functions):
    name = functions.create(HELLO).name
    with refused(
        400, "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier."
    ):
        client.get_function(FunctionName=f"{name}:$LATEST", Qualifier="1")


def test_another_region_and_another_account(client, functions):
    name = functions.create(HELLO).name
    with refused(
        404, "ResourceNotFoundException",
        "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
    ):
        client.get_function(FunctionName=f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{name}")
    with refused(403, "AccessDeniedException"):
        client.get_function(FunctionName=f"arn:aws:lambda:{REGION}:123456789012:function:{name}")


def test_regions_are_apart(server, functions):
    name = functions.create(HELLO).name
    elsewhere = server.client("lambda", region="eu-central-1")
    with refused(404, "ResourceNotFoundException"):
        elsewhere.get_function(FunctionName=name)
    assert name not in [f["FunctionName"] for f in elsewhere.list_functions()["Functions"]]


def test_create_twice(client, functions):
    name = functions.create(HELLO).name
    with refused(409, "ResourceConflictException", f"Function already exist: {name}"):
        client.create_function(
            FunctionName=name, Runtime=PYTHON, Role=ROLE, Handler="app.handler", Code={"ZipFile": pack({"app.py": HELLO})})


def test_create_again_after_delete(client, functions):
    function = functions.create(HELLO)
    function.invoke().ok()
    client.publish_version(FunctionName=function.name)
    client.delete_function(FunctionName=function.name)
    again = functions.create(OTHER, name=function.name)
    assert again.invoke().ok() == "other"


def test_update_of_a_missing_function(client):
    with refused(404, "ResourceNotFoundException", f"Function not found: {arn('nobody')}"):
        client.update_function_code(FunctionName="nobody", ZipFile=pack({"app.py": HELLO}))
    with refused(404, "ResourceNotFoundException", f"Function not found: {arn('nobody')}"):
        client.update_function_configuration(FunctionName="nobody", Timeout=5)


def test_update_code_dry_run_changes_nothing(client, functions):
    function = functions.create(HELLO)
    newer = pack({"app.py": OTHER})
    before = client.get_function_configuration(FunctionName=function.name)
    dry = client.update_function_code(FunctionName=function.name, ZipFile=newer, DryRun=True)
    assert dry["CodeSha256"] == sha256(newer)
    after = client.get_function_configuration(FunctionName=function.name)
    assert (after["CodeSha256"], after["RevisionId"]) == (before["CodeSha256"], before["RevisionId"])
    assert function.invoke().ok() == "hello"


def test_revision_id_is_a_precondition(client, functions):
    function = functions.create(HELLO)
    revision = client.get_function_configuration(FunctionName=function.name)["RevisionId"]
    function.configure(Description="moved on", RevisionId=revision)
    text = (
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
    with refused(412, "PreconditionFailedException", text):
        client.update_function_configuration(FunctionName=function.name, Description="stale", RevisionId=revision)
    with refused(412, "PreconditionFailedException", text):
        client.update_function_code(FunctionName=function.name, ZipFile=pack({"app.py": OTHER}), RevisionId=revision)
    with refused(412, "PreconditionFailedException", text):
        client.publish_version(FunctionName=function.name, RevisionId=revision)
    assert client.get_function_configuration(FunctionName=function.name)["Description"] == "moved on"


def test_a_change_during_a_change_is_refused_or_waits(client, functions):
    """AWS answers 409 while an update runs. Apus may be done before the next call arrives; then the call succeeds."""
    function = functions.create(HELLO)
    client.update_function_code(FunctionName=function.name, ZipFile=pack({"app.py": OTHER}))
    try:
        client.update_function_configuration(FunctionName=function.name, Timeout=9)
    except client.exceptions.ResourceConflictException as error:
        assert error.response["Error"]["Message"] == (
            f"The operation cannot be performed at this time. An update is in progress for resource: {arn(function.name)}")
    else:
        function.wait_updated()
        assert client.get_function_configuration(FunctionName=function.name)["Timeout"] == 9


# Tags and the account

def test_tags(client, functions):
    function = functions.create(HELLO, Tags={"a": "1"})
    assert client.list_tags(Resource=function.arn)["Tags"] == {"a": "1"}
    tagged = client.tag_resource(Resource=function.arn, Tags={"b": "2", "a": "3"})
    assert tagged["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.list_tags(Resource=function.arn)["Tags"] == {"a": "3", "b": "2"}
    untagged = client.untag_resource(Resource=function.arn, TagKeys=["a", "absent"])
    assert untagged["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.list_tags(Resource=function.arn)["Tags"] == {"b": "2"}
    assert client.get_function(FunctionName=function.name)["Tags"] == {"b": "2"}


def test_tag_limits(client, functions):
    function = functions.create(HELLO)
    with refused(400, "InvalidParameterValueException", "Number of tags exceeds resource tag limit."):
        client.tag_resource(Resource=function.arn, Tags={f"key-{number}": "" for number in range(51)})
    with refused(400, "InvalidParameterValueException", "An error occurred and the request cannot be processed."):
        client.tag_resource(Resource=function.arn, Tags={})
    with refused(
        400, "InvalidParameterValueException",
        "Tags on function aliases and versions are not supported. Please specify a function ARN."
    ):
        client.tag_resource(Resource=function.arn + ":1", Tags={"a": "b"})
    with refused(404, "ResourceNotFoundException"):
        client.tag_resource(Resource=arn("nobody"), Tags={"a": "b"})


def test_account_settings(client, functions):
    before = client.get_account_settings()
    limit = before["AccountLimit"]
    assert limit["CodeSizeUnzipped"] == 262144000
    assert limit["CodeSizeZipped"] == 52428800
    assert limit["ConcurrentExecutions"] >= 100
    assert limit["UnreservedConcurrentExecutions"] <= limit["ConcurrentExecutions"]
    assert limit["TotalCodeSize"] > 0
    functions.create(HELLO)
    after = client.get_account_settings()["AccountUsage"]
    assert after["FunctionCount"] == before["AccountUsage"]["FunctionCount"] + 1
    assert after["TotalCodeSize"] > before["AccountUsage"]["TotalCodeSize"]


# Lists

def test_list_functions_pages(new_server):
    server = new_server()
    made = Functions(server)
    client = made.server_client
    expected = {made.create(HELLO, name=f"page-{number:02}", wait=False).name for number in range(60)}
    for name in expected:
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400})

    first = client.list_functions()
    assert len(first["Functions"]) == 50, "a page holds at most 50"
    second = client.list_functions(Marker=first["NextMarker"])
    assert not second.get("NextMarker")
    assert {f["FunctionName"] for f in first["Functions"] + second["Functions"]} == expected
    assert len(first["Functions"]) + len(second["Functions"]) == 60

    assert len(client.list_functions(MaxItems=10000)["Functions"]) == 50
    pages = list(client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 7}))
    assert [len(page["Functions"]) for page in pages] == [7] * 8 + [4]
    assert {f["FunctionName"] for page in pages for f in page["Functions"]} == expected

    entry = first["Functions"][0]
    assert not {"State", "StateReason", "LastUpdateStatus", "RuntimeVersionConfig"} & entry.keys()
    assert {"FunctionArn", "CodeSha256", "RevisionId", "Runtime", "Version"} <= entry.keys()

    with refused(400, ("InvalidParameterValueException", "ValidationException")):
        client.list_functions(Marker="not a marker of ours")


def test_list_functions_with_versions(client, functions):
    function = functions.create(HELLO)
    client.publish_version(FunctionName=function.name)
    listed = [
        (entry["Version"], entry["FunctionArn"])
        for page in client.get_paginator("list_functions").paginate(FunctionVersion="ALL")
        for entry in page["Functions"] if entry["FunctionName"] == function.name
    ]
    assert sorted(listed) == [("$LATEST", arn(function.name, "$LATEST")), ("1", arn(function.name, "1"))]


# What Apus does not have

@pytest.mark.parametrize(
    "operation, arguments",
    [
        ("create_event_source_mapping", {"FunctionName": "x", "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q"}),
        ("list_code_signing_configs", {}),
        ("put_function_event_invoke_config", {"FunctionName": "x", "MaximumRetryAttempts": 1}),
        ("get_function_recursion_config", {"FunctionName": "x"}),
    ],
)
def test_an_operation_that_is_not_there_is_named(client, operation, arguments):
    name = client.meta.method_to_api_mapping[operation]
    with pytest.raises(client.exceptions.ClientError) as caught:
        getattr(client, operation)(**arguments)
    response = caught.value.response
    assert 400 <= response["ResponseMetadata"]["HTTPStatusCode"] <= 501
    assert response["Error"]["Code"] not in ("", "500", "404", "Unknown")
    assert name in response["Error"]["Message"]


def test_code_from_s3_says_that_it_comes_later(client):
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.create_function(
            FunctionName="from-s3", Runtime=PYTHON, Role=ROLE, Handler="app.handler",
            Code={"S3Bucket": "bucket", "S3Key": "key"})
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "S3" in error["Error"]["Message"]
