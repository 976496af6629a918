"""Where log records, prints and errors go: frames on the telemetry descriptor, or lines on standard output.

A frame is, big-endian: type (4 bytes), payload length (4), microseconds since the epoch (8), payload. The low bits of
the type tell text (1) from JSON (0) and carry the level, so that the platform can filter without parsing.
"""

import _thread
import posix
import sys
import time

TEXT = 0xA55A0003
JSON = 0xA55A0002

# Level bits are ORed into the type; the keys are Python's level numbers.
LEVEL_BITS = {0: 0, 10: 8, 20: 12, 30: 16, 40: 20, 50: 24}
ERROR = 40


class FrameSink:
    """Writes each record as one frame."""

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._lock = _thread.allocate_lock()
        # A child process writes plain lines to its standard output; it has no business with the frames.
        posix.set_inheritable(descriptor, False)

    def record(self, text, kind=TEXT):
        payload = text.encode("utf-8", "backslashreplace")
        head = (kind << 96) | (len(payload) << 64) | (time.time_ns() // 1000)
        frame = head.to_bytes(16, "big") + payload
        with self._lock:
            try:
                while frame:
                    frame = frame[posix.write(self._descriptor, frame):]
            except OSError:
                pass  # nobody reads the log any more: no reason to fail the handler

    def error(self, lines, kind):
        self.record("\n".join(lines), kind)


class LineSink:
    """Writes to standard output; a record of several lines stays one line by carriage returns."""

    def record(self, text, kind=TEXT):
        sys.stdout.write(text)

    def error(self, lines, kind):
        sys.stdout.write("\r".join(lines) + "\n")


class PrintStream:
    """`sys.stdout` or `sys.stderr` whose prints become records, one for each `print` call.

    `print` writes text and line end separately: a record is complete when a write ends with a newline. What has no
    newline yet is sent by `flush`, which also happens at the end of every invocation and of the process.
    """

    def __init__(self, original, sink):
        self._original = original
        self._sink = sink
        self._pending = ""

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not " + type(text).__name__)
        pending = self._pending + text
        if text.endswith("\n"):
            self._pending = ""
            self._sink.record(pending)
        else:
            self._pending = pending
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        pending, self._pending = self._pending, ""
        if pending:
            self._sink.record(pending)
        self._original.flush()

    def __getattr__(self, name):
        return getattr(self._original, name)


def open_sink(descriptor):
    """The sink for a descriptor number as text; without one, lines on standard output."""
    if not descriptor:
        return LineSink()
    sink = FrameSink(int(descriptor))
    sys.stdout = PrintStream(sys.stdout, sink)
    sys.stderr = PrintStream(sys.stderr, sink)
    return sink


def flush_prints():
    """Sends prints that lack a line end, so that they appear with the invocation that made them."""
    for stream in (sys.stdout, sys.stderr):
        if type(stream) is PrintStream and stream._pending:
            stream.flush()
