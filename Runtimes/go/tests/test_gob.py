"""The gob codec, against bytes that Go itself has written, and against nonsense."""

import io
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

try:
    from _apus import gob
finally:
    # Another runtime's package has the same name.
    sys.path.pop(0)
    for name in [name for name in sys.modules if name.split(".")[0] == "_apus"]:
        del sys.modules[name]

POINT = gob.Struct("Point", ("X", gob.INT), ("Y", gob.INT), ("Name", gob.STRING), ("Raw", gob.BYTES), ("On", gob.BOOL))
PAIR = gob.Struct("Pair", ("First", POINT), ("Second", POINT))


def decoder(data):
    stream = io.BytesIO(data)

    def read(count):
        part = stream.read(count)
        if len(part) != count:
            raise gob.GobError("cut off")
        return part

    return gob.Decoder(read)


@pytest.mark.parametrize("value", [
    {}, {"X": 1}, {"X": -1, "Y": 1 << 40}, {"Name": "größe", "Raw": b"\x00\xff" * 200, "On": True},
    {"X": -(1 << 63), "Y": (1 << 63) - 1},
])
def test_what_is_written_is_read(value):
    encoder = gob.Encoder()
    stream = decoder(encoder.message(POINT, value) + encoder.message(PAIR, {"Second": value}))
    assert stream.value() == value
    assert stream.value() == ({"Second": value} if value else {})


def test_a_type_is_described_once():
    encoder = gob.Encoder()
    first, second = encoder.message(POINT, {"X": 7}), encoder.message(POINT, {"X": 7})
    assert len(second) < 8 < len(first)


def test_bytes_from_go():
    """`gob.NewEncoder(w).Encode(struct{ Xs []int; M map[string]bool }{[]int{22, -3}, map[string]bool{"a": true}})`"""
    data = bytes.fromhex(
        "1bff81030102ff820001020102587301ff840001014d01ff8600000013ff83020101055b5d696e7401ff8400010400001fff"
        "850401010f6d61705b737472696e675d626f6f6c01ff8600010c010200000cff8201022c05010101610100")
    assert decoder(data).value() == {"Xs": [22, -3], "M": {"a": True}}


def test_nonsense_is_refused():
    encoder = gob.Encoder()
    good = encoder.message(PAIR, {"First": {"X": 5, "Name": "name"}, "Second": {"Raw": b"raw"}})
    generator = random.Random(7)
    for _ in range(20_000):
        bad = bytearray(good)
        for _ in range(generator.randint(1, 4)):
            bad[generator.randrange(len(bad))] = generator.randrange(256)
        try:
            decoder(bytes(bad[:generator.randint(0, len(bad))])).value()
        except gob.GobError:
            pass
