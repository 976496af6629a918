"""The root logger as functions find it: one handler, the request id in each record. Imported after `logging`."""

import time

from . import environment, output
from .context import current
from .payload import dump

_SECONDS = "%Y-%m-%dT%H:%M:%S"


def configure(logging, sink):
    """Gives the root logger its handler; `logging` is the module just loaded."""
    if not hasattr(logging, "Handler"):
        return  # a module of the user's with the same name
    as_json = environment.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
    level = environment.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = "DEBUG" if level == "TRACE" else level

    class LambdaFilter(logging.Filter):
        def filter(self, record):
            record.aws_request_id = current.request_id
            record.tenant_id = current.tenant_id
            return True

    class LambdaHandler(logging.Handler):
        def emit(self, record):
            text = self.format(record)
            if as_json:
                kind = output.JSON | _bits(record)
            else:
                # Without a configured level the platform has nothing to filter by.
                kind = output.TEXT | (_bits(record) if level else 0)
            sink.record(text, kind)

    class JsonFormatter(logging.Formatter):
        def format(self, record):
            return _document(logging, self, record)

    logging.Formatter.converter = time.gmtime
    handler = LambdaHandler()
    if as_json:
        handler.setFormatter(JsonFormatter(datefmt=_SECONDS + "Z"))
    else:
        form = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        handler.setFormatter(logging.Formatter(form, _SECONDS))
    handler.addFilter(LambdaFilter())
    root = logging.getLogger()
    if level in logging._nameToLevel:
        root.setLevel(level)
    root.addHandler(handler)


def _number(record):
    """The level rounded down to one of the standard ones."""
    return min(50, max(0, record.levelno)) // 10 * 10


def _bits(record):
    return output.LEVEL_BITS[_number(record)]


# Attributes every record has; what else is on a record came by `extra=` and belongs into the document.
_STANDARD = frozenset((
    "name", "msg", "args", "levelname", "levelno", "pathname", "filename", "module", "exc_info", "exc_text",
    "stack_info", "lineno", "funcName", "created", "msecs", "relativeCreated", "thread", "threadName", "processName",
    "process", "aws_request_id", "tenant_id",
))


def _document(logging, formatter, record):
    document = {
        "timestamp": formatter.formatTime(record, formatter.datefmt),
        "level": logging.getLevelName(_number(record)),
        "message": record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
        "logger": record.name,
    }
    if record.exc_info:
        import traceback  # `logging` has imported it already

        kind, problem, trace = record.exc_info
        document["stackTrace"] = traceback.format_tb(trace)
        document["errorType"] = getattr(kind, "__name__", None)
        document["errorMessage"] = str(problem)
    document["requestId"] = record.aws_request_id
    if record.exc_info:
        document["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
    document["tenantId"] = record.tenant_id
    for name, value in record.__dict__.items():
        if name not in _STANDARD:
            document.setdefault(name, value)
    return dump({name: value for name, value in document.items() if value is not None}, False, str) + "\n"
