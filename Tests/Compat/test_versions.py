"""PublishVersion, qualifiers, preconditions."""

import pytest

from support.faults import refused
from support.functions import Function
from support.packages import pack
from support.server import ACCOUNT, REGION


def says(text):
    return f"def handler(event, context):\n    return [{text!r}, context.function_version, context.invoked_function_arn]\n"


def arn(function, qualifier):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.name}:{qualifier}"


def test_a_version_keeps_its_code_and_configuration(client, functions):
    function = functions.create(says("one"), Description="first", Environment={"Variables": {"AA": "1"}})
    one = client.publish_version(FunctionName=function.name, Description="version one")
    assert one["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (one["Version"], one["Description"]) == ("1", "version one")
    assert one["FunctionArn"] == arn(function, "1")

    function.update_code(says("two"))
    function.configure(Environment={"Variables": {"AA": "2"}}, Timeout=9)
    two = client.publish_version(FunctionName=function.name)
    assert two["Version"] == "2"

    assert function.invoke(Qualifier="1").ok() == ["one", "1", arn(function, "1")]
    assert function.invoke(Qualifier="2").ok() == ["two", "2", arn(function, "2")]
    assert function.invoke().ok() == ["two", "$LATEST", function.arn]
    assert function.invoke(Qualifier="1").version == "1"
    assert function.invoke(Qualifier="1").log.startswith("START RequestId: ") and "Version: 1\n" in function.invoke(Qualifier="1").log
    assert client.invoke(FunctionName=arn(function, "1"))["ExecutedVersion"] == "1"
    assert client.invoke(FunctionName=f"{function.name}:2")["ExecutedVersion"] == "2"

    read = client.get_function_configuration(FunctionName=function.name, Qualifier="1")
    assert (read["Timeout"], read["Environment"]["Variables"], read["State"]) == (3, {"AA": "1"}, "Active")
    assert read["CodeSha256"] == one["CodeSha256"] != two["CodeSha256"]


def test_publish_without_a_change_gives_the_last_version(client, functions):
    function = functions.create(says("one"))
    numbers = [client.publish_version(FunctionName=function.name)["Version"] for _ in range(3)]
    assert numbers == ["1", "1", "1"]
    function.configure(Timeout=8)
    assert client.publish_version(FunctionName=function.name)["Version"] == "2"
    assert [v["Version"] for v in client.list_versions_by_function(FunctionName=function.name)["Versions"]] == ["$LATEST", "1", "2"]


def test_publish_on_create_and_update(client, functions):
    created = functions.create(says("one"), Publish=True)
    assert client.get_function(FunctionName=created.name, Qualifier="1")["Configuration"]["Version"] == "1"
    answer = client.update_function_code(FunctionName=created.name, ZipFile=pack({"app.py": says("two")}), Publish=True)
    assert answer["Version"] == "2"
    created.wait_updated()
    client.get_waiter("published_version_active").wait(FunctionName=created.name, Qualifier="2", WaiterConfig={"Delay": 1})
    assert created.invoke(Qualifier="2").ok()[0] == "two"
    assert created.invoke(Qualifier="1").ok()[0] == "one"


def test_code_sha_precondition(client, functions):
    function = functions.create(says("one"))
    current = client.get_function_configuration(FunctionName=function.name)["CodeSha256"]
    with refused(
        400, "InvalidParameterValueException",
        f"CodeSHA256 (bm90IGl0) is different from current CodeSHA256 in $LATEST ({current}). "
        "Please try again with the CodeSHA256 in $LATEST."
    ):
        client.publish_version(FunctionName=function.name, CodeSha256="bm90IGl0")
    assert client.publish_version(FunctionName=function.name, CodeSha256=current)["Version"] == "1"


def test_missing_versions(client, functions):
    function = functions.create(says("one"))
    for call in (
        lambda: client.get_function(FunctionName=function.name, Qualifier="7"),
        lambda: client.invoke(FunctionName=function.name, Qualifier="7"),
        lambda: client.get_function_configuration(FunctionName=function.name, Qualifier="7"),
        lambda: client.invoke(FunctionName=function.name, Qualifier="an-alias"),
    ):
        with refused(404, "ResourceNotFoundException") as refusal:
            call()
        assert refusal.message.startswith(("Function not found: " + function.arn, "Cannot find alias arn: " + function.arn))
    with refused(404, "ResourceNotFoundException"):
        client.publish_version(FunctionName="nobody")
    with refused(404, "ResourceNotFoundException"):
        client.list_versions_by_function(FunctionName="nobody")


def test_deleting_versions(client, functions):
    function = functions.create(says("one"))
    client.publish_version(FunctionName=function.name)
    function.update_code(says("two"))
    client.publish_version(FunctionName=function.name)
    client.delete_function(FunctionName=function.name, Qualifier="1")
    with refused(404, "ResourceNotFoundException"):
        client.invoke(FunctionName=function.name, Qualifier="1")
    assert function.invoke(Qualifier="2").ok()[0] == "two"
    assert function.invoke().ok()[0] == "two"
    function.update_code(says("three"))
    assert client.publish_version(FunctionName=function.name)["Version"] == "3", "numbers are never used twice"
    with refused(
        400, "InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function."
    ):
        client.delete_function(FunctionName=function.name, Qualifier="$LATEST")


def test_numbers_go_on_after_the_last_version_is_deleted(client, functions):
    function = functions.create(says("one"))
    client.publish_version(FunctionName=function.name)
    client.delete_function(FunctionName=function.name, Qualifier="1")
    assert client.publish_version(FunctionName=function.name)["Version"] == "2"


def test_versions_in_pages(client, functions):
    function = functions.create(says("one"))
    for number in range(1, 8):
        function.configure(Timeout=number + 10)
        client.publish_version(FunctionName=function.name)
    pages = list(client.get_paginator("list_versions_by_function").paginate(
        FunctionName=function.name, PaginationConfig={"PageSize": 3}))
    assert [[v["Version"] for v in page["Versions"]] for page in pages] == [
        ["$LATEST", "1", "2"], ["3", "4", "5"], ["6", "7"]]


def test_a_version_cannot_be_changed(client, functions):
    function = functions.create(says("one"))
    client.publish_version(FunctionName=function.name)
    with refused(400, ("InvalidParameterValueException", "ValidationException")):
        client.update_function_code(FunctionName=function.arn + ":1", ZipFile=pack({"app.py": says("two")}))


def test_deleting_the_function_deletes_its_versions(client, functions):
    function: Function = functions.create(says("one"))
    client.publish_version(FunctionName=function.name)
    client.delete_function(FunctionName=function.name)
    with refused(404, "ResourceNotFoundException"):
        client.invoke(FunctionName=function.name, Qualifier="1")


@pytest.mark.parametrize("environments", [3])
def test_versions_have_environments_of_their_own(client, functions, environments):
    function = functions.create("import uuid\nme = str(uuid.uuid4())\ndef handler(event, context):\n    return me\n")
    for number in range(environments - 1):
        function.configure(Timeout=20 + number)
        client.publish_version(FunctionName=function.name)
    seen = {function.invoke(Qualifier=q).ok() for q in ("$LATEST", "1", "2") for _ in range(2)}
    assert len(seen) == environments
