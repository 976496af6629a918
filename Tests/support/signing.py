"""Requests signed by botocore's own signer, with the clock and the details in the test's hands."""

import contextlib
import datetime
import http.client
import unittest.mock

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.server import REGION


@contextlib.contextmanager
def clock_shifted(seconds):
    """Inside, botocore signs as if it were `seconds` later."""
    real = botocore.auth.get_current_datetime

    def shifted(*arguments, **settings):
        return real(*arguments, **settings) + datetime.timedelta(seconds=seconds)

    with unittest.mock.patch.object(botocore.auth, "get_current_datetime", shifted):
        yield


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()


def send(server, method, path, body=b"", headers=None):
    """One request on its own connection, its path exactly as given."""
    connection = http.client.HTTPConnection(*server.address, timeout=30)
    try:
        connection.request(method, path, body=body or None, headers=dict(headers or {}))
        return Answer(connection.getresponse())
    finally:
        connection.close()


def signed(server, method, path, body=b"", *, service="lambda", region=REGION, headers=None, access=None, secret=None,
           shift=0, signer=botocore.auth.SigV4Auth, **settings):
    """The path and the headers of a request that botocore signed."""
    default_access, default_secret = server.credentials
    request = AWSRequest(method, server.url.rstrip("/") + path, headers=dict(headers or {}), data=body)
    with clock_shifted(shift):
        signer(Credentials(access or default_access, secret or default_secret), service, region, **settings).add_auth(request)
    host, port = server.address
    target = request.url.split(f"{host}:{port}", 1)[1]
    return target, {**dict(request.headers.items()), "Host": f"{host}:{port}"}
