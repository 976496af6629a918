"""A Runtime API server for tests, strict about HTTP and patient about order.

It accepts what the real one accepts, including a request that arrives behind another in the same packet, and keeps
everything a runtime posted. Waiting is by queues with a deadline; nothing sleeps.
"""

import collections
import json
import queue
import socket
import threading

DEADLINE = 20  # seconds; a test that needs it has failed

Post = collections.namedtuple("Post", "path headers body trailers")


class FakeRuntimeAPI:
    """One environment's Runtime API. Use as a context manager."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._events = queue.Queue()
        self._posts = queue.Queue()
        self._asked = queue.Queue()
        self._restores = queue.Queue()
        self.refuse = None  # (status, close before reading the body) for the next post
        self.connections = 0
        self.requests = []
        self.packets = []
        self._count = 0
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()
        for connection in self._open:
            connection.close()

    # What tests call

    def invoke(self, event, **headers):
        """Delivers an event and returns what the runtime posted for it."""
        return self.result(self.send(event, **headers))

    def send(self, event, **headers):
        """Delivers an event without waiting; returns the request id. `headers` replace or, as None, remove."""
        self._count += 1
        request_id = f"00000000-0000-4000-8000-{self._count:012d}"
        fields = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": "4102444800000",
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:hello",
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
            "Content-Type": "application/json",
        }
        fields.update({name.replace("_", "-"): value for name, value in headers.items()})
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        self._events.put(({name: value for name, value in fields.items() if value is not None}, body))
        return request_id

    def result(self, request_id=None):
        post = self._posts.get(timeout=DEADLINE)
        if request_id is not None:
            assert request_id in post.path, f"{post.path} does not answer {request_id}"
        return post

    def wait_for_next(self):
        """Until the runtime has asked for an invocation once more."""
        self._asked.get(timeout=DEADLINE)

    def wait_for_restore(self):
        """Until the runtime has asked to be restored."""
        self._restores.get(timeout=DEADLINE)

    # The server

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        reader = _Reader(connection, self.packets)
        try:
            while True:
                method, path, headers = reader.head()
                self.requests.append(f"{method} {path}")
                self._handle(connection, reader, method, path, headers)
        except (EOFError, OSError):
            connection.close()

    def _handle(self, connection, reader, method, path, headers):
        if method == "GET":
            reader.body(headers)
            if path.endswith("/restore/next"):
                self._restores.put(None)
                return connection.sendall(_response(200, {}, b""))
            self._asked.put(None)
            fields, body = self._events.get()
            return connection.sendall(_response(200, fields, body))
        refuse, self.refuse = self.refuse, None
        if refuse and refuse[1]:
            connection.sendall(_response(refuse[0], {"Connection": "close"}, b"{}"))
            raise EOFError
        body, trailers = reader.body(headers)
        self._posts.put(Post(path, headers, body, trailers))
        connection.sendall(_response(refuse[0] if refuse else 202, {}, b'{"status":"OK"}\n'))


def _response(status, headers, body):
    lines = [f"HTTP/1.1 {status} Whatever"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class _Reader:
    """Requests from a connection, with length or chunks."""

    def __init__(self, connection, packets):
        self._connection = connection
        self._packets = packets
        self._data = b""

    def _more(self):
        data = self._connection.recv(1 << 20)
        if not data:
            raise EOFError
        self._packets.append(data)
        self._data += data

    def _take(self, count):
        while len(self._data) < count:
            self._more()
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def _until(self, mark):
        while mark not in self._data:
            self._more()
        taken, _, self._data = self._data.partition(mark)
        return taken

    def _fields(self, text):
        pairs = (line.partition(":") for line in text.split("\r\n") if line)
        return {name.lower(): value.strip() for name, _, value in pairs}

    def head(self):
        # Not ASCII: AWS's client for Python 3.12 and later sends UTF-8 in the cause for X-Ray.
        first, _, rest = self._until(b"\r\n\r\n").decode().partition("\r\n")
        method, path, version = first.split(" ")
        assert version == "HTTP/1.1", first
        headers = self._fields(rest)
        assert "host" in headers, "HTTP/1.1 requires Host"
        return method, path, headers

    def body(self, headers):
        if headers.get("transfer-encoding") != "chunked":
            return self._take(int(headers.get("content-length", 0))), {}
        body = b""
        while size := int(self._until(b"\r\n"), 16):
            body += self._take(size)
            assert self._take(2) == b"\r\n"
        lines = b""
        while line := self._until(b"\r\n"):
            lines += line + b"\r\n"
        return body, self._fields(lines.decode())
