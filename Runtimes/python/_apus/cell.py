"""Waiting ahead of demand: the channel, and the messages that come by it (docs/decisions/0006-cells-and-forks.md)."""

import _socket
import gc
import posix
import time

from . import environment, rehearsal

CHANNEL = 4
_LOG = 3
_INIT = "/var/rapid/init"
_LONGEST = 1 << 18
_DESCRIPTORS = range(3, 8)  # channel, standard output, log, up to four control-group files


def is_given():
    """Whether descriptor 4 is the channel, and not a connection that has taken the number."""
    return socket_kind(CHANNEL) == (_socket.AF_UNIX, _socket.SOCK_SEQPACKET)


def socket_kind(descriptor):
    """Address family and type of a socket; None if the descriptor is none."""
    timeout = _socket.getdefaulttimeout()
    _socket.setdefaulttimeout(None)  # else a look at a socket would make it non-blocking
    try:
        probe = _socket.socket(fileno=descriptor)
    except OSError:
        return None
    finally:
        _socket.setdefaulttimeout(timeout)
    kind = probe.family, probe.type
    probe.detach()
    return kind


def wait(avoided=None):
    """Returns in each process that has become an environment, with its variables in place and the channel still open.

    That may be this process or any number of forks; this one ends when the channel is closed. Forks have another pid
    than `avoided`.
    """
    gc.collect()
    gc.freeze()  # pages that the collector does not write to stay shared with the forks
    posix.set_inheritable(CHANNEL, False)
    channel = _socket.socket(fileno=CHANNEL)
    channel.settimeout(None)  # the function may have set a default for all sockets
    while True:
        message, descriptors = _receive(channel)
        kind, content = message[:1], message[1:]
        if kind == b"S" and not descriptors:
            _take_variables(content)
            channel.detach()
            return
        if kind != b"F" or content or len(descriptors) not in _DESCRIPTORS:
            _end(f"a message that it does not understand: {message[:20]} with {len(descriptors)} descriptors")
        _fork(descriptors, avoided)


def _receive(channel):
    size = _DESCRIPTORS.stop * 4
    message, items, flags, _ = channel.recvmsg(_LONGEST, _socket.CMSG_SPACE(size), _socket.MSG_CMSG_CLOEXEC)
    if not message:
        posix._exit(0)
    if flags & (_socket.MSG_TRUNC | _socket.MSG_CTRUNC):
        _end("a message that is too long")
    descriptors = [number for _, _, data in items for number in memoryview(data).cast("i")]
    return message, descriptors


def _take_variables(content):
    *entries, rest = content.split(b"\0")
    if rest or any(entry.find(b"=") < 1 for entry in entries):
        _end("variables that it does not understand")
    environment.replace(entries)
    time.tzset()


def _fork(descriptors, avoided):
    """Returns in the process that waits, and in the fork, whose descriptor 4 is a channel of its own."""
    try:
        # `posix.fork` runs the handlers of Python and of libc.
        if posix.fork() == 0:
            _settle(descriptors, avoided)
            return rehearsal.rehearse()
    except OSError:
        pass  # the function has threads; whoever asked has seen the call fail
    for descriptor in descriptors:
        posix.close(descriptor)


def _settle(descriptors, avoided):
    """Goes on as pid 1 of fresh namespaces: makes the process that is to wait, the only one to return, and becomes `init`."""
    try:
        channel, output, log, *groups = map(_raised, descriptors)
        for group in groups:
            posix.write(group, b"0")
        for descriptor, place in (output, 1), (output, 2), (log, _LOG), (channel, CHANNEL):
            posix.dup2(descriptor, place)
        for descriptor in (channel, output, log, *groups):
            posix.close(descriptor)
        if avoided == 2:
            _use_up_a_pid()
        waiting = posix.fork()
        if waiting:
            posix.close(_LOG)
            posix.closerange(CHANNEL + 1, posix.sysconf("SC_OPEN_MAX"))
            posix.execv(_INIT, [_INIT, str(waiting)])
        posix.set_inheritable(_LOG, False)
        posix.set_inheritable(CHANNEL, False)
    except OSError as problem:
        _end(f"no way to become an environment: {problem}")


def _raised(descriptor):
    """The descriptor by a number that none of the places has: a function may have closed them."""
    if descriptor > CHANNEL:
        return descriptor
    raised = _raised(posix.dup(descriptor))
    posix.close(descriptor)
    return raised


def _use_up_a_pid():
    try:
        posix.posix_spawn("/", ["/"], {})  # not executable: much less work than a fork
    except OSError:
        pass


def _end(problem):
    posix.write(2, f"runtime cell: {problem}\n".encode())
    posix._exit(1)
