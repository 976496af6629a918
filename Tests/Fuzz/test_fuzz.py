"""Ten thousand seeded requests that nobody would send on purpose.

Each must be answered like AWS answers, or accepted if it happens to be right: never a 500, never a crash, never a
descriptor that stays open. APUS_FUZZ_SEED and APUS_FUZZ_REQUESTS change what is sent; a failure prints the request.
"""

import base64
import concurrent.futures
import datetime
import hashlib
import hmac
import io
import json
import os
import random
import socket
import urllib.parse
import xml.etree.ElementTree
import zipfile

import pytest

from support.functions import PYTHON, ROLE, Functions
from support.packages import pack
from support.server import REGION, Server
from support.waiting import eventually

SEED = int(os.environ.get("APUS_FUZZ_SEED", "20261124"))
REQUESTS = int(os.environ.get("APUS_FUZZ_REQUESTS", "10000"))
WORKERS = 4

NAMES = ["target", "nobody", "a" * 64, "a" * 141, "target:1", "target:$LATEST", "", ".", "..", "%00", "%2e%2e%2f", "ü", "a b", "a%0d%0aX:1",
         "arn:aws:lambda:us-east-1:000000000000:function:target", "arn:aws:lambda:us-east-1:000000000000:function:", ":::::", "*", "?", "#",
         "arn:aws:lambda:mars-1:000000000000:function:target", "$LATEST", "-1", "%", "%zz", "\\", "'; drop table functions; --"]
ROUTES = [
    ("POST", "/2015-03-31/functions"), ("GET", "/2015-03-31/functions"), ("GET", "/2015-03-31/functions/{}"),
    ("DELETE", "/2015-03-31/functions/{}x"), ("PUT", "/2015-03-31/functions/{}/code"), ("PUT", "/2015-03-31/functions/{}/configuration"),
    ("GET", "/2015-03-31/functions/{}/configuration"), ("POST", "/2015-03-31/functions/{}/versions"),
    ("GET", "/2015-03-31/functions/{}/versions"), ("POST", "/2015-03-31/functions/{}/invocations"),
    ("POST", "/2021-11-15/functions/{}/response-streaming-invocations"), ("GET", "/2016-08-19/account-settings"),
    ("GET", "/2017-03-31/tags/{}"), ("POST", "/2017-03-31/tags/{}"), ("DELETE", "/2017-03-31/tags/{}"),
    ("POST", "/2015-03-31/event-source-mappings"), ("GET", "/2015-03-31/functions/{}/policy"), ("GET", "/2018-10-31/layers"),
    ("POST", "/2018-10-31/layers/{}/versions"), ("GET", "/2018-10-31/layers/{}/versions"), ("GET", "/2018-10-31/layers/{}/versions/1"),
    ("GET", "/2018-10-31/layers/{}/versions/9999999999999"), ("DELETE", "/2018-10-31/layers/{}/versions/9223372036854775807"),
    ("DELETE", "/2018-10-31/layers/{}/versions/1"), ("GET", "/2018-10-31/layers/{}/versions/-1/policy"),
    ("POST", "/2018-10-31/layers/{}/versions/1/policy"), ("DELETE", "/2018-10-31/layers/{}/versions/1/policy/s"),
    ("GET", "/_apus/{}"), ("GET", "/{}"), ("GET", "/"), ("POST", "/"), ("PUT", "/bucket/{}"), ("GET", "/latest/meta-data/{}"),
]
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW", "get", "CONNECT"]
QUERIES = ["", "Qualifier=1", "Qualifier=$LATEST", "Qualifier=", "Qualifier=%F0%9F", "MaxItems=0", "MaxItems=-1", "MaxItems=99999999999999999999",
           "MaxItems=abc", "Marker=x", "Marker=" + "A" * 5000, "FunctionVersion=ALL", "FunctionVersion=SOME", "tagKeys=a&tagKeys=b", "tagKeys=",
           "a=b&a=c&=&&&", "%=%", "x" * 9000, "List=ALL", "X-Amz-Signature=1", "Action=GetCallerIdentity", "find=LayerVersion"]
HEADERS = [("X-Amz-Invocation-Type", ["Event", "DryRun", "RequestResponse", "event", "", "x" * 1000]),
           ("X-Amz-Log-Type", ["Tail", "None", "All", ""]), ("X-Amz-Client-Context", ["e30=", "!!!", "e30", "x" * 5000, base64.b64encode(b"\xff").decode()]),
           ("Content-Type", ["application/json", "text/plain", "application/x-amz-json-1.1", "application/x-www-form-urlencoded", "x" * 300, ""]),
           ("Accept-Encoding", ["gzip", "identity;q=0"]), ("X-Amzn-Trace-Id", ["Root=1", "\x7f", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;" * 50]),
           ("X-Amz-Target", ["Logs_20140328.DescribeLogGroups", "Logs_20140328.Nope", "DynamoDB_20120810.ListTables", ".", ""]),
           ("Expect", ["100-continue", "200-ok"]), ("X-Amz-Tenant-Id", ["t", "x" * 300]), ("Content-Encoding", ["gzip", "aws-chunked", "br"]),
           ("X-Forwarded-For", ["1.2.3.4"]), ("Cookie", ["a=b" * 100]), ("Range", ["bytes=0-1"]), ("Upgrade", ["h2c", "websocket"])]
LOGS = ["DescribeLogGroups", "DescribeLogStreams", "GetLogEvents", "FilterLogEvents", "CreateLogGroup", "PutRetentionPolicy", "DeleteLogGroup",
        "PutLogEvents", "Nope", ""]
VALUES = [None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -2**63, 1e308, 1.5, "", "x", "x" * 5000, "\u0000", "\ud83d\ude00", "ü" * 200, [], {}, [[]],
          {"a": {}}, "$LATEST", "1", "true", "null", "../../etc/passwd", "arn:aws:iam::000000000000:role/r", "0" * 40]
GOOD_ZIP = pack({"app.py": "def handler(event, context):\n    return event\n", "data/file.txt": "text" * 100})


class Signer:
    """SigV4 with the day's key at hand: thousands of signatures a second."""

    def __init__(self, server):
        self.access, self.secret = server.credentials
        self.host = "%s:%d" % server.address
        self.keys = {}

    def key(self, day, service):
        if (day, service) not in self.keys:
            key = ("AWS4" + self.secret).encode()
            for part in (day, REGION, service, "aws4_request"):
                key = hmac.new(key, part.encode(), hashlib.sha256).digest()
            self.keys[day, service] = key
        return self.keys[day, service]

    def headers(self, method, path, query, body, service):
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        canonical_query = "&".join(sorted(
            f"{urllib.parse.quote(k, safe='-_.~')}={urllib.parse.quote(v, safe='-_.~')}"
            for k, v in urllib.parse.parse_qsl(query, keep_blank_values=True)))
        canonical = "\n".join([
            method, urllib.parse.quote(path, safe="/-_.~"), canonical_query, f"host:{self.host}", f"x-amz-date:{stamp}", "",
            "host;x-amz-date", hashlib.sha256(body).hexdigest()])
        scope = f"{day}/{REGION}/{service}/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        signature = hmac.new(self.key(day, service), text.encode(), hashlib.sha256).hexdigest()
        return [("X-Amz-Date", stamp), (
            "Authorization", f"AWS4-HMAC-SHA256 Credential={self.access}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}")]


# What is sent

def create_body(random):
    return {
        "FunctionName": random.choice(["target", f"fuzz-{random.randrange(1 << 30)}"]), "Runtime": PYTHON, "Role": ROLE, "Handler": "app.handler",
        "Code": {"ZipFile": base64.b64encode(GOOD_ZIP).decode()}, "Timeout": 3, "MemorySize": 128, "Environment": {"Variables": {"AA": "b"}},
        "Description": "d", "Architectures": ["x86_64"], "Publish": False, "Tags": {"a": "b"}, "TracingConfig": {"Mode": "PassThrough"},
        "LoggingConfig": {"LogFormat": "Text"}, "EphemeralStorage": {"Size": 512}, "Layers": [], "VpcConfig": {"SubnetIds": []},
    }


def change(random, value):
    """One place in the JSON becomes something else."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        key = random.choice(sorted(value))
        roll = random.random()
        if roll < 0.15:
            return {k: v for k, v in value.items() if k != key}
        if roll < 0.25:
            return {**value, random.choice(["Unknown", "", "ü", "__proto__", key.lower()]): random.choice(VALUES)}
        return {**value, key: change(random, value[key])}
    if isinstance(value, list) and value and random.random() < 0.5:
        return [change(random, each) for each in value]
    return random.choice(VALUES)


def break_text(random, data):
    """Bytes that are almost JSON."""
    data = bytearray(data)
    roll = random.randrange(8)
    if roll == 0:
        return bytes(data[:random.randrange(len(data) + 1)])
    if roll == 1:
        for _ in range(random.randrange(1, 8)):
            if data:
                data[random.randrange(len(data))] = random.randrange(256)
        return bytes(data)
    if roll == 2:
        return bytes(data) + b"}" * random.randrange(1, 5)
    if roll == 3:
        return b"[" * random.choice([10, 600, 100000])
    if roll == 4:
        return b'{"a":' * random.choice([10, 600, 50000]) + b"1"
    if roll == 5:
        return b"\xef\xbb\xbf" + bytes(data)
    if roll == 6:
        return random.choice([b"", b"null", b"1", b'"x"', b"[]", b"{}", b"{,}", b"NaN", b"\xff\xfe", b"1e999999", b'{"a":1,"a":2}', b'"\\ud800"'])
    return random.randbytes(random.randrange(200))


def break_zip(random):
    """A zip that is damaged, cut, or says what is not so."""
    data = bytearray(GOOD_ZIP)
    roll = random.randrange(5)
    if roll == 0:
        for _ in range(random.randrange(1, 12)):
            data[random.randrange(len(data))] = random.randrange(256)
    elif roll == 1:
        data = data[:random.randrange(len(data))]
    elif roll == 2:
        at = random.randrange(len(data))
        data[at:at] = random.randbytes(random.randrange(1, 60))
    elif roll == 3:
        for mark in (b"PK\x01\x02", b"PK\x05\x06", b"PK\x03\x04"):
            at = data.rfind(mark)
            place = at + 4 + random.randrange(24)
            if at >= 0 and place + 4 <= len(data):
                data[place:place + 4] = random.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", random.randbytes(4)])
    else:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for _ in range(random.randrange(1, 6)):
                info = zipfile.ZipInfo("x")
                info.filename = random.choice(["../x", "/x", "a/../../x", "x/", "x", "x\0y", "a" * 300, "a/" * 300 + "x", "ü", "\\..\\x", "con", "."])
                info.external_attr = random.randrange(1 << 32)
                info.compress_type = random.choice([0, 8, 12, 14])
                archive.writestr(info, random.randbytes(random.randrange(50)))
        data = buffer.getvalue()
    return bytes(data)


def sign_wrongly(random, headers):
    """Authorization that is damaged, missing, stale or someone else's."""
    headers = dict(headers)
    value = headers["Authorization"]
    roll = random.randrange(9)
    if roll == 0:
        del headers["Authorization"]
    elif roll == 1:
        at = random.randrange(len(value))
        headers["Authorization"] = value[:at] + chr(random.randrange(33, 127)) + value[at + 1:]
    elif roll == 2:
        headers["Authorization"] = value[:random.randrange(len(value))]
    elif roll == 3:
        headers["X-Amz-Date"] = random.choice(["", "20200101T000000Z", "99999999T999999Z", "yesterday", "20300101T000000Z", "0" * 5000])
    elif roll == 4:
        del headers["X-Amz-Date"]
    elif roll == 5:
        headers["Authorization"] = random.choice(
            ["", "x", "Basic eA==", "Bearer x", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 " + "," * 1000, "AWS4-ECDSA-P256-SHA256 " + value, "AWS " + value])
    elif roll == 6:
        headers["Authorization"] = value.replace("host;x-amz-date", random.choice(["", "host", ";" * 100, "x;" * 500, "authorization", "host;missing"]))
    elif roll == 7:
        headers["X-Amz-Content-SHA256"] = random.choice(["UNSIGNED-PAYLOAD", "0" * 64, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "x"])
    else:
        headers["Authorization"] = value.replace("/lambda/", random.choice(["/", "//", "/s3/", "/LAMBDA/", "/" + "x" * 500 + "/"]))
    return list(headers.items())


RAW = [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1", b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 70000),
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20000 + b"\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET http://other/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /2015-03-31/functions/target/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", bytes(range(256)) * 8,
    b"POST /2015-03-31/functions/target/invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
]


def render(method, path, query, headers, body):
    target = (path + ("?" + query if query else "")).replace(" ", "%20")
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + body


def make(random, signer):
    """One request: (kind, bytes)."""
    kind = random.choices(
        ["route", "json", "broken", "zip", "signature", "invoke", "logs", "sts", "raw"], [22, 22, 8, 10, 14, 10, 8, 3, 3])[0]
    if kind == "raw":
        return kind, random.choice(RAW)
    method, template = random.choice(ROUTES)
    path, query, service, body, extra = template.format(random.choice(NAMES)), "", "lambda", b"", []
    if kind == "route":
        method = random.choice(METHODS) if random.random() < 0.4 else method
        query = random.choice(QUERIES)
        body = random.choice([b"", b"{}", b"x"]) if method in ("POST", "PUT", "PATCH") else b""
    elif kind in ("json", "broken", "zip"):
        method, path = random.choice([
            ("POST", "/2015-03-31/functions"), ("PUT", "/2015-03-31/functions/target/code"), ("PUT", "/2015-03-31/functions/target/configuration"),
            ("POST", "/2015-03-31/functions/target/versions"), ("POST", "/2017-03-31/tags/arn:aws:lambda:us-east-1:000000000000:function:target")])
        document = create_body(random)
        if kind == "zip":
            method, path = random.choice([("POST", "/2015-03-31/functions"), ("PUT", "/2015-03-31/functions/target/code")])
            data = base64.b64encode(break_zip(random)).decode()
            if random.random() < 0.1:
                data = data[:-1] + random.choice("=!é")
            document = {**document, "Code": {"ZipFile": data}} if method == "POST" else {"ZipFile": data, "DryRun": random.random() < 0.8}
        elif method == "PUT" and path.endswith("/code"):
            document = {"ZipFile": base64.b64encode(GOOD_ZIP).decode(), "DryRun": True}
        if kind == "json":
            for _ in range(random.randrange(1, 4)):
                document = change(random, document)
        body = json.dumps(document).encode()
        if kind == "broken":
            body = break_text(random, body)
    elif kind == "invoke":
        method, path = "POST", f"/2015-03-31/functions/{random.choice(['target', 'target', *NAMES])}/invocations"
        body = break_text(random, b'{"key": [1, 2, {"a": "b"}]}')
        query = random.choice(["", "", *QUERIES])
    elif kind == "logs":
        method, path, service = "POST", "/", "logs"
        body = json.dumps(change(random, {"logGroupName": "/aws/lambda/target", "logStreamName": "x", "limit": 5, "nextToken": "t", "retentionInDays": 7})).encode()
        if random.random() < 0.3:
            body = break_text(random, body)
        extra = [("X-Amz-Target", "Logs_20140328." + random.choice(LOGS)), ("Content-Type", "application/x-amz-json-1.1")]
    elif kind == "sts":
        method, path, service = "POST", "/", "sts"
        body = break_text(random, b"Action=GetCallerIdentity&Version=2011-06-15") if random.random() < 0.7 else b"Action=Nope&Version=1"
        extra = [("Content-Type", "application/x-www-form-urlencoded")]
    for name, values in random.sample(HEADERS, random.choice([0, 0, 1, 2, 3])):
        extra = [*extra, (name, random.choice(values))]
    signature = signer.headers(method, path, query, body, service)
    if kind == "signature":
        signature = sign_wrongly(random, signature)
    return kind, render(method, path, query, [("Host", signer.host), *extra, *signature], body)


# What must come back

class Connection:
    """A raw connection that is kept while the server keeps it."""

    def __init__(self, address):
        self.address = address
        self.socket = None

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None

    def exchange(self, data, head_only=False, patience=20):
        """(status, headers, body), or None when the server closed without an answer."""
        for attempt in (1, 2):
            fresh = self.socket is None
            if fresh:
                self.socket = socket.create_connection(self.address, timeout=patience)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                try:
                    self.socket.sendall(data)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # answered and closed while we were still sending
                answer = self.read(head_only)
            except ConnectionResetError:
                answer = None
            if answer is not None or fresh:
                return answer
            self.close()  # an idle connection that the server had closed
        return None

    def read(self, head_only, buffer=b""):
        while b"\r\n\r\n" not in buffer:
            part = self.socket.recv(65536)
            if not part:
                self.close()
                return None
            buffer += part
        head, _, body = buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if status == 100:
            return self.read(head_only, body)
        if head_only or status in (204, 304):
            need = 0
        elif headers.get("transfer-encoding") == "chunked":
            while not body.endswith(b"0\r\n\r\n"):
                part = self.socket.recv(65536)
                if not part:
                    break
                body += part
            decoded, rest = b"", body
            while rest:
                size, _, rest = rest.partition(b"\r\n")
                size = int(size, 16)
                decoded, rest = decoded + rest[:size], rest[size + 2:]
                if size == 0:
                    break
            body, need = decoded, 0
        else:
            need = int(headers.get("content-length", 0))
        while len(body) < need:
            part = self.socket.recv(65536)
            if not part:
                break
            body += part
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status, headers, body


def is_aws_shaped(status, headers, body, head_only):
    """An error that an SDK can read: a code in a header or in the body, and a message."""
    if head_only:
        return True
    if not body:
        return "x-amzn-errortype" in headers
    if body.lstrip().startswith(b"<"):
        try:
            root = xml.etree.ElementTree.fromstring(body)
        except xml.etree.ElementTree.ParseError:
            return False
        return root.find(".//{*}Code") is not None
    try:
        document = json.loads(body)
    except ValueError:
        return False
    if not isinstance(document, dict):
        return False
    code = headers.get("x-amzn-errortype") or document.get("__type") or document.get("code")
    return bool(code) and any(isinstance(document.get(name), str) for name in ("message", "Message"))


def verdict(kind, data, answer):
    """None, or what is wrong with the answer."""
    if kind == "raw":
        # Bytes that are not HTTP may be met by a closed connection; an answer must not be a 5xx that says "crash".
        return f"status {answer[0]}" if answer and answer[0] in (500, 502, 503) else None
    if answer is None:
        return "closed without an answer"
    status, headers, body = answer
    if status in (500, 502, 503) or status < 200:
        return f"status {status}: {body[:300]}"
    if 200 <= status < 300:
        return None
    head_only = data.startswith(b"HEAD ")
    if b" /_apus/" in data[:40]:
        return None  # Apus's own pages are not of AWS
    if not is_aws_shaped(status, headers, body, head_only):
        return f"status {status}, not AWS-shaped: {headers} {body[:300]}"
    return None


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    """A server of its own with one function, `target`."""
    server = Server(tmp_path_factory.mktemp("fuzz")).start()
    make_target(server)
    yield server
    if server.alive:
        server.stop()


def run(server, seed, count):
    """Sends `count` requests from WORKERS connections; returns what was wrong and how often each status came."""
    signer = Signer(server)

    def work(worker):
        randomness = random.Random(f"{seed}-{worker}")
        connection, wrong, seen = Connection(server.address), [], {}
        for number in range(count // WORKERS):
            kind, data = make(randomness, signer)
            if kind == "raw":
                connection.close()
            try:
                # Of bytes that promise more to come, a server may wait for the rest.
                answer = connection.exchange(data, head_only=data.startswith(b"HEAD "), patience=0.1 if kind == "raw" else 5)
                problem = verdict(kind, data, answer)
            except TimeoutError:
                answer, problem = None, None if kind == "raw" else "no answer within 5 s"
                connection.close()
            except (OSError, ValueError, IndexError) as error:
                answer, problem = None, f"{type(error).__name__}: {error}"
                connection.close()
            if kind == "raw":
                connection.close()
            if answer is None and not server.alive:
                wrong.append(f"worker {worker} request {number} ({kind}): the server ended\n    {data[:600]!r}")
                break
            status = answer[0] if answer else "closed"
            seen[kind, status] = seen.get((kind, status), 0) + 1
            if problem:
                wrong.append(f"worker {worker} request {number} ({kind}): {problem}\n    {data[:600]!r}")
                if len(wrong) == 20:
                    break
        connection.close()
        return wrong, seen

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        results = list(pool.map(work, range(WORKERS)))
    total = {}
    for _, seen in results:
        for key, value in seen.items():
            total[key] = total.get(key, 0) + value
    return [each for wrong, _ in results for each in wrong], total


def make_target(server):
    Functions(server).create("def handler(event, context):\n    return event\n", name="target", MemorySize=512)


def clean(server):
    """Deletes what accidentally valid requests made, and makes `target` anew, which they may have changed."""
    client = server.client("lambda")
    for page in client.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            client.delete_function(FunctionName=function["FunctionName"])
    make_target(server)


def test_ten_thousand_requests(fuzzed):
    run(fuzzed, "warm-up", 400)
    clean(fuzzed)
    descriptors = settled(fuzzed)
    wrong, seen = run(fuzzed, SEED, REQUESTS)
    print({f"{kind} {status}": count for (kind, status), count in sorted(seen.items(), key=str)})
    assert fuzzed.alive, fuzzed.tail()
    assert not wrong, f"{len(wrong)} of {REQUESTS} (seed {SEED}):\n" + "\n".join(wrong[:12])
    assert sum(seen.values()) == REQUESTS // WORKERS * WORKERS
    accepted = sum(count for (_, status), count in seen.items() if isinstance(status, int) and status < 300)
    assert accepted > 0, "the generator makes right requests too, or it tests only the signature check"
    clean(fuzzed)
    answer = fuzzed.client("lambda").invoke(FunctionName="target", Payload=b'{"still": "here"}')
    assert json.load(answer["Payload"]) == {"still": "here"}
    eventually(lambda: fuzzed.descriptors() <= descriptors + 8, f"descriptors back to {descriptors}", seconds=30)


def settled(server):
    """The number of descriptors with one warm environment of `target` and nothing under way."""
    server.client("lambda").invoke(FunctionName="target", Payload=b"1")
    return eventually(lambda: stable(server), "a steady number of descriptors", seconds=20)


def stable(server):
    """The number of descriptors once two looks agree."""
    first = server.descriptors()
    try:
        eventually(lambda: server.descriptors() != first, "a change", seconds=0.5)
    except AssertionError:
        return first
    return None


def test_slow_and_silent_clients(fuzzed):
    """Connections that send half a request and wait hold nobody up."""
    before = settled(fuzzed)
    waiting = []
    for number in range(200):
        connection = socket.create_connection(fuzzed.address, timeout=5)
        connection.sendall([b"", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"][number % 4])
        waiting.append(connection)
    answer = fuzzed.client("lambda").invoke(FunctionName="target", Payload=b"1")
    assert answer["Payload"].read() == b"1"
    for connection in waiting:
        connection.close()
    eventually(lambda: fuzzed.descriptors() <= before + 8, "descriptors come back", seconds=30)
    assert fuzzed.alive


def test_clients_that_leave_in_the_middle(fuzzed):
    signer = Signer(fuzzed)
    body = b'{"n": 1}'
    path = "/2015-03-31/functions/target/invocations"
    before = settled(fuzzed)
    for number in range(100):
        data = render("POST", path, "", [("Host", signer.host), *signer.headers("POST", path, "", body, "lambda")], body)
        with socket.create_connection(fuzzed.address, timeout=5) as connection:
            connection.sendall(data[:len(data) - number % 9])
            if number % 3 == 0:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert fuzzed.client("lambda").invoke(FunctionName="target", Payload=b"2")["Payload"].read() == b"2"
    # Environments that were started for calls whose clients left may stay warm; each holds a handful of descriptors.
    eventually(lambda: fuzzed.descriptors() <= before + 200, "descriptors come back", seconds=30)
    assert fuzzed.alive
