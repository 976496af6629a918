"""Functions that take all they can get, beside one whose answers may not be late by more than a second."""

import concurrent.futures

import pytest

from support.host import Footprint
from support.waiting import eventually

LATE = 1.0  # seconds


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        yield pool


def failed_or_not(future):
    """A hostile call may end in any way that AWS has; the platform's own fault is not one of them."""
    reply = future.result()
    assert reply.status == 200
    return reply


def test_fork_bomb(actors, watch, pool):
    bomb = actors(MemorySize=512, Timeout=6)
    job = pool.submit(bomb.invoke, """
        def bomb():
            while True:
                try:
                    os.fork()
                except OSError:
                    pass
        bomb()
    """)
    assert watch.during(job) < LATE
    failed_or_not(job)
    assert bomb.run("result = 'again'") == "again"
    watch.call()


def test_threads_until_refused(actors, watch, pool):
    actor = actors(MemorySize=1024, Timeout=20)
    job = pool.submit(actor.invoke, """
        threading.stack_size(65536)
        started = []
        try:
            while len(started) < 5000:
                thread = threading.Thread(target=time.sleep, args=(2,), daemon=True)
                thread.start()
                started.append(thread)
        except RuntimeError:
            pass
        result = len(started)
    """)
    assert watch.during(job) < LATE
    reply = failed_or_not(job)
    assert reply.error or reply.json <= 1024


def test_memory_hog(actors, watch, pool):
    hog = actors(MemorySize=256, Timeout=20)
    job = pool.submit(hog.invoke, """
        keep = []
        while True:
            keep.append(bytearray(os.urandom(1 << 16)) * 16)
    """)
    assert watch.during(job) < LATE
    reply = failed_or_not(job)
    assert reply.error == "Unhandled"
    assert reply.json["errorType"] in ("Runtime.OutOfMemory", "Runtime.ExitError", "MemoryError")
    assert hog.run("result = 1") == 1


def test_memory_hog_by_children(actors, watch, pool):
    """The limit is the environment's, not a process's."""
    hog = actors(MemorySize=256, Timeout=15)
    job = pool.submit(hog.invoke, """
        for _ in range(20):
            if os.fork() == 0:
                keep = []
                while True:
                    keep.append(b"x" * (1 << 20))
        while True:
            time.sleep(1)
    """)
    assert watch.during(job) < LATE
    failed_or_not(job)
    assert hog.run("result = 1") == 1


def test_memory_hog_in_tmp(actors, watch, pool):
    """Files in memory count as memory, or live on disk; either way the host does not pay."""
    hog = actors(MemorySize=128, Timeout=30)
    job = pool.submit(hog.invoke, """
        block = os.urandom(1 << 20)
        written = 0
        try:
            for number in range(700):
                with open(f"/tmp/{number}", "wb") as file:
                    file.write(block)
                written += 1
        except OSError as error:
            pass
        result = written
    """)
    assert watch.during(job) < LATE
    reply = failed_or_not(job)
    assert reply.error or reply.json <= 512
    assert hog.function.invoke({"code": "result = 1"}).status == 200


def test_shared_memory_counts(actors, watch, pool):
    hog = actors(MemorySize=256, Timeout=15)
    job = pool.submit(hog.invoke, """
        libc.shmat.restype = ctypes.c_void_p
        for number in range(64):
            key = libc.shmget(number + 1, 64 << 20, 0o1666)
            if key == -1:
                break
            place = libc.shmat(key, None, 0)
            ctypes.memset(place, 1, 64 << 20)
        descriptors = []
        for _ in range(64):
            descriptor = os.memfd_create("x")
            os.write(descriptor, b"x" * (64 << 20))
            descriptors.append(descriptor)
        result = "4 GB and more"
    """)
    assert watch.during(job) < LATE
    reply = failed_or_not(job)
    assert reply.error or reply.json != "4 GB and more"
    # The kernel takes its time to give the segments back; an environment that boots before then has no memory.
    eventually(lambda: hog.invoke("result = 1").error is None, "it has its memory again")


def test_processor_hog(actors, watch, pool):
    hogs = [actors(MemorySize=1769, Timeout=6) for _ in range(2)]
    jobs = [pool.submit(hog.invoke, """
        end = time.monotonic() + 4
        for _ in range(16):
            if os.fork() == 0:
                while time.monotonic() < end:
                    pass
                os._exit(0)
        while time.monotonic() < end:
            pass
        result = 1
    """) for hog in hogs]
    assert watch.during(jobs[0]) < LATE
    for job in jobs:
        failed_or_not(job)


def test_descriptors_until_refused(actors, watch, pool, server):
    before = server.descriptors()
    actor = actors(Timeout=20)
    job = pool.submit(actor.invoke, """
        children = []
        for _ in range(100):
            pid = os.fork()
            if pid == 0:
                try:
                    while True:
                        os.pipe()
                except OSError:
                    time.sleep(2)
                    os._exit(0)
            children.append(pid)
        for pid in children:
            os.waitpid(pid, 0)
        result = 1
    """)
    assert watch.during(job) < LATE
    failed_or_not(job)
    assert server.descriptors() <= before + 40


def test_connections_to_the_runtime_api_until_refused(actors, watch, pool, server):
    """Every environment can reach this listener of the server: it must not be able to use up the server's descriptors."""
    actor = actors(Timeout=20)
    before = server.descriptors()
    job = pool.submit(actor.invoke, """
        opened = []
        pids = []
        for _ in range(12):
            pid = os.fork()
            if pid == 0:
                try:
                    while True:
                        opened.append(socket.create_connection(api(), 1))
                except OSError:
                    pass
                time.sleep(3)
                os._exit(0)
            pids.append(pid)
        for pid in pids:
            os.waitpid(pid, 0)
        result = 1
    """)
    assert watch.during(job) < LATE
    failed_or_not(job)
    assert actor.run("result = 2") == 2
    eventually(lambda: server.descriptors() <= before + 40, "the connections are closed", seconds=15)


def test_connections_to_the_platform_until_refused(actors, watch, pool, server):
    actor = actors(Timeout=20)
    before = server.descriptors()
    job = pool.submit(actor.invoke, """
        host, port = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://").rstrip("/").rsplit(":", 1)
        pids = []
        for _ in range(12):
            pid = os.fork()
            if pid == 0:
                opened = []
                try:
                    while True:
                        opened.append(socket.create_connection((host, int(port)), 1))
                        opened[-1].sendall(b"GET /2015-03-31/functions HTTP/1.1\\r\\nHost:")
                except OSError:
                    pass
                time.sleep(3)
                os._exit(0)
            pids.append(pid)
        for pid in pids:
            os.waitpid(pid, 0)
        result = 1
    """)
    assert watch.during(job) < LATE
    failed_or_not(job)
    eventually(lambda: server.descriptors() <= before + 40, "the connections are closed", seconds=20)


def test_output_flood(actors, watch, pool, server):
    actor = actors(Timeout=5, MemorySize=1769)
    before = server.resident_bytes()
    job = pool.submit(actor.invoke, """
        block = (b"flood " * 170 + b"\\n") * 1000
        while True:
            os.write(1, block)
    """)
    assert watch.during(job) < LATE
    reply = failed_or_not(job)
    assert reply.json["errorType"] == "Sandbox.Timedout"
    eventually(
        lambda: server.resident_bytes() < before + (200 << 20), "the server's memory does not grow with the flood", seconds=15)
    assert actor.run("result = 1") == 1


def test_one_endless_line(actors, watch, pool, server):
    actor = actors(Timeout=5, MemorySize=1769)
    before = server.resident_bytes()
    job = pool.submit(actor.invoke, """
        block = b"x" * (1 << 20)
        while True:
            os.write(2, block)
    """)
    assert watch.during(job) < LATE
    failed_or_not(job)
    eventually(lambda: server.resident_bytes() < before + (200 << 20), "the server's memory", seconds=15)


def test_log_channel_garbage(actors, watch, pool):
    """The channel on which managed runtimes write their log takes frames; a function can write anything to it."""
    actor = actors(Timeout=5, MemorySize=512)
    for block in ("b'\\xff' * 65536", "struct.pack('>IIQ', 0xa55a0003, 0xffffffff, 0) + b'x' * 100000", "os.urandom(65536)", "b''"):
        job = pool.submit(actor.invoke, f"""
            try:
                for _ in range(50):
                    os.write(3, {block})
            except OSError:
                pass
            result = 1
        """)
        watch.during(job, at_least=1)
        failed_or_not(job)
    assert actor.function.invoke({"code": "result = 1"}).status == 200
    assert max(watch.times) < LATE


def test_closed_streams(actors, watch):
    actor = actors(Timeout=5)
    reply = actor.invoke("os.close(1); os.close(2); result = 1")
    assert reply.status == 200
    assert actor.function.invoke({"code": "result = 1"}).status == 200
    watch.call()


def test_a_process_that_ignores_every_signal(actors, watch):
    actor = actors(Timeout=2)
    reply = actor.invoke("""
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        while True:
            pass
    """)
    assert reply.json["errorType"] == "Sandbox.Timedout"
    assert actor.run("result = 1") == 1
    watch.call()


def test_a_stopped_process(actors, watch):
    actor = actors(Timeout=2)
    reply = actor.invoke("os.kill(os.getpid(), signal.SIGSTOP)")
    assert reply.json["errorType"] == "Sandbox.Timedout"
    assert actor.run("result = 1") == 1
    watch.call()


def test_many_crashes_leave_nothing_behind(actors, server, watch):
    actor = actors(Timeout=5)
    actor.run("result = 1")
    before = Footprint.of(server)
    for _ in range(30):
        assert actor.invoke("os._exit(1)").json["errorType"] == "Runtime.ExitError"
    assert actor.run("result = 1") == 1

    def given_back():
        Footprint.of(server).assert_no_more_than(before)
        return True

    eventually(given_back, "what they used is given back")
    watch.call()
