"""JSON of values that need another encoder than the standard library's; imported when the first one is met."""

import _json
import decimal


class _Raw(str):
    """Text that is JSON already."""


def dump(value, encode_text, default):
    def encode(text):
        return str(text) if type(text) is _Raw else encode_text(text)

    encoder = _json.make_encoder({}, default, encode, None, ": ", ", ", False, False, True)
    return "".join(encoder(_plain(value), 0))


def _plain(value):
    """A copy made of dictionaries, lists and scalars."""
    if isinstance(value, dict):
        return {_plain_key(key): _plain(item) for key, item in value.items()}
    fields = getattr(value, "_asdict", None)
    if callable(fields):
        return _plain(fields())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return str(value, "utf-8")
    if isinstance(value, decimal.Decimal):
        # Digits as they stand: 1.10 stays 1.10. JSON readers know NaN without a sign only.
        return float("nan") if value.is_nan() else _Raw(value)
    return value


def _plain_key(key):
    return str(key, "utf-8") if isinstance(key, bytes) else key
