"""JSON to objects and back, by the rules of AWS's runtime."""

import json
import math
import random

import pytest

# The type is that of a field of `Probe`; "!" begins what a refusal says.
CASES = [
    ("any", '{"a":[1,2.50,1e3,true,null,"x"],"b":{}}', '{"a":[1,2.5,1000.0,true,null,"x"],"b":{}}'),
    ("any", "9223372036854775808", "9223372036854775808"),
    ("any", '"\\u00e9\\ud83d\\ude00\\n\\u0001\\/"', '"é😀\\n\\u0001/"'),
    ("any", ' [ ] ', "[]"),
    ("integer", "3", "3"), ("integer", '" 3 "', "3"), ("integer", "3.9", "3"), ("integer", "null", "0"), ("integer", '""', "0"),
    ("integer", "[4]", "4"), ("integer", "2147483648", "! Numeric value (2147483648) out of range of int"),
    ("integer", "true", "! Cannot deserialize instance of `int` out of a boolean"),
    ("integer", '"x"', '! Cannot deserialize value of type `int` from String "x": not a valid `int` value'),
    ("integer", "[1,2]", "! Cannot deserialize instance of `int` out of an array of 2"),
    ("integer", "{}", "! Cannot deserialize instance of `int` out of an object"),
    ("integer", "1e400", "! Numeric value (1e400) out of range of int"),
    ("integer", "1e999999999", "! Numeric value (1e999999999) out of range of int"),
    ("boxed", "null", "null"), ("boxed", '""', "null"), ("big", "1e18", "1000000000000000000"), ("small", "-32768", "-32768"),
    ("tiny", "300", "! Numeric value (300) out of range of byte"), ("real", "1", "1.0"), ("real", '"NaN"', '"NaN"'),
    ("narrow", "0.1", "0.1"), ("flag", '"true"', "true"), ("flag", "0", "false"), ("flag", "null", "false"),
    ("flag", '"yes"', '! Cannot deserialize value of type `boolean` from String "yes": only "true" or "false" recognized'),
    ("letter", '"x"', '"x"'), ("letter", '"xy"', "! Cannot deserialize instance of `char` out of xy"),
    ("text", "1.50", '"1.50"'), ("text", "true", '"true"'), ("text", "[\"a\"]", '"a"'),
    ("text", "{}", "! Cannot deserialize instance of `java.lang.String` out of an object"),
    ("color", '"GREEN"', '"GREEN"'), ("color", '"BLUE"', "null"), ("color", "1", '"GREEN"'), ("color", "9", "null"),
    ("decimal", "0.10000000000000000000001", "0.10000000000000000000001"), ("huge", "1e30", "1" + 30 * "0"),
    ("huge", "1e9999999", "! Numeric value (1E+9999999) has too many digits"), ("number", "1.5", "1.5"), ("number", '"7"', "7"),
    ("bytes", '"AQID"', '"AQID"'), ("bytes", "[1,2,3]", '"AQID"'), ("buffer", '"AQID"', '"AQID"'),
    ("ints", "[1,2]", "[1,2]"), ("ints", "5", "[5]"), ("matrix", "[[1],[2,3]]", "[[1],[2,3]]"),
    ("list", '[1,"2",null]', "[1,2,null]"), ("list", "7", "[7]"), ("list", '""', "null"), ("wild", '[1,"a"]', '[1,"a"]'),
    ("texts", "[1,true]", '["1","true"]'), ("set", '["b","a","b"]', '["b","a"]'), ("deque", '["a"]', '["a"]'),
    ("byColor", '{"RED":[1],"GREEN":2}', '{"RED":[1],"GREEN":[2]}'), ("enumMap", '{"GREEN":1}', '{"GREEN":1}'),
    ("sorted", '{"10":"x","9":"y"}', '{"9":"y","10":"x"}'),
    ("optional", "null", "null"), ("optional", '{"name":"n"}', '{"name":"n","active":false,"count":0,"URL":"final","URLAgain":"again"}'),
    ("optionalInt", "4", "4"), ("nothing", "null", "null"),
    ("bean", '{"name":null,"active":true,"secret":"no","unknown":[1],"child":{"name":"c","count":"2"}}',
     '{"active":true,"child":{"name":"c","active":false,"count":2,"URL":"final","URLAgain":"again"},"count":0,"URL":"final","URLAgain":"again"}'),
    ("bean", '""', "null"), ("bean", "[]", "null"),
    ("bean", '"x"', "! Cannot deserialize instance of `Probe$Bean` out of a text"),
    ("bean", '{"child":{"count":"x"}}',
     '! Cannot deserialize value of type `int` from String "x": not a valid `int` value (through Probe$Bean["count"]) (through Probe$Bean["child"])'),
    ("sub", '{"name":"n","colors":["RED"]}',
     '{"name":"sub n","active":false,"count":0,"URL":"final","URLAgain":"again","colors":["RED"]}'),
    ("shape", '{"kind":"k","parts":[]}', '{"kind":"k","area":0.0,"parts":[]}'),
    ("box", '{"content":{"kind":"k","area":1},"more":[{"a":{"kind":"l"}}]}',
     '{"content":{"kind":"k","area":1.0},"more":[{"a":{"kind":"l","area":0.0}}]}'),
    ("arrays", '[[{"kind":"k"}]]', '[[{"kind":"k","area":0.0}]]'),
    ("noDefault", "{}", "! Cannot construct instance of `Probe$NoDefault`: it has no default constructor"),
    ("abstracted", "{}", "! Cannot construct instance of `Probe$Abstract`: abstract types have none"),
    ("date", "1700000000123", "1700000000123"), ("date", '"2023-11-14T22:13:20.123Z"', "1700000000123"),
    ("date", '"2023-11-14T23:13:20.123+0100"', "1700000000123"), ("date", '"2023-11-14"', "1699920000000"),
    ("date", '"soon"', "! Cannot deserialize value of type `java.util.Date` from soon: Text 'soon' could not be parsed at index 0"),
    ("instant", "1700000000.5", "1700000000.500000000"), ("instant", '"2023-11-14T22:13:20Z"', "1700000000.000000000"),
    ("day", '"2024-02-29"', "[2024,2,29]"), ("day", "[2024,2,29]", "[2024,2,29]"),
    ("moment", '"2024-02-29T12:30"', "[2024,2,29,12,30]"), ("offset", "0", "0.0"), ("duration", '"PT1.5S"', "1.500000000"),
    ("uuid", '"00000000-0000-0000-0000-000000000001"', '"00000000-0000-0000-0000-000000000001"'),
    ("uuid", '"1"', "! Cannot deserialize value of type `java.util.UUID` from 1: Invalid UUID string: 1"),
    ("uri", '"http://a/?b"', '"http://a/?b"'),
    ("event", '{"Records":[{"eventSourceARN":"arn"}],"detail-time":1.5}',
     '{"records":[{"eventSourceArn":"arn"}],"detailTime":1500}'),
]
MALFORMED = [
    "", " ", "{", "[", "[1", "[1,", "[1,]", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', "{a:1}", "{1:1}", "nul", "tru", "+1", "01", "-", ".5",
    "1.", "1e", "1e+", '"', '"\\', '"\\x"', '"\\u12"', '"\\u12g4"', "1 2", "[1 2]", "{} x", "\uffff", "[\uffff]", "NaN",
    "[" * 1001 + "]" * 1001, "1" * 1001,
]


@pytest.fixture(scope="module")
def bind(functions):
    import runtime_process

    with runtime_process.RuntimeProcess("java17", functions, "Probe::bind") as process:
        def bind(kind, text):
            post = process.invoke({"as": kind, "json": text})
            assert post.path.endswith("/response"), post.body
            return json.loads(post.body)

        yield bind


@pytest.mark.parametrize("kind, text, expected", CASES, ids=lambda value: value[:30])
def test_values_by_their_type(bind, kind, text, expected):
    assert bind(kind, text) == expected


@pytest.mark.parametrize("text", MALFORMED, ids=lambda text: repr(text[:10]))
def test_what_is_no_json_is_refused(bind, text):
    assert bind("any", text).startswith("! ")
    assert bind("bean", text).startswith("! ")


def test_as_deep_as_may_be(bind):
    text = "[" * 1000 + "]" * 1000
    assert bind("any", text) == text


def test_any_value_comes_back(bind):
    """Random values go through unchanged; random damage is refused or read as Python reads it."""
    chance = random.Random(17)
    for _ in range(300):
        value = random_value(chance, 4)
        text = json.dumps(value, ensure_ascii=chance.random() < 0.5)
        assert json.loads(bind("any", text)) == value
        damaged = damage(chance, text)
        found = bind("any", damaged)
        if not found.startswith("! "):
            assert json.loads(found) == json.loads(damaged, strict=False, parse_float=real), damaged
        for kind in ("bean", "shape", "byColor", "list"):
            assert isinstance(bind(kind, text), str)


def real(text):
    """Beyond the range of doubles, Java has a name instead of a number."""
    value = float(text)
    return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, value)


def random_value(chance, depth):
    kind = chance.randrange(7 if depth else 5)
    if kind == 0:
        return chance.choice([None, True, False])
    if kind == 1:
        return chance.randrange(-10 ** chance.randrange(1, 25), 10 ** chance.randrange(1, 25))
    if kind == 2:
        return chance.uniform(-1e6, 1e6) * 10.0 ** chance.randrange(-20, 20)
    if kind in (3, 4):
        return "".join(chance.choice('ab"\\/\n\t\x7fé€😀{}[]:,') for _ in range(chance.randrange(8)))
    if kind == 5:
        return [random_value(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {f"{chance.choice('aböß')}{index}": random_value(chance, depth - 1) for index in range(chance.randrange(4))}


def damage(chance, text):
    place = chance.randrange(len(text) + 1)
    return text[:place] + chance.choice(["", ",", '"', "}", "]", "\\", "1", "e", "."]) + text[place + chance.randrange(2):]
