"""The Prometheus page, read by Prometheus's own parser."""

import collections
import http.client

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.faults import refused
from support.waiting import eventually


def page(server):
    """The families by name. The request carries no signature."""
    connection = http.client.HTTPConnection(*server.address, timeout=5)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200
    assert answer.getheader("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(server, family, **labels):
    """Sample name to value, summed over the samples that have these labels."""
    found = collections.Counter()
    for sample in page(server)[family].samples if family in page(server) else []:
        if labels.items() <= sample.labels.items():
            found[sample.name] += sample.value
    return found


def test_the_page_is_well_formed(server, functions):
    functions.create("def handler(event, context):\n    pass\n").invoke()
    families = page(server)
    assert {"process_cpu_seconds", "process_resident_memory_bytes", "apus_lambda_invocations"} <= families.keys()
    seen = set()
    for family in families.values():
        assert family.documentation and family.type in ("counter", "gauge", "histogram"), family
        for sample in family.samples:
            identity = (sample.name, tuple(sorted(sample.labels.items())))
            assert identity not in seen, identity
            seen.add(identity)


def test_histograms_add_up(server, functions):
    function = functions.create("def handler(event, context):\n    pass\n")
    for _ in range(5):
        function.invoke()

    def complete():
        histogram = values(server, "apus_lambda_duration_seconds", function=function.name)
        return histogram if histogram["apus_lambda_duration_seconds_count"] == 5 else None

    eventually(complete, "five durations")
    buckets = [
        sample.value for sample in page(server)["apus_lambda_duration_seconds"].samples
        if sample.name.endswith("_bucket") and sample.labels["function"] == function.name]
    assert buckets == sorted(buckets) and buckets[-1] == 5


def test_the_process_is_the_server(server):
    families = page(server)
    resident = families["process_resident_memory_bytes"].samples[0].value
    assert 0.5 < resident / server.resident_bytes() < 2
    assert abs(families["process_open_fds"].samples[0].value - server.descriptors()) < 20


def test_calls_are_counted(server, functions):
    function = functions.create("def handler(event, context):\n    return 1 / event['by']\n")
    for by in [1, 0, 2, 0, 4]:
        function.invoke({"by": by})
    wanted = {"apus_lambda_invocations": 5, "apus_lambda_errors": 2, "apus_lambda_starts": 5}
    for family, count in wanted.items():
        eventually(
            lambda: values(server, family, function=function.name, qualifier="$LATEST")[f"{family}_total"] == count, family)
    assert values(server, "apus_lambda_starts", function=function.name, path="warm")["apus_lambda_starts_total"] == 4
    assert values(server, "apus_lambda_concurrent_executions", function=function.name).total() == 0


def test_a_throttled_call_is_neither_an_invocation_nor_an_error(server, client, functions):
    function = functions.create("def handler(event, context):\n    pass\n")
    client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    with refused(429, "TooManyRequestsException"):
        function.invoke()
    reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
    # boto3 tries again.
    assert values(server, "apus_lambda_throttles", function=function.name, reason=reason).total() >= 1
    for family in ["apus_lambda_invocations", "apus_lambda_errors"]:
        assert values(server, family, function=function.name).total() == 0


def test_a_deleted_function_leaves_no_labels(server, client, functions):
    function = functions.create("def handler(event, context):\n    pass\n")
    function.invoke()
    labelled = lambda: any(
        sample.labels.get("function") == function.name for family in page(server).values() for sample in family.samples)
    assert labelled()
    client.delete_function(FunctionName=function.name)
    eventually(lambda: not labelled(), "the labels are gone")


@pytest.mark.parametrize("path", ["/metrics", "/metrics?x=1"])
def test_functions_do_not_see_it(functions, path):
    """At the address that a function calls the platform by there is no such page."""
    function = functions.create(f"""
import os, urllib.error, urllib.request
def handler(event, context):
    try:
        return urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "{path}", timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code
""", Timeout=10)
    assert function.invoke().ok() == 404
