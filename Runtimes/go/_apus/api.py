"""The Runtime API over one connection."""

import socket


class RuntimeAPI:
    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self._address = address
        self._connection = socket.create_connection((host, int(port)))
        self._stream = self._connection.makefile("rb")

    def next(self):
        """Waits for an event. Returns headers with lower-case names, and the body."""
        return self._exchange("GET", "invocation/next", b"")

    def post(self, path, body):
        self._exchange("POST", path, body)

    def _exchange(self, method, path, body):
        head = f"{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {self._address}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._connection.sendall(head.encode() + body)
        if not self._stream.readline():
            raise ConnectionResetError("the Runtime API has gone")
        headers = {}
        while line := self._stream.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return headers, self._stream.read(int(headers.get("content-length", 0)))
