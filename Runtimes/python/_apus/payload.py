"""Events and results as JSON, without importing `json`, which costs 7 ms (it brings `re` and `enum`).

The C scanner and encoder below are the ones `json` uses. Malformed input goes to `json` itself, for its messages.
Results follow AWS's encoder, not the standard library's: named tuples become objects, bytes become text, decimals
keep their digits; `exotic` does what the C encoder cannot.
"""

import _json
import sys

join = "".join

# Runtimes up to 3.11 escape everything beyond ASCII in results; later ones send UTF-8.
ASCII_ONLY = sys.version_info < (3, 12)


class _Scanner:
    """The settings `json.loads` uses by default, in the shape the C scanner reads."""

    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.__getitem__


_scan = _json.make_scanner(_Scanner)


class Exotic(Exception):
    """The value holds something that the C encoder cannot write as AWS does."""


def load(body):
    try:
        text = str(body, "utf-8").strip(" \t\r\n")
        value, end = _scan(text, 0)
        if end == len(text):
            return value
    except (ValueError, StopIteration):
        pass
    import json

    return json.loads(body)


def dump(value, ascii_only, default=None):
    """The JSON text of a value; raises what `json.dumps` raises.

    `default` is asked for objects that JSON lacks, after those that AWS's encoder knows.
    """
    encode_text = _json.encode_basestring_ascii if ascii_only else _json.encode_basestring
    if type(value) is str:
        return encode_text(value)
    last = default or _refuse

    def convert(item):
        if isinstance(item, bytes):
            return str(item, "utf-8")
        decimal = sys.modules.get("decimal")
        if decimal and isinstance(item, decimal.Decimal):
            raise Exotic
        fields = getattr(item, "_asdict", None)
        return fields() if callable(fields) else last(item)

    try:
        if not _has_named_tuple(value):
            return join(_json.make_encoder({}, convert, encode_text, None, ": ", ", ", False, False, True)(value, 0))
    except Exotic:
        pass
    except TypeError:
        if not _has_bytes_key(value):
            raise
    from .exotic import dump as dump_exotic

    return dump_exotic(value, encode_text, last)


def _refuse(item):
    raise TypeError(f"Object of type {type(item).__name__} is not JSON serializable")


def _has_named_tuple(value):
    # A class with fields can come from `collections` only, which a small function that was launched directly never imports.
    return "collections" in sys.modules and _search(value, _holds_named_tuple)


def _has_bytes_key(value):
    return _search(value, _holds_bytes_key)


def _search(value, holds):
    try:
        return holds(value)
    except RecursionError:
        return False  # circular: the encoder says so


_PLAIN = frozenset((str, int, float, bool, type(None)))


def _holds_named_tuple(value):
    if isinstance(value, dict):
        items = value.values()
    elif isinstance(value, (list, tuple)):
        if type(value) is not list and type(value) is not tuple and hasattr(value, "_asdict"):
            return True
        items = value
    else:
        return False
    for item in items:
        if type(item) not in _PLAIN and _holds_named_tuple(item):
            return True
    return False


def _holds_bytes_key(value):
    if isinstance(value, dict):
        return any(isinstance(key, bytes) or _holds_bytes_key(item) for key, item in value.items())
    return isinstance(value, (list, tuple)) and any(map(_holds_bytes_key, value))
