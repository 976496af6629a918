"""The Runtime API over one raw keep-alive connection."""

import _socket

PREFIX = "/2018-06-01/runtime/"
_CHUNK = 65536


class Closed(Exception):
    """The server ended the connection."""


class RuntimeAPI:
    """Speaks HTTP/1.1 as far as the Runtime API needs it.

    `respond` and `fail` send the answer and the request for the next invocation in one piece: the server answers
    them in order, and the process is woken once per invocation instead of twice. The reply to the answer is read
    and ignored: whatever it says (413, a lost state), the next invocation is the only way on.
    """

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self._host, self._port = host.strip("[]") or "127.0.0.1", int(port)
        self._tail = f" HTTP/1.1\r\nHost: {address}\r\n"
        self._next = f"GET {PREFIX}invocation/next{self._tail}\r\n".encode()
        self._socket = None
        self._unread = b""
        self._asked = False

    def next(self):
        """Waits for an invocation.

        - Returns: headers with lower-case names, and the body as bytes.
        - Raises `Closed` or `OSError` when the server has gone, `RuntimeError` when it refuses.
        """
        answered, self._asked = self._asked, False
        try:
            if answered:
                self._reply()
            else:
                self._send(self._next)
            status, headers, body = self._reply()
        except (Closed, OSError):
            if not answered:
                raise
            # A server may refuse an answer (too large) by closing the connection half-way.
            self._connect()
            self._send(self._next)
            status, headers, body = self._reply()
        if status != "200":
            raise RuntimeError(f"next invocation refused: {status} {body.decode('utf-8', 'replace')}")
        return headers, body

    def respond(self, request_id, body, content_type):
        self._answer(f"invocation/{request_id}/response", f"Content-Type: {content_type}\r\n", body)

    def fail(self, request_id, body, headers):
        self._answer(f"invocation/{request_id}/error", headers, body)

    def ask_restore(self):
        """Says that the function is ready for its snapshot; the reply comes when an environment is restored."""
        self._send(self._head("GET", "restore/next", "", 0))

    def await_restore(self):
        self._reply()

    def post(self, path, headers, body):
        """An error outside the invocation cycle, and its reply."""
        self._send(self._head("POST", path, headers, len(body)) + body)
        self._reply()

    def _answer(self, path, headers, body):
        self._asked = True
        head = self._head("POST", path, headers, len(body))
        try:
            if len(body) < _CHUNK:
                self._send(head + body + self._next)
            else:
                self._send(head)
                self._send(body)
                self._send(self._next)
        except OSError:
            pass  # `next` finds the connection closed and begins again

    def _head(self, method, path, headers, length):
        return f"{method} {PREFIX}{path}{self._tail}{headers}Content-Length: {length}\r\n\r\n".encode()

    def _connect(self):
        self._unread = b""
        family = _socket.AF_INET6 if ":" in self._host else _socket.AF_INET
        self._socket = _socket.socket(family, _socket.SOCK_STREAM)
        self._socket.settimeout(None)  # the function may have set a default for all sockets
        self._socket.connect((self._host, self._port))
        self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)

    def _send(self, data):
        if self._socket is None:
            self._connect()
        self._socket.sendall(data)

    def _more(self, size=_CHUNK):
        data = self._socket.recv(size)
        if not data:
            raise Closed
        return data

    def _reply(self):
        data = self._unread
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        first, *lines = data[:end].decode("utf-8", "replace").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        data = data[end + 4:]
        if "content-length" in headers:
            body, self._unread = self._exactly(data, int(headers["content-length"]))
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunked(data)
        else:
            body, self._unread = b"", data
        return first[9:12], headers, body

    def _exactly(self, data, length):
        """The first `length` bytes, and what was read beyond them."""
        missing = length - len(data)
        if missing <= 0:
            return data[:length], data[length:]
        body = bytearray(length)
        body[:-missing] = data
        view = memoryview(body)[-missing:]
        while view:
            count = self._socket.recv_into(view)
            if not count:
                raise Closed
            view = view[count:]
        return body, b""

    def _chunked(self, data):
        body = b""
        while True:
            while (end := data.find(b"\r\n")) < 0:
                data += self._more()
            size = int(data[:end].partition(b";")[0], 16)
            chunk, data = self._exactly(data[end + 2:], size + 2)
            if size == 0:
                self._unread = data
                return body
            body += chunk[:-2]
