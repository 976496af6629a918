"""Errors: what the client gets, what the log shows, what X-Ray is told.

Imported with the first error. Frames are read from the traceback directly: the `traceback` module costs 8 ms.
"""

import posix
import time

from . import environment, output
from .context import BadHeader
from .handler import HandlerFault
from .payload import ASCII_ONLY, dump

# Header blocks have a bound on the server's side; a cause beyond it is dropped, the error itself is not.
_XRAY_LIMIT = 60_000
_OWN_FILES = __file__.rpartition("/")[0] + "/"
_NO_BREAK_SPACE = "\u00a0"  # keeps the indentation of a trace in viewers that trim lines


def report(problem, stage, request_id, api, sink):
    """Logs and posts what happened in an invocation; `stage` tells whose fault it is."""
    frames = []
    if stage == "handler":
        kind, message, frames = type(problem).__name__, _text(problem), _frames(problem.__traceback__)
    elif stage == "event":
        kind, message = "Runtime.UnmarshalError", f"Unable to unmarshal input: {_text(problem)}"
    elif stage == "result":
        kind, message = "Runtime.MarshalError", f"Unable to marshal response: {_text(problem)}"
    elif isinstance(problem, BadHeader):
        kind, message = "Runtime.LambdaContextUnmarshalError", _text(problem)
    else:
        kind, message = type(problem).__name__, _text(problem)
    fault = _body(kind, message, _format(frames), request_id)
    _log(fault, sink)
    output.flush_prints()
    cause = _xray_cause(kind if stage == "handler" else "LambdaValidationError", message, frames)
    headers = _kind_header(kind)
    if len(cause) < _XRAY_LIMIT:
        headers += f"Lambda-Runtime-Function-XRay-Error-Cause: {cause}\r\n"
    api.fail(request_id, _encode(fault), headers)


def report_init(problem, api, sink):
    """Logs and posts a failure to load the handler."""
    if isinstance(problem, HandlerFault):
        fault = _body(problem.kind, problem.message, problem.trace, "")
    else:
        fault = _body(type(problem).__name__, _text(problem), _format(_frames(problem.__traceback__)), "")
    post(fault, "init/error", fault["errorType"], api, sink)


def report_hook(problem, path, kind, api, sink):
    """Logs and posts a failure of a snapshot hook; `kind` is for the platform, the body names the exception."""
    fault = _body(type(problem).__name__, _text(problem), _format(_frames(problem.__traceback__)), "")
    post(fault, path, kind, api, sink)


def post(fault, path, kind, api, sink):
    _log(fault, sink)
    output.flush_prints()
    try:
        api.post(path, _kind_header(kind), _encode(fault))
    except Exception:
        pass  # the process ends anyway, and the log has it


def _body(kind, message, trace, request_id):
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}


def _encode(fault):
    # A message with half a surrogate pair must not hide the error that it describes.
    return dump(fault, ASCII_ONLY).encode("utf-8", "backslashreplace")


def _kind_header(kind):
    return f"Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: {ascii(kind)[1:-1]}\r\n"


def _text(problem):
    try:
        return str(problem)
    except Exception as other:
        return f"<{type(other).__name__} while reading the message of {type(problem).__name__}>"


def _log(fault, sink):
    if environment.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON":
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        document = {"timestamp": stamp, "level": "ERROR", **fault}
        sink.error([dump(document, ASCII_ONLY)], output.JSON | output.LEVEL_BITS[output.ERROR])
        return
    title = fault["errorType"] + (": " + fault["errorMessage"] if fault["errorMessage"] else "")
    lines = ["[ERROR] " + title, "Traceback (most recent call last):"]
    for entry in fault["stackTrace"]:
        lines += [_indent(line) for line in entry.splitlines()] or [""]
    sink.error(lines, output.TEXT | output.LEVEL_BITS[output.ERROR])


def _indent(line):
    text = line.lstrip(" ")
    return _NO_BREAK_SPACE * (len(line) - len(text)) + text


def _frames(traceback):
    """(file, line number, function, source line) of each frame, oldest first, without the runtime's own."""
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if frames or not code.co_filename.startswith(_OWN_FILES):
            source = _source(code.co_filename, traceback.tb_lineno, traceback.tb_frame.f_globals)
            frames.append((code.co_filename, traceback.tb_lineno, code.co_name, source))
        traceback = traceback.tb_next
    return frames


def _source(path, number, names):
    if path.startswith("<"):
        return ""  # made by `eval` or `exec`
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            text = lines.read()
    except OSError:
        # Code from an archive has its source with the loader.
        try:
            text = names["__loader__"].get_source(names["__name__"]) or ""
        except Exception:
            return ""
    lines = text.split("\n")
    return lines[number - 1].strip() if number and number <= len(lines) else ""


def _format(frames):
    """Frames as `traceback.format_list` writes them, repeats of a recursion summed up."""
    entries, last, count = [], None, 0

    def sum_up():
        if count > 3:
            more = count - 3
            entries.append(f"  [Previous line repeated {more} more time{'s' if more > 1 else ''}]\n")

    for path, number, name, source in frames:
        if (path, number, name) != last:
            sum_up()
            last, count = (path, number, name), 0
        count += 1
        if count <= 3:
            entry = f'  File "{path}", line {number}, in {name}\n'
            entries.append(entry + (f"    {source}\n" if source else ""))
    sum_up()
    return entries


def _xray_cause(kind, message, frames):
    stack = [{"label": name, "path": path, "line": number} for path, number, name, _ in frames]
    cause = {
        "working_directory": posix.getcwd(),
        "exceptions": [{"message": message, "type": kind, "stack": stack}],
        "paths": list(dict.fromkeys(frame[0] for frame in frames)),
    }
    return dump(cause, True)  # a header is ASCII
