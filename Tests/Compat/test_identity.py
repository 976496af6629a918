"""Signatures: what is accepted, and the code and text of everything that is not."""

import datetime
import hashlib
import hmac
import json
import re
import stat
import urllib.error
import urllib.request
import xml.etree.ElementTree

import botocore.auth
import pytest

from support.faults import refused
from support.functions import PYTHON, ROLE
from support.packages import pack
from support.server import ACCOUNT, REGION
from support.signing import send, signed

ACCOUNT_SETTINGS = "/2016-08-19/account-settings"
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
    "signing method. Consult the service documentation for details.")
STAMP = r"\d{8}T\d{6}Z"


def fault(answer):
    """(status, code, message) of an error on the wire."""
    body = json.loads(answer.body)
    return answer.status, answer.headers["x-amzn-errortype"], body.get("message", body.get("Message"))


def get(server, path=ACCOUNT_SETTINGS, **settings):
    target, headers = signed(server, "GET", path, **settings)
    return send(server, "GET", target, headers=headers)


def test_credentials_are_for_their_owner_only(server):
    assert stat.S_IMODE((server.data / "credentials").stat().st_mode) == 0o600
    access, secret = server.credentials
    assert re.fullmatch(r"[A-Z0-9]{16,128}", access) and len(secret) >= 40


def test_a_signed_request(server):
    assert get(server).status == 200


def test_wrong_secret(server):
    assert fault(get(server, secret="w" * 40)) == (403, "InvalidSignatureException", MISMATCH)
    with refused(403, "InvalidSignatureException", MISMATCH):
        server.client("lambda", secret="wrong").list_functions()


def test_unknown_key(server):
    text = "The security token included in the request is invalid."
    assert fault(get(server, access="AKIAIOSFODNN7EXAMPLE")) == (403, "UnrecognizedClientException", text)
    with refused(403, "UnrecognizedClientException", text):
        server.client("lambda", access="AKIAIOSFODNN7EXAMPLE").list_functions()


def test_unsigned(server):
    answer = send(server, "GET", ACCOUNT_SETTINGS)
    assert fault(answer) == (403, "MissingAuthenticationTokenException", "Missing Authentication Token")


@pytest.mark.parametrize("seconds", [-290, 290])
def test_five_minutes_of_skew_are_allowed(server, seconds):
    assert get(server, shift=seconds).status == 200


def test_expired(server):
    status, code, text = fault(get(server, shift=-400))
    assert (status, code) == (403, "InvalidSignatureException")
    assert re.fullmatch(rf"Signature expired: {STAMP} is now earlier than {STAMP} \({STAMP} - 5 min\.\)", text)


def test_from_the_future(server):
    status, code, text = fault(get(server, shift=400))
    assert (status, code) == (403, "InvalidSignatureException")
    assert re.fullmatch(rf"Signature not yet current: {STAMP} is still later than {STAMP} \({STAMP} \+ 5 min\.\)", text)


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/lambda/aws4_request",
        "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=AKID, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=",
        "AWS4-HMAC-SHA256 ===,,,===",
    ])
def test_malformed_authorization(server, authorization):
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    answer = send(server, "GET", ACCOUNT_SETTINGS, headers={"Authorization": authorization, "X-Amz-Date": stamp})
    status, code, _ = fault(answer)
    assert (status in (400, 403), code) == (True, "IncompleteSignatureException")


@pytest.mark.parametrize("authorization", ["Basic dXNlcjpwYXNz", "Bearer token"])
def test_another_scheme(server, authorization):
    status, code, _ = fault(send(server, "GET", ACCOUNT_SETTINGS, headers={"Authorization": authorization}))
    assert status in (400, 403)
    assert code in ("IncompleteSignatureException", "MissingAuthenticationTokenException", "UnrecognizedClientException")


def test_no_date(server):
    target, headers = signed(server, "GET", ACCOUNT_SETTINGS)
    headers = {name: value for name, value in headers.items() if name != "X-Amz-Date"}
    status, code, _ = fault(send(server, "GET", target, headers=headers))
    assert (status in (400, 403), code) == (True, "IncompleteSignatureException")


@pytest.mark.parametrize("part", ["method", "path", "query", "body", "header"])
def test_nothing_that_is_signed_may_change(server, part):
    path, body = "/2015-03-31/functions/nobody/invocations?Qualifier=1", b'{"a":1}'
    target, headers = signed(server, "POST", path, body, headers={"X-Amz-Log-Type": "Tail"})
    method = "POST"
    if part == "method":
        method = "PUT"
    elif part == "path":
        target = target.replace("nobody", "anybody")
    elif part == "query":
        target = target.replace("Qualifier=1", "Qualifier=2")
    elif part == "body":
        body = b'{"a":2}'
    else:
        headers["X-Amz-Log-Type"] = "None"
    status, code, text = fault(send(server, method, target, body, headers))
    assert (status, code, text) == (403, "InvalidSignatureException", MISMATCH)


def test_scope_of_another_service(server):
    status, code, text = fault(get(server, service="sqs"))
    assert (status, code) == (403, "InvalidSignatureException")
    assert text == "Credential should be scoped to correct service: 'lambda'."


def test_scope_of_another_day(server):
    stale = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=2)
    target, headers = signed(server, "GET", ACCOUNT_SETTINGS)
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d")
    headers["Authorization"] = headers["Authorization"].replace(today, stale.strftime("%Y%m%d"))
    status, code, _ = fault(send(server, "GET", target, headers=headers))
    assert (status, code) == (403, "InvalidSignatureException")


@pytest.mark.parametrize(
    "path",
    ["/2015-03-31/functions?MaxItems=5&Marker=", "/2015-03-31/functions?b=%20x&a=1&a=0", "/2015-03-31/functions?x=%C3%BC%2B~",
     "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Anobody/versions"])
def test_odd_but_right_requests_verify(server, path):
    answer = get(server, path)
    assert answer.status != 403, answer.body


# Presigned

def test_presigned(server, client):
    url = client.generate_presigned_url("get_account_settings", ExpiresIn=60)
    assert "X-Amz-Signature=" in url
    with urllib.request.urlopen(url) as answer:
        assert json.load(answer)["AccountLimit"]["CodeSizeZipped"] == 52428800


def presigned(server, expires, shift):
    target, headers = signed(
        server, "GET", ACCOUNT_SETTINGS, signer=botocore.auth.SigV4QueryAuth, shift=shift, expires=expires)
    return send(server, "GET", target, headers={"Host": headers["Host"]})


def test_presigned_lives_as_long_as_it_says(server):
    assert presigned(server, expires=3600, shift=-3000).status == 200
    status, code, _ = fault(presigned(server, expires=60, shift=-120))
    assert (status, code) == (403, "InvalidSignatureException")


def test_presigned_and_changed(server, client):
    url = client.generate_presigned_url("get_function", Params={"FunctionName": "nobody"}, ExpiresIn=60)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url.replace("nobody", "anybody"))
    assert caught.value.code == 403
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    assert caught.value.code == 404


def test_code_location_is_signed(server, client, functions):
    name = functions.create("def handler(event, context):\n    return 1\n").name
    location = client.get_function(FunctionName=name)["Code"]["Location"]
    assert urllib.request.urlopen(location).status == 200
    bare = location.split("?")[0]
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(bare)
    assert caught.value.code in (400, 403, 404)


# Payload forms

def invoke_path(function):
    return f"/2015-03-31/functions/{function.name}/invocations"


@pytest.fixture(scope="module")
def echo(module_functions):
    return module_functions.create("def handler(event, context):\n    return event\n")


def test_unsigned_payload(server, echo):
    target, headers = signed(
        server, "POST", invoke_path(echo), b'{"a":1}', headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    answer = send(server, "POST", target, b'{"a":1}', headers)
    assert headers["X-Amz-Content-SHA256"] == "UNSIGNED-PAYLOAD"
    assert (answer.status, json.loads(answer.body)) == (200, {"a": 1})


class ChunkSigner:
    """aws-chunked with a signature per chunk, as the public description of SigV4 has it."""

    def __init__(self, server, path):
        self.access, secret = server.credentials
        now = datetime.datetime.now(datetime.timezone.utc)
        self.stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        self.scope = f"{day}/{REGION}/lambda/aws4_request"
        key = ("AWS4" + secret).encode()
        for part in (day, REGION, "lambda", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        self.key, self.path, self.host = key, path, "%s:%d" % server.address

    def sign(self, *lines):
        return hmac.new(self.key, "\n".join(lines).encode(), hashlib.sha256).hexdigest()

    def request(self, chunks):
        size = sum(map(len, chunks))
        headers = {
            "content-encoding": "aws-chunked",
            "host": self.host,
            "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            "x-amz-date": self.stamp,
            "x-amz-decoded-content-length": str(size),
        }
        names = ";".join(headers)
        canonical = "\n".join(
            ["POST", self.path, "", *(f"{n}:{v}" for n, v in headers.items()), "", names, headers["x-amz-content-sha256"]])
        last = self.sign(
            "AWS4-HMAC-SHA256", self.stamp, self.scope, hashlib.sha256(canonical.encode()).hexdigest())
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={self.access}/{self.scope}, SignedHeaders={names}, Signature={last}"
        body = b""
        for chunk in [*chunks, b""]:
            last = self.sign(
                "AWS4-HMAC-SHA256-PAYLOAD", self.stamp, self.scope, last, hashlib.sha256(b"").hexdigest(),
                hashlib.sha256(chunk).hexdigest())
            body += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(chunk), last.encode(), chunk)
        return headers, body


def test_chunked_payload(server, echo):
    headers, body = ChunkSigner(server, invoke_path(echo)).request([b'{"a":', b"[1,2,3]", b"}"])
    answer = send(server, "POST", invoke_path(echo), body, headers)
    assert (answer.status, json.loads(answer.body)) == (200, {"a": [1, 2, 3]})


def test_chunked_payload_that_was_changed(server, echo):
    headers, body = ChunkSigner(server, invoke_path(echo)).request([b'{"a":', b"[1,2,3]", b"}"])
    answer = send(server, "POST", invoke_path(echo), body.replace(b"[1,2,3]", b"[1,2,4]"), headers)
    assert (answer.status, fault(answer)[1]) == (403, "InvalidSignatureException")


# STS

def test_caller_identity(server):
    identity = server.client("sts").get_caller_identity()
    assert identity["Account"] == ACCOUNT
    assert identity["Arn"].startswith(f"arn:aws:iam::{ACCOUNT}:")
    assert identity["UserId"]


def test_sts_errors_are_in_the_query_protocol(server):
    with refused(403, ("InvalidClientTokenId", "UnrecognizedClientException")):
        server.client("sts", access="AKIAIOSFODNN7EXAMPLE").get_caller_identity()
    with refused(403, ("SignatureDoesNotMatch", "InvalidSignatureException")):
        server.client("sts", secret="wrong").get_caller_identity()
    body = b"Action=AssumeRole&Version=2011-06-15"
    target, headers = signed(
        server, "POST", "/", body, service="sts", headers={"Content-Type": "application/x-www-form-urlencoded"})
    answer = send(server, "POST", target, body, headers)
    assert 400 <= answer.status <= 501
    root = xml.etree.ElementTree.fromstring(answer.body)
    assert root.find(".//{*}Error/{*}Code").text
    assert "AssumeRole" in root.find(".//{*}Error/{*}Message").text


# --dev

def test_dev_takes_any_credentials(dev_server):
    for access in ("anything", "AKIAIOSFODNN7EXAMPLE", "test"):
        assert dev_server.client("sts", access=access, secret="x").get_caller_identity()["Account"] == ACCOUNT


def test_a_twelve_digit_key_is_an_account(dev_server):
    other = dev_server.client("lambda", access="111122223333", secret="x")
    assert dev_server.client("sts", access="111122223333", secret="x").get_caller_identity()["Account"] == "111122223333"
    created = other.create_function(
        FunctionName="mine", Runtime=PYTHON, Role=ROLE, Handler="app.handler",
        Code={"ZipFile": pack({"app.py": "def handler(e, c):\n    return c.invoked_function_arn\n"})})
    assert created["FunctionArn"] == f"arn:aws:lambda:{REGION}:111122223333:function:mine"
    assert [f["FunctionName"] for f in other.list_functions()["Functions"]] == ["mine"]
    assert "mine" not in [f["FunctionName"] for f in dev_server.client("lambda").list_functions()["Functions"]]
    other.get_waiter("function_active_v2").wait(FunctionName="mine", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
    assert json.load(other.invoke(FunctionName="mine")["Payload"]) == created["FunctionArn"]
    with refused(404, "ResourceNotFoundException"):
        dev_server.client("lambda").invoke(FunctionName="mine")
    other.delete_function(FunctionName="mine")
