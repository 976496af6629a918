"""Aliases: names for versions, weights between two, and every place that takes one as a qualifier."""

import collections
import re

import pytest

from support.faults import refused
from support.functions import ROLE, Functions
from support.server import ACCOUNT, REGION

SAYS = "def handler(event, context):\n    return [context.function_version, context.invoked_function_arn]\n"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
REVISION_MISMATCH = (
    "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest "
    "Revision Id")


def publish(function, count):
    """Versions 1 to `count`, each with a configuration of its own."""
    for number in range(1, count + 1):
        function.configure(Timeout=10 + number)
        assert function.client.publish_version(FunctionName=function.name)["Version"] == str(number)
    return function


@pytest.fixture
def two(functions):
    """A function with versions 1 and 2."""
    return publish(functions.create(SAYS), 2)


def without_metadata(answer):
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_create_get_update_list_delete(client, two):
    arn = f"{two.arn}:live"
    created = client.create_alias(
        FunctionName=two.name, Name="live", FunctionVersion="1", Description="serves",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.2}})
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    revision = created["RevisionId"]
    assert UUID.fullmatch(revision)
    expected = {
        "AliasArn": arn, "Name": "live", "FunctionVersion": "1", "Description": "serves", "RevisionId": revision,
        "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.2}}}
    assert without_metadata(created) == expected
    assert without_metadata(client.get_alias(FunctionName=two.name, Name="live")) == expected
    assert client.list_aliases(FunctionName=two.name)["Aliases"] == [expected]

    updated = client.update_alias(FunctionName=two.name, Name="live", RoutingConfig={"AdditionalVersionWeights": {}})
    assert updated["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert updated["RevisionId"] != revision
    assert "RoutingConfig" not in updated
    assert (updated["FunctionVersion"], updated["Description"]) == ("1", "serves")
    with refused(412, "PreconditionFailedException", REVISION_MISMATCH):
        client.update_alias(FunctionName=two.name, Name="live", FunctionVersion="2", RevisionId=revision)
    moved = client.update_alias(FunctionName=two.name, Name="live", FunctionVersion="2", RevisionId=updated["RevisionId"])
    assert moved["FunctionVersion"] == "2"

    assert client.delete_alias(FunctionName=two.name, Name="live")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.delete_alias(FunctionName=two.name, Name="live")["ResponseMetadata"]["HTTPStatusCode"] == 204
    with refused(404, "ResourceNotFoundException", f"Cannot find alias arn: {arn}"):
        client.get_alias(FunctionName=two.name, Name="live")
    with refused(404, "ResourceNotFoundException", f"Alias not found: {arn}"):
        client.update_alias(FunctionName=two.name, Name="live")
    assert client.list_aliases(FunctionName=two.name)["Aliases"] == []


def test_an_alias_is_a_qualifier(client, two):
    arn = f"{two.arn}:live"
    client.create_alias(FunctionName=two.name, Name="live", FunctionVersion="1")
    for name, qualifier in [(two.name, "live"), (f"{two.name}:live", None), (arn, None), (arn, "live")]:
        settings = {"Qualifier": qualifier} if qualifier else {}
        read = client.get_function_configuration(FunctionName=name, **settings)
        assert (read["FunctionArn"], read["Version"], read["Timeout"]) == (arn, "1", 11)
        assert client.get_function(FunctionName=name, **settings)["Configuration"]["FunctionArn"] == arn
        answer = client.invoke(FunctionName=name, **settings)
        assert answer["ExecutedVersion"] == "1"
    # The version is the one that runs; the ARN is the one that was called.
    assert two.invoke(Qualifier="live").ok() == ["1", arn]
    client.update_alias(FunctionName=two.name, Name="live", FunctionVersion="2")
    assert two.invoke(Qualifier="live").ok() == ["2", arn]
    with refused(404, "ResourceNotFoundException", f"Function not found: {two.arn}:none"):
        client.get_function(FunctionName=two.name, Qualifier="none")
    client.delete_alias(FunctionName=two.name, Name="live")
    with refused(404, "ResourceNotFoundException"):
        client.invoke(FunctionName=two.name, Qualifier="live")


def test_an_alias_follows_the_latest(client, two):
    client.create_alias(FunctionName=two.name, Name="newest", FunctionVersion="$LATEST")
    assert two.invoke(Qualifier="newest").ok() == ["$LATEST", f"{two.arn}:newest"]
    two.update_code(SAYS.replace("return", "return ['new'] +"))
    assert two.invoke(Qualifier="newest").ok() == ["new", "$LATEST", f"{two.arn}:newest"]


def test_ten_per_cent_of_the_calls(client, two):
    client.create_alias(
        FunctionName=two.name, Name="canary", FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}})
    seen = collections.Counter(
        two.invoke(Qualifier="canary", tail=False).version for _ in range(1000))
    assert set(seen) == {"1", "2"}
    assert 50 <= seen["2"] <= 150, seen


@pytest.mark.parametrize("weight, version", [(0.0, "1"), (1.0, "2")])
def test_all_of_the_calls(client, two, weight, version):
    client.create_alias(
        FunctionName=two.name, Name="canary", FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": weight}})
    assert {two.invoke(Qualifier="canary").version for _ in range(20)} == {version}


def test_no_call_fails_while_an_alias_moves(client, two):
    client.create_alias(FunctionName=two.name, Name="live", FunctionVersion="1")
    for number in range(40):
        client.update_alias(FunctionName=two.name, Name="live", FunctionVersion=str(1 + number % 2))
        assert two.invoke(Qualifier="live").ok()[0] == str(1 + number % 2)


def test_aliases_in_pages_and_of_a_version(client, two):
    for name, version in [("b", "1"), ("a", "2"), ("2024-01-02", "1"), ("d", "$LATEST")]:
        client.create_alias(FunctionName=two.name, Name=name, FunctionVersion=version)
    pages = list(client.get_paginator("list_aliases").paginate(
        FunctionName=two.name, PaginationConfig={"PageSize": 3}))
    assert [[alias["Name"] for alias in page["Aliases"]] for page in pages] == [["2024-01-02", "a", "b"], ["d"]]
    of_one = client.list_aliases(FunctionName=two.name, FunctionVersion="1")["Aliases"]
    assert [alias["Name"] for alias in of_one] == ["2024-01-02", "b"]
    with refused(400, "InvalidParameterValueException", "The provided marker is invalid."):
        client.list_aliases(FunctionName=two.name, Marker="nonsense")


def test_a_version_that_an_alias_names_cannot_be_deleted(client, two):
    client.create_alias(
        FunctionName=two.name, Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    for version in ("1", "2"):
        with refused(
            409, "ResourceConflictException",
            "Unable to delete version because the following aliases reference it: [live]"
        ):
            client.delete_function(FunctionName=two.name, Qualifier=version)
    with refused(400, "InvalidParameterValueException", "Deletion of aliases is not currently supported."):
        client.delete_function(FunctionName=two.name, Qualifier="live")
    client.update_alias(FunctionName=two.name, Name="live", RoutingConfig={"AdditionalVersionWeights": {}})
    client.delete_function(FunctionName=two.name, Qualifier="2")
    # What is not there has been deleted already.
    client.delete_function(FunctionName=two.name, Qualifier="2")
    client.delete_function(FunctionName=two.name)
    with refused(404, "ResourceNotFoundException"):
        client.get_alias(FunctionName=two.name, Name="live")


REFUSED_ROUTING = [
    ({"FunctionVersion": "1", "weights": {"1": 0.8, "2": 0.2}}, 400, "InvalidParameterValueException",
     "Number of items in AdditionalVersionWeights cannot be greater than 1"),
    ({"FunctionVersion": "1", "weights": {"2": 2.0}}, 400, "ValidationException",
     "1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: "
     "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater "
     "than or equal to 0.0, Member must not be null]"),
    ({"FunctionVersion": "1", "weights": {"2": -1.0}}, 400, "ValidationException",
     "1 validation error detected: Value '{2=-1.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: "
     "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater "
     "than or equal to 0.0, Member must not be null]"),
    ({"FunctionVersion": "1", "weights": {"1": 0.5}}, 400, "InvalidParameterValueException",
     "Invalid function version 1. Function version 1 is already included in routing configuration."),
    ({"FunctionVersion": "10", "weights": {"2": 0.5}}, 404, "ResourceNotFoundException", "Function not found: {arn}:10"),
    ({"FunctionVersion": "1", "weights": {"10": 0.5}}, 404, "ResourceNotFoundException", "Function not found: {arn}:10"),
    ({"FunctionVersion": "$LATEST", "weights": {"1": 0.5}}, 400, "InvalidParameterValueException",
     "$LATEST is not supported for an alias pointing to more than 1 version"),
    ({"FunctionVersion": "1", "weights": {"$LATEST": 0.5}}, 400, "ValidationException",
     "1 validation error detected: Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
     "constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have "
     "length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]"),
]


@pytest.fixture(scope="module")
def shared(module_functions):
    """A function with versions 1 and 2 for the tests that change nothing."""
    return publish(module_functions.create(SAYS), 2)


@pytest.fixture(scope="module")
def unchecked(server):
    """A client that sends what it is given."""
    return server.client("lambda", parameter_validation=False)


@pytest.mark.parametrize("settings, status, code, message", REFUSED_ROUTING)
def test_refused_routing(unchecked, shared, settings, status, code, message):
    with refused(status, code) as refusal:
        unchecked.create_alias(
            FunctionName=shared.name, Name="refused", FunctionVersion=settings["FunctionVersion"],
            RoutingConfig={"AdditionalVersionWeights": settings["weights"]})
    # AWS gives the constraints of a member in no fixed order.
    assert sorted(re.split(r", (?=Member)", refusal.message.rstrip("]"))) == sorted(
        re.split(r", (?=Member)", message.replace("{arn}", shared.arn).rstrip("]")))
    assert unchecked.list_aliases(FunctionName=shared.name)["Aliases"] == []


@pytest.mark.parametrize("name", ["2024", "$LATEST", "a b", ""])
def test_refused_names(unchecked, shared, name):
    with refused(400, "ValidationException") as refusal:
        unchecked.create_alias(FunctionName=shared.name, Name=name, FunctionVersion="1")
    assert f"Value '{name}' at 'name' failed to satisfy constraint: " in refusal.message
    assert r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)" in refusal.message


def test_refused_functions(client, shared):
    missing = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:nobody"
    with refused(404, "ResourceNotFoundException", f"Function not found: {missing}:1"):
        client.create_alias(FunctionName="nobody", Name="live", FunctionVersion="1")
    with refused(404, "ResourceNotFoundException", f"Function not found: {missing}"):
        client.list_aliases(FunctionName="nobody")
    with refused(400, "InvalidParameterValueException"):
        client.create_alias(FunctionName=f"{shared.arn}:1", Name="live", FunctionVersion="1")


def test_an_alias_exists_once(client, two):
    client.create_alias(FunctionName=two.name, Name="live", FunctionVersion="1")
    with refused(409, "ResourceConflictException", f"Alias already exists: {two.arn}:live"):
        client.create_alias(FunctionName=two.name, Name="live", FunctionVersion="2")


def test_weights_are_of_one_role(client, two):
    two.configure(Role=ROLE + "-other")
    client.publish_version(FunctionName=two.name)
    with refused(
        400, "InvalidParameterValueException", "Specified versions must be associated with the same execution role"
    ):
        client.create_alias(
            FunctionName=two.name, Name="live", FunctionVersion="1",
            RoutingConfig={"AdditionalVersionWeights": {"3": 0.5}})


def test_aliases_survive_a_crash(new_server):
    server = new_server()
    function = publish(Functions(server).create(SAYS), 2)
    client = server.client("lambda")
    created = client.create_alias(
        FunctionName=function.name, Name="live", FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}})
    server.kill()
    server.start()
    client = server.client("lambda")
    assert without_metadata(client.get_alias(FunctionName=function.name, Name="live")) == without_metadata(created)
    assert client.invoke(FunctionName=function.name, Qualifier="live")["ExecutedVersion"] == "2"
