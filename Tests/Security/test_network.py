"""The network from inside: other environments, the host, the world beyond."""

import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import textwrap

import pytest


ADDRESS = """
    import fcntl
    def address(name):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            return socket.inet_ntoa(fcntl.ioctl(probe, 0x8915, struct.pack("256s", name.encode()))[20:24])
    addresses = {}
    for _, name in socket.if_nameindex():
        try:
            addresses[name] = address(name)
        except OSError:
            pass
    gateways = [
        socket.inet_ntoa(struct.pack("<I", int(line.split()[2], 16)))
        for line in open("/proc/net/route").read().splitlines()[1:] if line.split()[1] == "00000000"]
"""


def with_addresses(code):
    return textwrap.dedent(ADDRESS) + textwrap.dedent(code)


@pytest.fixture(scope="session")
def network(hostile):
    """What an environment says about its own network: {interface: address}, [gateway]."""
    addresses, gateways = hostile.run(with_addresses("result = [addresses, gateways]"))
    outside = {name: address for name, address in addresses.items() if name != "lo"}
    if not outside:
        pytest.skip("missing: outbound network of environments (see `apus doctor`)")
    return outside, gateways


def test_loopback_is_its_own(hostile, server):
    """The host's loopback services, the server's own port among them, are not on the environment's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        ports = [listener.getsockname()[1], server.address[1]]
        outcome = hostile.run("result = [reach('127.0.0.1', port) for port in event['ports']]", ports=ports)
        assert outcome == ["ECONNREFUSED"] * 2
        with pytest.raises(TimeoutError):
            listener.accept()


def test_open_ports_on_loopback(hostile):
    """The Runtime API and the platform's API; nothing else."""
    ports, endpoint, runtime = hostile.run("""
        result = [[port for port in range(1, 65536) if reach("127.0.0.1", port, 0.2) == "connected"],
                  os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_LAMBDA_RUNTIME_API"]]
    """)
    expected = sorted(int(each.rstrip("/").rsplit(":", 1)[1]) for each in (endpoint, runtime))
    assert ports == expected


def test_abstract_sockets_of_the_host(hostile):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0apus-test-abstract")
        listener.listen()
        assert hostile.run(r"""
            with socket.socket(socket.AF_UNIX) as probe:
                result = attempt(probe.connect, "\0apus-test-abstract")
        """) == "ECONNREFUSED"


def test_other_environments_cannot_be_reached(hostile, actors, network):
    """A neighbour listens on all its addresses and says where; no connection comes about, on any port."""
    neighbour = actors()
    listens = """
        received = []
        listeners = []
        for port in (8080, 9002):
            listener = socket.create_server(("0.0.0.0", port))
            listener.settimeout(0.1)
            listeners.append(listener)
        print("listening on", json.dumps(addresses), flush=True)
        end = time.monotonic() + 8
        while time.monotonic() < end:
            for listener in listeners:
                try:
                    connection, peer = listener.accept()
                    received.append(peer[0])
                except OSError:
                    pass
        for listener in listeners:
            listener.close()
        result = received
    """
    where = neighbour.run(with_addresses("result = addresses"))
    targets = [address for name, address in where.items() if name != "lo"]
    assert targets and targets[0] not in network[0].values(), "each environment has an address of its own"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        listening = pool.submit(neighbour.run, with_addresses(listens))
        outcome = hostile.run("""
            result = {f"{host}:{port}": reach(host, port, 1) for host in event["hosts"] for port in (8080, 9001, 9002, 4566)}
        """, hosts=targets)
        assert "connected" not in outcome.values(), outcome
        assert listening.result() == []


def test_the_host_cannot_be_reached(hostile, network, server):
    """A service of the host on the address that environments see as their gateway, and on another address of the host."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("missing: root and `ip`, to give the host an address of its own")
    link = f"host{os.getpid() % 100000}"
    subprocess.run(["ip", "link", "add", link, "type", "veth", "peer", "name", link + "p"], check=True)
    listeners = []
    try:
        subprocess.run(["ip", "address", "add", "198.51.100.77/32", "dev", link], check=True)
        for end in (link, link + "p"):
            subprocess.run(["ip", "link", "set", end, "up"], check=True)
        listeners = [socket.create_server(("198.51.100.77", 0))]
        for gateway in network[1]:
            with contextlib.suppress(OSError):
                listeners.append(socket.create_server((gateway, 0)))
        targets = [list(listener.getsockname()) for listener in listeners]
        with socket.create_connection(tuple(targets[0]), 2):
            pass  # the host itself reaches it
        outcome = hostile.run("result = {f'{h}:{p}': reach(h, p, 1) for h, p in event['targets']}", targets=targets)
        assert "connected" not in outcome.values(), outcome
        for gateway in network[1]:
            opened = hostile.run("""
                result = [port for port in (22, 53, 80, 111, 443, 2375, 4566, 5432, 6379, 8080, 9001, event["port"])
                          if reach(event["host"], port, 0.3) == "connected"]
            """, host=gateway, port=server.address[1])
            assert opened == []
    finally:
        for listener in listeners:
            listener.close()
        subprocess.run(["ip", "link", "delete", link], check=True)


def test_metadata_services_of_clouds(hostile):
    assert hostile.run("result = reach('169.254.169.254', 80, 1)") != "connected"


def test_the_platform_is_reached_at_its_endpoint(hostile, server):
    """At AWS_ENDPOINT_URL, and there without a signature nothing is told."""
    status, body = hostile.run("""
        import urllib.request, urllib.error
        try:
            with urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/2015-03-31/functions", timeout=5) as answer:
                result = [answer.status, answer.read().decode()]
        except urllib.error.HTTPError as error:
            result = [error.code, error.read().decode()]
    """)
    assert status == 403
    assert "Missing Authentication Token" in body


# A world of the test's own: a namespace behind a pair of interfaces.

WORLD = """
import socket, sys, threading
def serve(port):
    listener = socket.create_server(("0.0.0.0", port))
    while True:
        connection, peer = listener.accept()
        connection.sendall(b"220 " + peer[0].encode() + b"\\n")
        connection.close()
for port in (25, 8025):
    threading.Thread(target=serve, args=(port,), daemon=True).start()
udp = socket.socket(type=socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 5353))
print("up", flush=True)
while True:
    data, peer = udp.recvfrom(100)
    udp.sendto(data, peer)
"""


@pytest.fixture(scope="module")
def world(network):
    """The address of a machine outside, with port 25 and others open."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("missing: root and `ip`, to make a network to reach")
    name, host, peer = f"apus-world-{os.getpid()}", f"world{os.getpid() % 100000}", f"world{os.getpid() % 100000}p"
    with contextlib.ExitStack() as undo:
        def ip(*arguments):
            done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
            if done.returncode != 0:
                pytest.skip(f"missing: ip {' '.join(arguments)}: {done.stderr.strip()}")

        ip("netns", "add", name)
        undo.callback(ip, "netns", "delete", name)
        ip("link", "add", host, "type", "veth", "peer", "name", peer, "netns", name)
        ip("address", "add", "203.0.113.1/24", "dev", host)
        ip("link", "set", host, "up")
        # The server does this for the uplinks that it finds when it starts; this one came later.
        pathlib.Path(f"/proc/sys/net/ipv4/conf/{host}/forwarding").write_text("1")
        ip("-n", name, "address", "add", "203.0.113.2/24", "dev", peer)
        ip("-n", name, "link", "set", peer, "up")
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "route", "add", "default", "via", "203.0.113.1")
        process = subprocess.Popen(
            ["ip", "netns", "exec", name, "/usr/bin/python3", "-c", WORLD], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        undo.callback(process.wait)
        undo.callback(process.kill)
        assert process.stdout.readline() == b"up\n"
        for port in (25, 8025):
            with socket.create_connection(("203.0.113.2", port), 5) as connection:
                assert connection.recv(100).startswith(b"220")
        yield "203.0.113.2", name


def test_outbound_tcp_and_udp(hostile, network, world):
    """The positive control of what follows: the way out is open, under the host's address."""
    tcp, udp = hostile.run("""
        with socket.create_connection((event["host"], 8025), 5) as connection:
            tcp = connection.recv(100).decode()
        with socket.socket(type=socket.SOCK_DGRAM) as probe:
            probe.settimeout(5)
            probe.sendto(b"ping", (event["host"], 5353))
            udp = probe.recv(100).decode()
        result = [tcp, udp]
    """, host=world[0])
    assert tcp == "220 203.0.113.1\n"
    assert udp == "ping"


def test_port_25_is_closed(hostile, world):
    assert hostile.run("result = reach(event['host'], 25, 2)", host=world[0]) != "connected"


def test_inbound_is_closed(hostile, network, world):
    """From outside, with a route to it, an environment that listens is not reached."""
    address = next(iter(network[0].values()))
    listens = """
        listener = socket.create_server(("0.0.0.0", 8080))
        listener.settimeout(4)
        try:
            connection, peer = listener.accept()
            result = peer[0]
        except OSError:
            result = None
        finally:
            listener.close()
    """
    knock = (
        "import socket, time\nend = time.monotonic() + 3\nwhile time.monotonic() < end:\n"
        f"    try:\n        socket.create_connection(({address!r}, 8080), 0.5)\n        print('connected')\n        break\n"
        "    except OSError:\n        pass\n")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        listening = pool.submit(hostile.run, listens)
        outcome = subprocess.run(
            ["ip", "netns", "exec", world[1], "/usr/bin/python3", "-c", knock], capture_output=True, text=True, timeout=30)
        assert "connected" not in outcome.stdout
        assert listening.result() is None


def test_an_environment_cannot_change_its_network(hostile):
    tried = hostile.run("""
        result = {}
        if os.path.exists("/usr/sbin/ip"):
            for name, command in {"address": ["address", "add", "10.9.9.9/24", "dev", "lo"], "route": ["route", "add", "default", "dev", "lo"],
                                  "namespace": ["netns", "add", "x"], "down": ["link", "set", "lo", "down"]}.items():
                result[name] = subprocess.run(["/usr/sbin/ip", *command], capture_output=True).returncode
        if os.path.exists("/usr/sbin/nft"):
            result["nft"] = subprocess.run(["/usr/sbin/nft", "flush", "ruleset"], capture_output=True).returncode
    """)
    assert 0 not in tried.values(), tried


def test_spoofed_source_addresses(hostile, network, world):
    """Binding to an address that is not its own is refused by the kernel (no raw sockets, no transparent ones)."""
    assert hostile.run("""
        with socket.socket() as probe:
            result = [attempt(probe.setsockopt, socket.SOL_IP, 19, 1), attempt(probe.bind, ("203.0.113.9", 0)),
                      attempt(probe.setsockopt, socket.SOL_SOCKET, 36, 7)]
    """).count("went through") == 0
