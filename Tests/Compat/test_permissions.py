"""Resource policies of functions, versions and aliases."""

import json

import pytest

from support.faults import refused
from support.functions import Functions
from support.server import ACCOUNT, REGION

HANDLER = "def handler(event, context):\n    return 1\n"
INVOKE = {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
MISMATCH = (
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetPolicy API to retrieve the latest Revision Id")


@pytest.fixture
def function(functions):
    return functions.create(HANDLER)


def add(client, function, sid="s3", **settings):
    answer = client.add_permission(FunctionName=function.name, StatementId=sid, **{**INVOKE, **settings})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    return json.loads(answer["Statement"])


def policy(client, function, **settings):
    answer = client.get_policy(FunctionName=function.name, **settings)
    return json.loads(answer["Policy"]), answer["RevisionId"]


def revision(client, function, **settings):
    return client.get_function_configuration(FunctionName=function.name, **settings)["RevisionId"]


# Statements

STATEMENTS = {
    "service": ({"SourceArn": "arn:aws:s3:::bucket"}, {
        "Principal": {"Service": "s3.amazonaws.com"}, "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"}}}),
    "unconditional": ({}, {"Principal": {"Service": "s3.amazonaws.com"}}),
    "everybody": ({"Principal": "*", "SourceAccount": "111111111111"}, {
        "Principal": "*", "Condition": {"StringEquals": {"AWS:SourceAccount": "111111111111"}}}),
    "account": ({"Principal": "111111111111"}, {"Principal": {"AWS": "arn:aws:iam::111111111111:root"}}),
    "user": ({"Principal": "arn:aws:iam::111111111111:user/me"}, {"Principal": {"AWS": "arn:aws:iam::111111111111:user/me"}}),
    "every field": (
        {"Action": "lambda:InvokeFunctionUrl", "Principal": "*", "SourceAccount": "111111111111", "FunctionUrlAuthType": "NONE",
         "PrincipalOrgID": "o-1234567890", "SourceArn": "arn:aws:s3:::bucket"},
        {"Action": "lambda:InvokeFunctionUrl", "Principal": "*", "Condition": {
            "StringEquals": {"AWS:SourceAccount": "111111111111", "lambda:FunctionUrlAuthType": "NONE",
                             "aws:PrincipalOrgID": "o-1234567890"},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"}}}),
    "skill": ({"Principal": "*", "EventSourceToken": "amzn1.ask.skill.x"}, {
        "Principal": "*", "Condition": {"StringEquals": {"lambda:EventSourceToken": "amzn1.ask.skill.x"}}}),
    "by URL": ({"Principal": "*", "InvokedViaFunctionUrl": True}, {
        "Principal": "*", "Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}}),
}


@pytest.mark.parametrize("settings, expected", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_statements(client, function, settings, expected):
    statement = {
        "Sid": "s3", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function.arn, **expected}
    assert add(client, function, **settings) == statement
    assert policy(client, function)[0] == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}


def test_add_and_remove_several(client, function):
    add(client, function, "one")
    add(client, function, "two")
    assert [statement["Sid"] for statement in policy(client, function)[0]["Statement"]] == ["one", "two"]
    with refused(409, "ResourceConflictException",
                 "The statement id (one) provided already exists. "
                 "Please provide a new statement id, or remove the existing statement."):
        add(client, function, "one")
    with refused(404, "ResourceNotFoundException", "Statement three is not found in resource policy."):
        client.remove_permission(FunctionName=function.name, StatementId="three")
    answer = client.remove_permission(FunctionName=function.name, StatementId="one")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert [statement["Sid"] for statement in policy(client, function)[0]["Statement"]] == ["two"]
    client.remove_permission(FunctionName=function.name, StatementId="two")
    with refused(404, "ResourceNotFoundException", "The resource you requested does not exist."):
        client.get_policy(FunctionName=function.name)
    with refused(404, "ResourceNotFoundException", "No policy is associated with the given resource."):
        client.remove_permission(FunctionName=function.name, StatementId="two")


def test_each_version_and_alias_has_a_policy_of_its_own(client, function):
    version = function.publish()
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion=version)
    add(client, function, "latest")
    assert add(client, function, "version", Qualifier=version)["Resource"] == f"{function.arn}:{version}"
    assert add(client, function, "alias", Qualifier="live")["Resource"] == f"{function.arn}:live"
    for settings, sid in (({}, "latest"), ({"Qualifier": "$LATEST"}, "latest"), ({"Qualifier": version}, "version"), ({"Qualifier": "live"}, "alias")):
        assert [statement["Sid"] for statement in policy(client, function, **settings)[0]["Statement"]] == [sid]
    client.remove_permission(FunctionName=function.name, StatementId="alias", Qualifier="live")
    with refused(404, "ResourceNotFoundException"):
        client.get_policy(FunctionName=function.name, Qualifier="live")
    assert policy(client, function)[0]["Statement"][0]["Sid"] == "latest"


# Revisions

@pytest.mark.parametrize("of", ["function", "version", "alias"])
def test_a_policy_has_the_revision_of_what_it_belongs_to(client, function, of):
    qualifier = {}
    if of != "function":
        qualifier = {"Qualifier": function.publish()}
    if of == "alias":
        client.create_alias(FunctionName=function.name, Name="live", FunctionVersion=qualifier["Qualifier"])
        qualifier = {"Qualifier": "live"}

    def owner():
        if of == "alias":
            return client.get_alias(FunctionName=function.name, Name="live")["RevisionId"]
        return revision(client, function, **qualifier)

    before = owner()
    with refused(412, "PreconditionFailedException", MISMATCH):
        add(client, function, RevisionId="wrong", **qualifier)
    add(client, function, RevisionId=before, **qualifier)
    added = policy(client, function, **qualifier)[1]
    assert added != before
    assert owner() == added
    with refused(412, "PreconditionFailedException", MISMATCH):
        client.remove_permission(FunctionName=function.name, StatementId="s3", RevisionId=before, **qualifier)
    client.remove_permission(FunctionName=function.name, StatementId="s3", RevisionId=added, **qualifier)
    assert owner() not in (before, added)


def test_a_change_of_the_function_is_one_of_its_policys_revision(client, function):
    add(client, function)
    function.configure(Description="changed")
    assert policy(client, function)[1] == revision(client, function)


# What is refused

def arn(name, qualifier=None):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}" + (f":{qualifier}" if qualifier else "")


@pytest.mark.parametrize("principal", ["invalid.example.com", "nobody", ".amazonaws.com", "arn:aws:s3:::bucket", "arn:aws:iam::x:root"])
def test_principals_that_cannot_be(client, function, principal):
    with refused(400, "InvalidParameterValueException",
                 "The provided principal was invalid. Please check the principal and try again."):
        add(client, function, Principal=principal)


def test_targets_that_are_not_there(client, function):
    name = function.name
    with refused(400, "InvalidParameterValueException", "We currently do not support adding policies for $LATEST."):
        add(client, function, Qualifier="$LATEST")
    with refused(400, "InvalidParameterValueException",
                 "The derived qualifier from the function name does not match the specified qualifier."):
        client.add_permission(FunctionName=f"{name}:alias", StatementId="s", Qualifier="42", **INVOKE)
    with refused(404, "ResourceNotFoundException", f"Function not found: {arn('doesnotexist')}"):
        client.add_permission(FunctionName="doesnotexist", StatementId="s", **INVOKE)
    with refused(404, "ResourceNotFoundException", f"Function not found: {arn(name, 42)}"):
        add(client, function, Qualifier="42")
    with refused(404, "ResourceNotFoundException", f"Cannot find alias arn: {arn(name, 'no-alias')}"):
        add(client, function, Qualifier="no-alias")
    with refused(404, "ResourceNotFoundException", f"Function not found: {arn(name, 'valid-with-$-but')}"):
        add(client, function, Qualifier="valid-with-$-but")
    with refused(404, "ResourceNotFoundException", f"No policy found for: {arn('doesnotexist')}"):
        client.remove_permission(FunctionName="doesnotexist", StatementId="s")
    with refused(404, "ResourceNotFoundException", f"Cannot find alias arn: {arn(name, 'no-alias')}"):
        client.remove_permission(FunctionName=name, StatementId="s", Qualifier="no-alias")
    for settings in ({"FunctionName": "doesnotexist"}, {"FunctionName": name}, {"FunctionName": name, "Qualifier": "42"}):
        with refused(404, "ResourceNotFoundException", "The resource you requested does not exist."):
            client.get_policy(**settings)


def test_statement_ids(client, function):
    with refused(400, "ValidationException",
                 "1 validation error detected: Value 'example.com' at 'statementId' failed to satisfy constraint: "
                 "Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)"):
        add(client, function, "example.com")


def test_size_is_limited(client, function):
    source = "arn:aws:s3:::" + "b" * 6000
    for number in range(3):
        add(client, function, f"s{number}", SourceArn=source)
    with refused(400, "PolicyLengthExceededException", containing="is bigger than the limit (20480)."):
        add(client, function, "s3", SourceArn=source)
    assert len(policy(client, function)[0]["Statement"]) == 3


# What goes with them

def test_policies_go_with_what_they_belong_to(client, functions, function):
    version = function.publish()
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="$LATEST")
    for settings in ({}, {"Qualifier": version}, {"Qualifier": "live"}):
        add(client, function, **settings)
    client.delete_alias(FunctionName=function.name, Name="live")
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="$LATEST")
    client.delete_function(FunctionName=function.name, Qualifier=version)
    for qualifier in ("live", version):
        with refused(404, "ResourceNotFoundException"):
            client.get_policy(FunctionName=function.name, Qualifier=qualifier)
    assert policy(client, function)[0]["Statement"]
    function.delete()
    again = functions.create(HANDLER, name=function.name)
    with refused(404, "ResourceNotFoundException"):
        client.get_policy(FunctionName=again.name)


def test_policies_survive_a_restart(new_server):
    server = new_server()
    function = Functions(server).create(HANDLER)
    add(server.client("lambda"), function)
    before = policy(server.client("lambda"), function)
    server.restart()
    assert policy(server.client("lambda"), function) == before
