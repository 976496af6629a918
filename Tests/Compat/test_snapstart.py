"""SnapStart: versions that wait for their snapshot, and `$LATEST` with one by a tag."""

import botocore.exceptions
import pytest

from support.faults import refused
from support.functions import SNAPSHOT_TAG, SNAPSTART_ARGUMENTS, SNAPSTART_PYTHON, Functions
from support.packages import pack
from support.waiting import eventually

PUBLISHED = {"ApplyOn": "PublishedVersions"}

# Tells how its environment came to be.
KIND = "import os\ndef handler(event, context):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"


@pytest.fixture(scope="module")
def server(new_module_server):
    return new_module_server(arguments=SNAPSTART_ARGUMENTS)


@pytest.fixture
def client(server):
    return server.client("lambda")


@pytest.fixture
def functions(server):
    made = Functions(server)
    yield made
    made.close()


@pytest.fixture
def snapstarted(functions):
    return functions.snapstart(KIND)


def wait_published(client, function, version="1"):
    client.get_waiter("published_version_active").wait(
        FunctionName=function.name, Qualifier=version, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400})
    return client.get_function_configuration(FunctionName=function.name, Qualifier=version)


def test_publish_wait_invoke(client, snapstarted):
    read = client.get_function_configuration(FunctionName=snapstarted.name)
    assert read["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    published = client.publish_version(FunctionName=snapstarted.name)
    assert published["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (published["State"], published["StateReason"], published["StateReasonCode"]) == (
        "Pending", "The function is being created.", "Creating")
    assert published["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}

    version = wait_published(client, snapstarted)
    assert (version["State"], version["LastUpdateStatus"]) == ("Active", "Successful")
    assert version["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    assert "StateReason" not in version
    assert snapstarted.invoke(Qualifier="1").ok() == "snap-start"
    assert snapstarted.invoke().ok() == "on-demand"
    # Nothing has changed since.
    assert client.publish_version(FunctionName=snapstarted.name)["Version"] == "1"


def test_a_failing_init_is_a_failed_version(client, functions):
    function = functions.snapstart("raise RuntimeError('not today')\n")
    client.publish_version(FunctionName=function.name)
    with pytest.raises(botocore.exceptions.WaiterError):
        wait_published(client, function)
    version = client.get_function_configuration(FunctionName=function.name, Qualifier="1")
    assert (version["State"], version["StateReason"], version["StateReasonCode"]) == (
        "Failed", "An error occurred during function initialization.", "FunctionError")
    assert version["SnapStart"]["OptimizationStatus"] == "Off"
    with refused(409, "ResourceConflictException", containing="following state: Failed"):
        client.invoke(FunctionName=function.name, Qualifier="1")
    with refused(
        409, "ResourceConflictException",
        f"The operation cannot be performed at this time. The resource {function.arn}:1 is currently in the following state: "
        "'Failed'. StateReasonCode: 'FunctionError'"
    ):
        client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")


def test_a_version_that_has_no_snapshot_yet_refuses_calls(client, functions):
    function = functions.snapstart("import time\ntime.sleep(2)\ndef handler(event, context):\n    return 1\n")
    client.publish_version(FunctionName=function.name)
    with refused(409, "ResourceConflictException", containing="following state: Pending"):
        client.invoke(FunctionName=function.name, Qualifier="1")
    # An alias may name it meanwhile, and other functions do not wait.
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    assert functions.create(KIND).invoke().ok() == "on-demand"
    wait_published(client, function)
    assert function.invoke(Qualifier="live").ok() == 1


def test_publish_with_an_update(client, snapstarted):
    answer = client.update_function_code(
        FunctionName=snapstarted.name, ZipFile=pack({"app.py": "def handler(event, context):\n    return 'new'\n"}),
        Publish=True)
    assert (answer["Version"], answer["State"]) == ("1", "Pending")
    snapstarted.wait_updated()
    assert wait_published(client, snapstarted)["SnapStart"]["OptimizationStatus"] == "On"
    assert snapstarted.invoke(Qualifier="1").ok() == "new"


def test_turning_it_on_and_off(client, functions):
    function = functions.create(KIND, runtime=SNAPSTART_PYTHON)
    answer = function.configure(SnapStart=PUBLISHED)
    assert answer["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    assert client.publish_version(FunctionName=function.name)["State"] == "Pending"
    wait_published(client, function)
    function.configure(SnapStart={"ApplyOn": "None"})
    published = client.publish_version(FunctionName=function.name)
    assert (published["Version"], published["State"]) == ("2", "Active")
    assert published["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    assert function.invoke(Qualifier="2").ok() == "on-demand"


def test_versions_survive_a_crash(new_server):
    server = new_server(arguments=SNAPSTART_ARGUMENTS)
    client = server.client("lambda")
    function = Functions(server).snapstart(KIND)
    client.publish_version(FunctionName=function.name)
    wait_published(client, function)
    function.configure(Timeout=9)
    client.publish_version(FunctionName=function.name)
    server.kill()
    server.start()
    client = server.client("lambda")
    # What was active is so still; what was pending becomes so.
    read = client.get_function_configuration(FunctionName=function.name, Qualifier="1")
    assert (read["State"], read["SnapStart"]["OptimizationStatus"]) == ("Active", "On")
    assert function.invoke(client=client, Qualifier="1").ok() == "snap-start"
    wait_published(client, function, "2")
    assert function.invoke(client=client, Qualifier="2").ok() == "snap-start"


def test_what_it_excludes(client, functions, snapstarted):
    too_large = "Ephemeral storage greater than 512 MB is not supported for SnapStart enabled functions."
    with refused(
        400, "InvalidParameterValueException", "provided.al2023 is not supported for SnapStart enabled functions."
    ):
        functions.custom("exit 1\n", SnapStart=PUBLISHED)
    with refused(400, "InvalidParameterValueException", too_large):
        functions.snapstart(KIND, EphemeralStorage={"Size": 513})
    with refused(400, "InvalidParameterValueException", too_large):
        client.update_function_configuration(FunctionName=snapstarted.name, EphemeralStorage={"Size": 1024})
    client.publish_version(FunctionName=snapstarted.name)
    with refused(
        400, "InvalidParameterValueException",
        "Provisioned concurrency is not supported for SnapStart enabled functions."
    ):
        client.put_provisioned_concurrency_config(
            FunctionName=snapstarted.name, Qualifier="1", ProvisionedConcurrentExecutions=1)
    unchecked = functions.server.client("lambda", parameter_validation=False)
    with refused(
        400, "ValidationException",
        "1 validation error detected: Value 'invalidOption' at 'snapStart.applyOn' failed to satisfy constraint: "
        "Member must satisfy enum value set: [PublishedVersions, None]"
    ):
        unchecked.update_function_configuration(FunctionName=snapstarted.name, SnapStart={"ApplyOn": "invalidOption"})


def test_the_tag_lets_the_latest_start_from_a_snapshot(client, functions):
    function = functions.create(KIND, Tags=SNAPSHOT_TAG)
    assert function.invoke().ok() == "snap-start"
    client.untag_resource(Resource=function.arn, TagKeys=list(SNAPSHOT_TAG))
    eventually(lambda: function.invoke().ok() == "on-demand", "the revision without the tag")
    client.tag_resource(Resource=function.arn, Tags=SNAPSHOT_TAG)
    eventually(lambda: function.invoke().ok() == "snap-start", "the revision with the tag")
