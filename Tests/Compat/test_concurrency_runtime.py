"""How many calls run at the same time: limits of the account and of functions, and what is provisioned."""

import collections
import concurrent.futures
import time

import botocore.exceptions
import pytest

from support.faults import refused
from support.functions import Functions
from support.metrics import metric, starts
from support.waiting import eventually

LIMIT = 1000  # of the account
LEAST = 100  # of it must stay unreserved

SLEEPS = """
import os, time
began = time.time()

def handler(event, context):
    time.sleep(event.get("seconds", 0))
    return {
        "stream": context.log_stream_name, "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], "began": began,
        "version": context.function_version,
    }
"""

RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"
ACCOUNT = "ConcurrentInvocationLimitExceeded"


@pytest.fixture(scope="module")
def server(new_module_server):
    return new_module_server()


@pytest.fixture(scope="module")
def small_server(new_module_server):
    return new_module_server(arguments=["--concurrency", "4"])


@pytest.fixture
def functions(server):
    made = Functions(server)
    yield made
    made.close()


@pytest.fixture
def client(server):
    return server.client("lambda")


def call_all(function, count, seconds, **settings):
    """So many calls at once: the values of those that ran, the throttle reasons of the others."""
    client = function.functions.server.client("lambda", max_pool_connections=count)

    def call(_):
        try:
            return function.invoke({"seconds": seconds}, client=client, tail=False, **settings).ok()
        except botocore.exceptions.ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 429
            assert error.response["Error"]["Code"] == "TooManyRequestsException"
            assert "retry-after" in error.response["ResponseMetadata"]["HTTPHeaders"]
            return error.response["Reason"]

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        results = list(pool.map(call, range(count)))
    return [each for each in results if isinstance(each, dict)], collections.Counter(each for each in results if isinstance(each, str))


def test_reserved_0_refuses_every_call(server, client, functions):
    function = functions.create(SLEEPS)
    client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    with refused(429, "TooManyRequestsException", "Rate Exceeded.") as refusal:
        function.invoke()
    assert refusal.body["Reason"] == RESERVED
    assert refusal.body["Type"] == "User"
    client.delete_function_concurrency(FunctionName=function.name)
    function.invoke().ok()


def test_reserved_n_lets_n_run(server, client, functions):
    function = functions.create(SLEEPS, Timeout=10)
    client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=2)
    ran, throttled = call_all(function, 3, 0.8)
    assert len(ran) == 2 and throttled == {RESERVED: 1}
    function.invoke().ok()


def test_all_versions_share_what_is_reserved(server, client, functions):
    function = functions.create(SLEEPS, Timeout=10)
    version = function.publish()
    client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(function.invoke, {"seconds": 1.5}, Qualifier=version)
        eventually(lambda: metric(server, "apus_lambda_concurrent_executions", function=function.name) == 1, "the call runs")
        with refused(429, "TooManyRequestsException"):
            function.invoke()
        running.result().ok()


def test_a_throttled_call_counts_as_nothing_else(server, client, functions):
    function = functions.create(SLEEPS, Timeout=10)
    function.invoke().ok()
    client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    ran, throttled = call_all(function, 4, 0.6)
    assert (len(ran), throttled) == (1, {RESERVED: 3})
    name = {"function": function.name}
    eventually(lambda: metric(server, "apus_lambda_invocations_total", **name) == 2, "two invocations")
    assert metric(server, "apus_lambda_throttles_total", reason=RESERVED, **name) == 3
    assert metric(server, "apus_lambda_throttles_total", **name) == 3
    assert metric(server, "apus_lambda_errors_total", **name) == 0
    assert metric(server, "apus_lambda_duration_seconds_count", **name) == 2


def test_the_account_has_a_limit_too(small_server):
    functions = Functions(small_server)
    function = functions.create(SLEEPS, Timeout=20)
    assert functions.server_client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 4
    ran, throttled = call_all(function, 6, 1)
    assert len(ran) == 4
    assert throttled == {ACCOUNT: 2}
    assert metric(small_server, "apus_lambda_throttles_total", reason=ACCOUNT, function=function.name) == 2
    function.invoke().ok()


def test_what_is_reserved_is_kept_from_others(server, client, functions):
    """Functions without a reservation share what is left. What is reserved can be had while they use all of that."""
    crowd, reserved, other = (functions.create(SLEEPS, Timeout=20) for _ in range(3))
    client.put_function_concurrency(FunctionName=reserved.name, ReservedConcurrentExecutions=4)
    client.put_function_concurrency(FunctionName=other.name, ReservedConcurrentExecutions=LIMIT - LEAST - 4)
    assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == LEAST
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(call_all, crowd, LEAST + 2, 4)
        eventually(
            lambda: metric(server, "apus_lambda_throttles_total", function=crowd.name) == 2, "the crowd meets the limit")
        ran, throttled = call_all(reserved, 4, 0.3)
        assert len(ran) == 4 and not throttled
        ran, throttled = running.result()
    assert len(ran) == LEAST and throttled == {ACCOUNT: 2}


def test_the_unreserved_minimum(client, functions):
    function = functions.create(SLEEPS)
    with refused(400, "InvalidParameterValueException", containing="below its minimum value of [100]"):
        client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=LIMIT - LEAST + 1)
    client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=LIMIT - LEAST)


# Provisioned concurrency

@pytest.fixture
def provisioned(client, functions):
    """A function whose alias `live` has two environments provisioned, and its version."""
    function = functions.create("import time\ntime.sleep(1)\n" + SLEEPS, Timeout=20)
    version = function.publish()
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion=version)
    answer = client.put_provisioned_concurrency_config(
        FunctionName=function.name, Qualifier="live", ProvisionedConcurrentExecutions=2)
    assert answer["Status"] == "IN_PROGRESS"
    ready(client, function, 2)
    return function


def standing(client, function):
    answer = client.get_provisioned_concurrency_config(FunctionName=function.name, Qualifier="live")
    assert answer["RequestedProvisionedConcurrentExecutions"] == 2
    return answer["Status"], answer["AvailableProvisionedConcurrentExecutions"]


def ready(client, function, count):
    eventually(lambda: standing(client, function) == ("READY", count), "what is provisioned is ready", every=0.05)


def test_what_is_provisioned_is_initialised_before_a_call(server, client, provisioned):
    asked = time.time()
    ran, _ = call_all(provisioned, 2, 0.3, Qualifier="live")
    assert {each["type"] for each in ran} == {"provisioned-concurrency"}
    assert all(each["began"] < asked for each in ran), "the init ran before"
    assert time.time() - asked < 0.9, "no call waited for the init, which takes a second"
    name = {"function": provisioned.name, "qualifier": "live"}
    eventually(lambda: metric(server, "apus_lambda_provisioned_concurrency_invocations_total", **name) == 2, "two provisioned calls")
    assert metric(server, "apus_lambda_provisioned_concurrency_spillover_invocations_total", **name) == 0


def test_what_is_beyond_runs_on_demand(server, client, provisioned):
    ran, throttled = call_all(provisioned, 3, 1.5, Qualifier="live")
    assert not throttled
    assert collections.Counter(each["type"] for each in ran) == {"provisioned-concurrency": 2, "on-demand": 1}
    name = {"function": provisioned.name, "qualifier": "live"}
    eventually(
        lambda: metric(server, "apus_lambda_provisioned_concurrency_spillover_invocations_total", **name) == 1, "one spilled over")
    assert metric(server, "apus_lambda_provisioned_concurrency_invocations_total", **name) == 2


def test_utilization_follows_the_calls(server, client, provisioned):
    def utilization():
        return metric(server, "apus_lambda_provisioned_concurrency_utilization", function=provisioned.name, qualifier="live")

    assert utilization() == 0
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(provisioned.invoke, {"seconds": 1}, Qualifier="live")
        eventually(lambda: utilization() == 0.5, "half is in use", seconds=2)
        running.result().ok()
    eventually(lambda: utilization() == 0, "nothing is in use")


def test_an_alias_that_moves_takes_it_along(server, client, provisioned):
    provisioned.configure(Description="second")
    second = provisioned.publish()
    client.update_alias(FunctionName=provisioned.name, Name="live", FunctionVersion=second)
    ready(client, provisioned, 2)
    ran, _ = call_all(provisioned, 2, 0.3, Qualifier="live")
    assert {(each["type"], each["version"]) for each in ran} == {("provisioned-concurrency", second)}


def test_deleting_it_ends_its_environments(server, client, provisioned):
    name = {"function": provisioned.name}
    assert metric(server, "apus_lambda_environments", **name) == 2
    client.delete_provisioned_concurrency_config(FunctionName=provisioned.name, Qualifier="live")
    with refused(404, "ProvisionedConcurrencyConfigNotFoundException"):
        client.get_provisioned_concurrency_config(FunctionName=provisioned.name, Qualifier="live")
    eventually(lambda: metric(server, "apus_lambda_environments", **name) == 0, "its environments are gone")
    assert provisioned.invoke(Qualifier="live").ok()["type"] == "on-demand"


def test_what_was_lost_is_provisioned_again(server, client, functions):
    function = functions.create(
        "import os\n" + SLEEPS + "\ninner = handler\ndef handler(event, context):\n"
        "    if event.get('exit'):\n        os._exit(1)\n    return inner(event, context)\n", Timeout=10)
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion=function.publish())
    client.put_provisioned_concurrency_config(FunctionName=function.name, Qualifier="live", ProvisionedConcurrentExecutions=2)
    ready(client, function, 2)
    assert function.invoke({"exit": True}, Qualifier="live").error == "Unhandled"
    ready(client, function, 2)
    ran, _ = call_all(function, 2, 0.3, Qualifier="live")
    assert len(ran) == 2


def test_an_init_that_fails_is_told(client, functions):
    function = functions.create("raise RuntimeError('no')\n")
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion=function.publish())
    client.put_provisioned_concurrency_config(FunctionName=function.name, Qualifier="live", ProvisionedConcurrentExecutions=2)

    def failed():
        answer = client.get_provisioned_concurrency_config(FunctionName=function.name, Qualifier="live")
        return answer["Status"] == "FAILED" and answer["StatusReason"]

    assert eventually(failed, "it has failed", every=0.05) == "FUNCTION_ERROR_INIT_FAILURE"


# Reuse

def test_one_after_the_other_needs_one_environment(server, functions):
    function = functions.create(SLEEPS)
    streams = {function.invoke(tail=False).ok()["stream"] for _ in range(200)}
    assert len(streams) == 1
    assert starts(server, function) == 1
    assert starts(server, function, "warm") == 199


def test_a_freed_environment_serves_who_waits(server, functions):
    """Two calls and an init that takes a second: the second call runs where the first one ran, sooner than a second init would end."""
    function = functions.create("import time\ntime.sleep(1)\n" + SLEEPS, Timeout=20)
    function.invoke().ok()
    client = server.client("lambda")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(function.invoke, {"seconds": 0.4})
        eventually(lambda: metric(server, "apus_lambda_concurrent_executions", function=function.name) == 1, "the first call runs")
        began = time.monotonic()
        second = function.invoke(client=client).ok()
        assert time.monotonic() - began < 0.9
        assert second["stream"] == first.result().ok()["stream"]
