"""A client of Go's `net/rpc`: calls of the function's program."""

from _apus import gob

_HEADER = gob.Struct("Request", ("ServiceMethod", gob.STRING), ("Seq", gob.UINT))
_TIMESTAMP = gob.Struct("InvokeRequest_Timestamp", ("Seconds", gob.INT), ("Nanos", gob.INT))

PING = gob.Struct("PingRequest")
INVOKE = gob.Struct(
    "InvokeRequest", ("Payload", gob.BYTES), ("RequestId", gob.STRING), ("XAmznTraceId", gob.STRING),
    ("Deadline", _TIMESTAMP), ("InvokedFunctionArn", gob.STRING), ("CognitoIdentityId", gob.STRING),
    ("CognitoIdentityPoolId", gob.STRING), ("ClientContext", gob.BYTES))


class RemoteError(Exception):
    """The program could not take the call."""


class Client:
    def __init__(self, connection):
        self._connection = connection
        self._unread = b""
        self._encoder = gob.Encoder()
        self._decoder = gob.Decoder(self._take)
        self._calls = 0

    def call(self, method, type, argument):
        """What `Function.METHOD` returns, a dict.

        - Raises `RemoteError`, `gob.GobError` for nonsense, `OSError` when the program has gone.
        """
        self._calls += 1
        header = {"ServiceMethod": f"Function.{method}", "Seq": self._calls}
        self._connection.sendall(self._encoder.message(_HEADER, header) + self._encoder.message(type, argument))
        answer = self._decoder.value()
        body = self._decoder.value()
        if answer.get("Error"):
            raise RemoteError(answer["Error"])
        return body

    def _take(self, count):
        parts, size = [self._unread], len(self._unread)
        while size < count:
            part = self._connection.recv(65536)
            if not part:
                raise ConnectionResetError("the program has closed its connection")
            parts.append(part)
            size += len(part)
        data = b"".join(parts)
        self._unread = data[count:]
        return data[:count]
