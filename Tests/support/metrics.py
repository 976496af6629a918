"""What a server counts, as its page of metrics says."""

import http.client

from prometheus_client.parser import text_string_to_metric_families


def samples(server):
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
    finally:
        connection.close()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def metric(server, name, **labels):
    """The sum of the samples of that name that have these labels; 0 when there is none."""
    return sum(
        sample.value for sample in samples(server) if sample.name == name and labels.items() <= sample.labels.items())


def starts(server, function, path=None):
    """Calls of a function that came to their environment by `path`; None: by any but `warm`."""
    found = [
        sample for sample in samples(server)
        if sample.name == "apus_lambda_starts_total" and sample.labels["function"] == function.name]
    return int(sum(each.value for each in found if each.labels["path"] == path or (path is None and each.labels["path"] != "warm")))


def come_by(server, function, path, payload, *, least=2, **settings):
    """Calls until an environment has come about by that path: more at once each time, as those that there are serve again."""
    for count in range(least, least + 10):
        replies = function.spread(count, payload, **settings)
        if starts(server, function, path):
            return replies
    raise AssertionError(f"no environment came about by the path {path}")
