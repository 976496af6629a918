"""Environments that come from one process share its memory as it was: nothing of another function, nothing that must be unique."""

import collections
import secrets
import textwrap

import pytest

from support.actors import PATHS
from support.host import kinds
from support.metrics import starts
from support.waiting import eventually

# The pattern comes in two halves, so that what looks for it is not what is found.
SEARCH = """
    def find(head, tail):
        '''The line of /proc/self/maps in whose memory `head` and `tail` stand side by side, or None.'''
        head, tail = head.encode(), tail.encode()
        with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
            for line in maps.read().splitlines():
                place, modes = line.split()[:2]
                if modes[0] != "r" or "[v" in line:
                    continue
                begin, end = (int(each, 16) for each in place.split("-"))
                memory.seek(begin)
                try:
                    data = memory.read(end - begin)
                except OSError:
                    continue
                at = data.find(head)
                while at >= 0:
                    if data[at + len(head):at + len(head) + len(tail)] == tail:
                        return line
                    at = data.find(head, at + 1)
        return None
"""


def halves():
    return secrets.token_hex(12), secrets.token_hex(12)


@pytest.fixture(scope="module")
def predecessor(actors, server):
    """The halves of the secrets of a function that came from the same zygote before: variable, event, and a module's value."""
    variable, event, code = halves(), halves(), halves()
    actor = actors(Environment={"Variables": {"MINE": "".join(variable)}})
    assert actor.run("kept = globals()['kept'] = event['secret']; result = kept", secret="".join(event)) == "".join(event)
    other = actors(Environment={"Variables": {"MINE": "".join(code)}}, **PATHS["template"])
    other.run("result = 1")
    eventually(lambda: kinds(server)["template"], "its template waits")
    return {"variable": variable, "event": event, "template": code}


def test_memory_holds_nothing_of_another_function(placed, predecessor):
    control = halves()
    found, own = placed.run(textwrap.dedent(SEARCH) + textwrap.dedent("""
        mine = event["control"][0] + event["control"][1]
        result = {name: find(*pair) for name, pair in event["pairs"].items()}, find(*event["control"])
    """), pairs=predecessor, control=control)
    assert own is not None, "the search finds what is there"
    assert found == {"variable": None, "event": None, "template": None}


# What must differ, drawn in one environment. `early` was drawn in the init, before a fork of a template.
DRAW = """
import os, random, secrets, ssl, tempfile, uuid

early = [random.random(), random.getrandbits(64), uuid.uuid1().hex, uuid.uuid4().hex, secrets.token_hex(8), tempfile.mktemp()]

def draw():
    system = random.SystemRandom()
    with tempfile.NamedTemporaryFile() as file:
        return {
            "random": random.random(), "randbits": random.getrandbits(64), "shuffle": str(random.sample(range(1000), 8)),
            "uuid1": uuid.uuid1().hex, "uuid4": uuid.uuid4().hex, "secrets": secrets.token_hex(16), "urandom": os.urandom(16).hex(),
            "ssl": ssl.RAND_bytes(16).hex(), "SystemRandom": system.random(), "temporary": file.name,
            "node": uuid.getnode(), "key": secrets.randbelow(1 << 62),
        }
"""

DRAWING = DRAW + """
import time

def handler(event, context):
    drawn = {**draw(), "stream": context.log_stream_name, "key id": os.environ["AWS_ACCESS_KEY_ID"]}
    time.sleep(event["seconds"])
    return [drawn, early]
"""


def assert_unique(drawn, count):
    assert len(drawn) == count
    for name in drawn[0]:
        if name == "node":
            continue  # of the machine, where libuuid or an interface tells it; uuid1 must differ all the same
        values = [each[name] for each in drawn]
        assert len(set(values)) == count, f"{name} came twice: {values}"


def test_functions_of_one_zygote_draw_differently(functions, server):
    made = [functions.create(DRAWING, MemorySize=512, Timeout=20) for _ in range(2)]
    drawn = [reply.ok()[0] for function in made for reply in function.spread(4, {"seconds": 0.7})]
    assert sum(starts(server, function, "zygote") + starts(server, function, "cell") for function in made) >= 6
    assert_unique(drawn, 8)


def forks(replies):
    """What environments of one init have drawn; one that had to run the init itself does not count."""
    [(early, count)] = collections.Counter(str(early) for _, early in replies).most_common(1)
    assert count > len(replies) // 2, "they come from one init"
    return [drawn for drawn, each in replies if str(each) == early]


def test_fifty_forks_of_one_template_draw_differently(functions, server):
    function = functions.snapstart(DRAWING, MemorySize=512, Timeout=30)
    version = function.publish()
    replies = [reply.ok() for reply in function.spread(50, {"seconds": 3}, Qualifier=version, tail=False)]
    assert len(forks(replies)) == starts(server, function, "template") >= 45
    assert_unique([drawn for drawn, _ in replies], 50)


def test_what_a_template_drew_is_not_drawn_again(functions):
    """A generator that goes on where it was would give each fork the number that comes next in the template."""
    function = functions.snapstart(DRAWING + textwrap.dedent("""
        following = random.Random()
        following.setstate(random.getstate())
        early.append(following.random())
    """), MemorySize=512, Timeout=20)
    version = function.publish()
    replies = [reply.ok() for reply in function.spread(4, {"seconds": 0.5}, Qualifier=version)]
    early = set(map(str, replies[0][1]))
    for drawn in forks(replies):
        assert not set(map(str, drawn.values())) & early


def test_connections_of_the_init_do_not_live_on(functions, server):
    """Two environments that write to one connection would read each other's answers."""
    function = functions.snapstart("""
        import os, socket, time
        one, other = socket.socketpair()
        host, port = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://").rstrip("/").rsplit(":", 1)
        connection = socket.create_connection((host, int(port)), 5)

        def handler(event, context):
            time.sleep(event["seconds"])
            try:
                connection.sendall(b"GET /_apus/health HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
                return connection.recv(100).decode()
            except OSError as error:
                return type(error).__name__
    """, Timeout=20)
    version = function.publish()
    for reply in function.spread(3, {"seconds": 0.5}, Qualifier=version):
        assert "HTTP" not in reply.ok()
    assert starts(server, function, "template") >= 3
