"""Reserved and provisioned concurrency: what may be asked for, and what becomes of it."""

import re

import pytest

from support.faults import refused
from support.functions import Functions
from support.server import ACCOUNT, REGION
from support.waiting import eventually

# Tells how its environment came to be.
KIND = "import os\ndef handler(event, context):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"
BROKEN = "raise RuntimeError('not today')\n"
LAST_MODIFIED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000")
QUALIFIED = (
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
    "Please specify either a function name or an unqualified function ARN.")
BELOW_MINIMUM = (
    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum "
    "value of [100].")
NOT_PROVISIONED = "No Provisioned Concurrency Config found for this function"


def arn(name, qualifier=None):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}" + (f":{qualifier}" if qualifier else "")


def account_limit(client):
    return client.get_account_settings()["AccountLimit"]


def reserve(client, function, executions):
    answer = client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=executions)
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["ReservedConcurrentExecutions"]) == (200, executions)


def provision(client, function, qualifier, executions):
    answer = client.put_provisioned_concurrency_config(
        FunctionName=function.name, Qualifier=qualifier, ProvisionedConcurrentExecutions=executions)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    return answer


def provisioned(client, function, qualifier):
    return client.get_provisioned_concurrency_config(FunctionName=function.name, Qualifier=qualifier)


def wait_ready(client, function, qualifier):
    """What the configuration is once it is no longer in progress."""

    def settled():
        answer = provisioned(client, function, qualifier)
        return answer if answer["Status"] != "IN_PROGRESS" else None

    answer = eventually(settled, "the end of IN_PROGRESS", 30)
    answer.pop("ResponseMetadata")
    return answer


# Reserved


def test_reserve_read_release(client, functions):
    function = functions.create(KIND)
    before = account_limit(client)
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=function.name)
    for executions in (0, 1, 7):
        reserve(client, function, executions)
        assert client.get_function_concurrency(FunctionName=function.name)["ReservedConcurrentExecutions"] == executions
        got = client.get_function(FunctionName=function.name)
        assert got["Concurrency"] == {"ReservedConcurrentExecutions": executions}
    assert account_limit(client)["UnreservedConcurrentExecutions"] == before["UnreservedConcurrentExecutions"] - 7
    answer = client.delete_function_concurrency(FunctionName=function.name)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=function.name)
    assert "Concurrency" not in client.get_function(FunctionName=function.name)
    assert account_limit(client) == before


def test_nothing_reserved_means_that_nothing_runs(client, functions):
    function = functions.create(KIND)
    reserve(client, function, 0)
    with refused(429, "TooManyRequestsException", "Rate Exceeded.") as refusal:
        function.invoke()
    assert refusal.body["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    client.delete_function_concurrency(FunctionName=function.name)
    assert function.invoke().ok() == "on-demand"


def test_the_account_keeps_a_hundred(client, functions):
    function = functions.create(KIND)
    unreserved = account_limit(client)["UnreservedConcurrentExecutions"]
    for executions in (unreserved + 1, unreserved, unreserved - 99):
        with refused(400, "InvalidParameterValueException", BELOW_MINIMUM):
            client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=executions)
    reserve(client, function, unreserved - 100)
    other = functions.create(KIND)
    with refused(400, "InvalidParameterValueException", BELOW_MINIMUM):
        client.put_function_concurrency(FunctionName=other.name, ReservedConcurrentExecutions=1)
    # A function that is gone has nothing.
    client.delete_function(FunctionName=function.name)
    reserve(client, other, 1)


def test_reservations_are_of_functions(client, functions):
    function = functions.create(KIND, Publish=True)
    for qualifier in ("$LATEST", "1", "live"):
        with refused(400, "InvalidParameterValueException", QUALIFIED):
            client.put_function_concurrency(
                FunctionName=arn(function.name, qualifier), ReservedConcurrentExecutions=1)
    with refused(404, "ResourceNotFoundException", f"Function not found: {arn('nobody')}:$LATEST"):
        client.put_function_concurrency(FunctionName="nobody", ReservedConcurrentExecutions=1)
    with refused(404, "ResourceNotFoundException", f"Function not found: {arn('nobody')}"):
        client.get_function_concurrency(FunctionName="nobody")


# Provisioned


@pytest.fixture
def published(client, functions):
    """A function with version 1, and the alias `live` of it."""
    function = functions.create(KIND)
    client.publish_version(FunctionName=function.name)
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    return function


@pytest.mark.parametrize("qualifier", ["1", "live"])
def test_provision_wait_end(client, published, qualifier):
    put = provision(client, published, qualifier, 2)
    put.pop("ResponseMetadata")
    last_modified = put.pop("LastModified")
    assert LAST_MODIFIED.fullmatch(last_modified)
    assert put == {
        "RequestedProvisionedConcurrentExecutions": 2, "AvailableProvisionedConcurrentExecutions": 0,
        "AllocatedProvisionedConcurrentExecutions": 0, "Status": "IN_PROGRESS"}
    ready = {
        "RequestedProvisionedConcurrentExecutions": 2, "AvailableProvisionedConcurrentExecutions": 2,
        "AllocatedProvisionedConcurrentExecutions": 2, "Status": "READY", "LastModified": last_modified}
    assert wait_ready(client, published, qualifier) == ready
    listed = client.list_provisioned_concurrency_configs(FunctionName=published.name)["ProvisionedConcurrencyConfigs"]
    assert listed == [{**ready, "FunctionArn": arn(published.name, qualifier)}]
    assert published.invoke(Qualifier=qualifier).ok() == "provisioned-concurrency"
    assert published.invoke().ok() == "on-demand"

    answer = client.delete_provisioned_concurrency_config(FunctionName=published.name, Qualifier=qualifier)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    with refused(404, "ProvisionedConcurrencyConfigNotFoundException", NOT_PROVISIONED):
        provisioned(client, published, qualifier)
    client.delete_provisioned_concurrency_config(FunctionName=published.name, Qualifier=qualifier)
    assert client.list_provisioned_concurrency_configs(FunctionName=published.name)["ProvisionedConcurrencyConfigs"] == []


def test_a_failing_init_is_a_failed_configuration(client, functions):
    function = functions.create(BROKEN)
    client.publish_version(FunctionName=function.name)
    provision(client, function, "1", 1)
    failed = wait_ready(client, function, "1")
    assert (failed["Status"], failed["StatusReason"]) == ("FAILED", "FUNCTION_ERROR_INIT_FAILURE")
    assert failed["AvailableProvisionedConcurrentExecutions"] == 0


def test_it_moves_with_its_alias(client, published):
    provision(client, published, "live", 1)
    wait_ready(client, published, "live")
    published.configure(Timeout=9)
    client.publish_version(FunctionName=published.name)
    client.update_alias(FunctionName=published.name, Name="live", FunctionVersion="2")
    assert wait_ready(client, published, "live")["Status"] == "READY"
    reply = published.invoke(Qualifier="live")
    assert (reply.version, reply.ok()) == ("2", "provisioned-concurrency")
    with refused(404, "ProvisionedConcurrencyConfigNotFoundException", NOT_PROVISIONED):
        provisioned(client, published, "2")


def test_a_version_and_its_alias_do_not_both_have_it(client, published):
    provision(client, published, "1", 1)
    with refused(
        409, "ResourceConflictException",
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
    ):
        provision(client, published, "live", 1)
    client.delete_provisioned_concurrency_config(FunctionName=published.name, Qualifier="1")
    provision(client, published, "live", 1)
    with refused(409, "ResourceConflictException", "Version is pointed by a Provisioned Concurrency alias"):
        provision(client, published, "1", 1)
    # It ends with its alias.
    client.delete_alias(FunctionName=published.name, Name="live")
    with refused(404, "ResourceNotFoundException", f"Cannot find alias arn: {arn(published.name, 'live')}"):
        provisioned(client, published, "live")
    assert client.list_provisioned_concurrency_configs(FunctionName=published.name)["ProvisionedConcurrencyConfigs"] == []


def test_an_alias_with_weights_is_left_alone(client, published):
    published.configure(Timeout=9)
    client.publish_version(FunctionName=published.name)
    client.update_alias(
        FunctionName=published.name, Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    with refused(
        400, "InvalidParameterValueException", "Alias with weights can not be used with Provisioned Concurrency"
    ):
        provision(client, published, "live", 1)


def test_a_reservation_covers_what_is_provisioned(client, published):
    above = "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
    provision(client, published, "1", 2)
    with refused(
        400, "InvalidParameterValueException",
        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2]."
    ):
        client.put_function_concurrency(FunctionName=published.name, ReservedConcurrentExecutions=1)
    reserve(client, published, 2)
    published.configure(Timeout=9)
    client.publish_version(FunctionName=published.name)
    with refused(400, "InvalidParameterValueException", above):
        provision(client, published, "2", 1)
    with refused(400, "InvalidParameterValueException", above):
        provision(client, published, "1", 3)


def test_the_account_limits_what_is_provisioned(client, published):
    unreserved = account_limit(client)["UnreservedConcurrentExecutions"]
    with refused(
        400, "InvalidParameterValueException",
        f"Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{unreserved}]."
    ):
        provision(client, published, "1", unreserved + 1)
    with refused(
        400, "InvalidParameterValueException",
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum "
        "value of [100]."
    ):
        provision(client, published, "1", unreserved)
    with refused(
        400, "ValidationException",
        "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1"
    ):
        provision(published.functions.server.client("lambda", parameter_validation=False), published, "1", 0)


def test_the_latest_has_none(client, published):
    with refused(
        400, "InvalidParameterValueException",
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
    ):
        provision(client, published, "$LATEST", 1)
    for call in (client.get_provisioned_concurrency_config, client.delete_provisioned_concurrency_config):
        with refused(
            400, "InvalidParameterValueException",
            "The function resource provided must be an alias or a published version."
        ):
            call(FunctionName=published.name, Qualifier="$LATEST")


@pytest.mark.parametrize("qualifier, message", [("10", "Function not found: "), ("none", "Cannot find alias arn: ")])
@pytest.mark.parametrize("exists", [True, False])
def test_what_is_not_there_has_none(client, published, qualifier, message, exists):
    name = published.name if exists else "nobody"
    for call, settings in (
        (client.put_provisioned_concurrency_config, {"ProvisionedConcurrentExecutions": 1}),
        (client.get_provisioned_concurrency_config, {}),
        (client.delete_provisioned_concurrency_config, {}),
    ):
        with refused(404, "ResourceNotFoundException", message + arn(name, qualifier)):
            call(FunctionName=name, Qualifier=qualifier, **settings)


def test_concurrency_survives_a_crash(new_server):
    server = new_server()
    client = server.client("lambda")
    function = Functions(server).create(KIND)
    throttled = Functions(server).create(KIND)
    client.publish_version(FunctionName=function.name)
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    put = provision(client, function, "live", 1)
    reserve(client, throttled, 0)
    server.kill()
    server.start()
    client = server.client("lambda")
    assert wait_ready(client, function, "live")["LastModified"] == put["LastModified"]
    assert function.invoke(client=client, Qualifier="live").ok() == "provisioned-concurrency"
    with refused(429, "TooManyRequestsException"):
        throttled.invoke(client=client)
