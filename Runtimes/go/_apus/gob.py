"""Go's `encoding/gob`, as far as `net/rpc` needs it: structs of numbers, text, bytes, lists, maps and structs.

Values are dicts of field names (zero values are absent, as on the wire), lists, int, float, bool, str and bytes.

- Source: the package documentation of Go's `encoding/gob`.
"""

import struct

BOOL, INT, UINT, FLOAT, BYTES, STRING = 1, 2, 3, 4, 5, 6

# Deeper nesting is no value of ours.
_DEPTH = 64
_LARGEST_MESSAGE = 1 << 26


class GobError(Exception):
    """The bytes are no gob, or one of a kind that is not read here."""


class Struct:
    """A struct type: its name, and `(field, type)` in order. A type is one of the numbers above or a `Struct`."""

    def __init__(self, name, *fields):
        self.name, self.fields = name, fields


# Types that describe types. `Common` is embedded, so it is a field of that name.
_COMMON = ("struct", [("Name", STRING), ("Id", INT)])
_FIELD = ("struct", [("Name", STRING), ("Id", INT)])
_ENCODER = ("struct", [("Common", _COMMON)])
_WIRE = ("struct", [
    ("ArrayT", ("struct", [("Common", _COMMON), ("Elem", INT), ("Len", INT)])),
    ("SliceT", ("struct", [("Common", _COMMON), ("Elem", INT)])),
    ("StructT", ("struct", [("Common", _COMMON), ("Field", ("list", _FIELD))])),
    ("MapT", ("struct", [("Common", _COMMON), ("Key", INT), ("Elem", INT)])),
    ("GobEncoderT", _ENCODER), ("BinaryMarshalerT", _ENCODER), ("TextMarshalerT", _ENCODER),
])


class Decoder:
    """Reads the values of one stream, whose types come before the first value of each."""

    def __init__(self, read):
        """`read(count)` returns exactly so many bytes, or raises."""
        self._read = read
        self._types = {}

    def value(self):
        """The next value; a struct without fields is an empty dict."""
        while True:
            size = self._size()
            if size > _LARGEST_MESSAGE:
                raise GobError(f"a message of {size} bytes")
            message = _Message(self._read(size))
            id = message.int()
            if id >= 0:
                if not self._is_struct(id) and message.uint() != 0:
                    raise GobError("a value that is no struct begins with a zero")
                return self._decode(message, id, 0)
            self._types[-id] = self._decode(message, _WIRE, 0)

    def _size(self):
        first = self._read(1)
        return _Message(first + self._read(_count(first[0]))).uint()

    def _is_struct(self, type):
        return "StructT" in self._types.get(type, ())

    def _decode(self, message, type, depth):
        if depth > _DEPTH:
            raise GobError("nested too deeply")
        if type == BOOL:
            return message.uint() != 0
        if type == INT:
            return message.int()
        if type == UINT:
            return message.uint()
        if type == FLOAT:
            return struct.unpack("<d", message.uint().to_bytes(8, "big"))[0]
        if type == BYTES:
            return message.bytes()
        if type == STRING:
            return message.bytes().decode("utf-8", "replace")
        kind, parts = type if isinstance(type, tuple) else self._kind(type)
        if kind == "struct":
            return self._fields(message, parts, depth)
        count = message.uint()
        if kind == "array" and count != parts[1]:
            raise GobError("an array of another length")
        if count > message.left:
            raise GobError("more elements than bytes")
        if kind == "map":
            return {
                self._decode(message, parts[0], depth + 1): self._decode(message, parts[1], depth + 1)
                for _ in range(count)
            }
        element = parts[0] if kind == "array" else parts
        return [self._decode(message, element, depth + 1) for _ in range(count)]

    def _fields(self, message, fields, depth):
        value, place = {}, -1
        while step := message.uint():
            place += step
            if place >= len(fields):
                raise GobError("a field that the type has not")
            name, type = fields[place]
            value[name] = self._decode(message, type, depth + 1)
        return value

    def _kind(self, id):
        described = self._types.get(id)
        if described is None:
            raise GobError(f"type {id} was not described")
        if "StructT" in described:
            return "struct", [(each["Name"], each["Id"]) for each in described["StructT"].get("Field", [])]
        if "SliceT" in described:
            return "list", described["SliceT"].get("Elem", 0)
        if "ArrayT" in described:
            return "array", (described["ArrayT"].get("Elem", 0), described["ArrayT"].get("Len", 0))
        if "MapT" in described:
            return "map", (described["MapT"].get("Key", 0), described["MapT"].get("Elem", 0))
        raise GobError(f"type {id} has an encoding of its own")


class Encoder:
    """Writes structs to one stream."""

    def __init__(self):
        self._ids = {}

    def message(self, type, value):
        """The bytes of a value, after those of the types that the stream has not had yet."""
        described = b"".join(self._describe(type))
        return described + _framed(_int(self._ids[type]) + self._struct(type, value))

    def _describe(self, type):
        """Messages that describe a struct, those of its own fields first."""
        if type in self._ids:
            return
        for _, field in type.fields:
            if isinstance(field, Struct):
                yield from self._describe(field)
        # User types begin at 65.
        id = self._ids[type] = 65 + len(self._ids)
        common = b"\x01" + _bytes(type.name.encode()) + b"\x01" + _int(id) + b"\0"
        fields = b"".join(
            b"\x01" + _bytes(name.encode()) + b"\x01" + _int(self._ids.get(field, field)) + b"\0"
            for name, field in type.fields)
        listed = b"\x01" + _uint(len(type.fields)) + fields if type.fields else b""
        # The third field of the wire type: StructT.
        yield _framed(_int(-id) + b"\x03" + b"\x01" + common + listed + b"\0" + b"\0")

    def _struct(self, type, value):
        encoded, last = [], -1
        for place, (name, field) in enumerate(type.fields):
            item = value.get(name)
            if not item:
                continue
            encoded.append(_uint(place - last) + self._item(field, item))
            last = place
        return b"".join(encoded) + b"\0"

    def _item(self, type, item):
        if isinstance(type, Struct):
            return self._struct(type, item)
        if type in (BYTES, STRING):
            return _bytes(item.encode() if type == STRING else item)
        return _uint(int(item)) if type in (BOOL, UINT) else _int(item)


class _Message:
    def __init__(self, data):
        self._data, self._at = data, 0

    @property
    def left(self):
        return len(self._data) - self._at

    def take(self, count):
        if count > self.left:
            raise GobError("cut off")
        self._at += count
        return self._data[self._at - count:self._at]

    def uint(self):
        first = self.take(1)[0]
        return int.from_bytes(self.take(_count(first)), "big") if first >= 128 else first

    def int(self):
        value = self.uint()
        return ~(value >> 1) if value & 1 else value >> 1

    def bytes(self):
        return self.take(self.uint())


def _count(first):
    """How many bytes follow the first one of a number."""
    if first < 128:
        return 0
    if first < 248:
        raise GobError("a number of more than eight bytes")
    return 256 - first


def _uint(value):
    if value < 128:
        return bytes([value])
    digits = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([256 - len(digits)]) + digits


def _int(value):
    return _uint(~value << 1 | 1 if value < 0 else value << 1)


def _bytes(data):
    return _uint(len(data)) + data


def _framed(message):
    return _uint(len(message)) + message
