"""What a client sees when a call is refused."""

import contextlib

import botocore.exceptions
import pytest


class Refusal:
    status = None
    code = None
    message = None
    body = None


@contextlib.contextmanager
def refused(status, code, message=None, containing=None):
    """The calls inside must fail with this status and code, and this message to the letter if one is given."""
    seen = Refusal()
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        yield seen
    response = caught.value.response
    seen.body = response
    seen.status = response["ResponseMetadata"]["HTTPStatusCode"]
    seen.code = response["Error"]["Code"]
    seen.message = response["Error"].get("Message") or response.get("message") or ""
    codes = code if isinstance(code, tuple) else (code,)
    assert (seen.status, seen.code in codes) == (status, True), f"{seen.status} {seen.code}: {seen.message}"
    if message is not None:
        assert seen.message == message
    if containing is not None:
        assert containing in seen.message
