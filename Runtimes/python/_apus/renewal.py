"""What environments forked from one template must not share.

`random`, `tempfile` and OpenSSL see to themselves: Python's fork handlers reseed the first, the others notice a new pid.
"""

import _socket
import posix
import sys

from . import cell, environment


def renew():
    _renew_node()
    _cut_connections()
    _reopen_working_directory()


def _renew_node():
    uuid = sys.modules.get("uuid")
    if uuid is None:
        return
    # libuuid keeps its node and clock in memory that Python cannot reach.
    uuid._generate_time_safe = None
    # A random node is marked as one by the lowest bit of its first byte.
    uuid._node = int.from_bytes(posix.urandom(6), "big") | 1 << 40
    for name in vars(uuid):
        if name.startswith("_last_timestamp"):
            setattr(uuid, name, None)


def _cut_connections():
    """Ends connections that the template opened, for this process: as after a restore on AWS, nobody is at the other end."""
    for descriptor in map(int, posix.listdir("/proc/self/fd")):
        kind = cell.socket_kind(descriptor)
        if kind and kind[0] in (_socket.AF_INET, _socket.AF_INET6):
            dead, other = _socket.socketpair()
            posix.dup2(dead.fileno(), descriptor, inheritable=False)
            dead.close()
            other.close()


def _reopen_working_directory():
    """Resolves the path anew: what it led to in the template may be covered by a fresh mount, or missing in it."""
    try:
        posix.chdir(posix.getcwd())
    except OSError:
        posix.chdir(environment.get("LAMBDA_TASK_ROOT", "."))
