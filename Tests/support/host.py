"""What the kernel shows of one server: its processes and what they are for, control groups, interfaces, mounts."""

import collections
import functools
import os
import pathlib
import re
import subprocess

from support.waiting import eventually, steady

PROC = pathlib.Path("/proc")
CGROUPS = pathlib.Path("/sys/fs/cgroup")
INIT = "apus-init"


def read(path):
    """The text of a file of /proc; empty when its process is gone."""
    try:
        return pathlib.Path(path).read_text(errors="replace")
    except OSError:
        return ""


class Process(collections.namedtuple("Process", "pid started")):
    """A process for good: its number may come again, but not with the same time of start."""

    @classmethod
    def at(cls, pid):
        """None when there is none of that number."""
        fields = read(PROC / str(pid) / "stat").rpartition(")")[2].split()
        return cls(pid, fields[19]) if fields else None

    def read(self, name):
        return read(PROC / str(self.pid) / name)

    @property
    def stat(self):
        """The fields of /proc/PID/stat from the state on."""
        return self.read("stat").rpartition(")")[2].split()

    @property
    def running(self):
        fields = self.stat
        return bool(fields) and fields[19] == self.started and fields[0] not in "ZX"

    @property
    def name(self):
        return self.read("comm").strip()

    @property
    def command(self):
        return self.read("cmdline").split("\0")[:-1]

    @property
    def parent(self):
        fields = self.stat
        return Process.at(int(fields[1])) if fields else None

    @property
    def inner_pid(self):
        """Its number inside, as text."""
        return self.read("status").partition("\nNSpid:")[2].partition("\n")[0].rpartition("\t")[2]

    @property
    def has_code(self):
        """Whether it has a function's code mounted."""
        return " /var/task " in self.read("mountinfo")

    @property
    def channel(self):
        """Whether descriptor 4 is a control channel, which the launcher made in the host's network namespace."""
        link = self.link("fd/4")
        return link.startswith("socket:") and link[8:-1] in packet_sockets()

    def link(self, name):
        try:
            return os.readlink(PROC / str(self.pid) / name)
        except OSError:
            return ""

    def kill(self, signal):
        if self.running:
            os.kill(self.pid, signal)


def packet_sockets():
    """The inodes of the host's SOCK_SEQPACKET sockets."""
    return {line.split()[6] for line in read("/proc/net/unix").splitlines()[1:] if line.split()[4] == "0005"}


def descendants(pid):
    """The numbers of the processes below `pid`."""
    found, todo = [], [pid]
    while todo:
        parent = todo.pop()
        try:
            tasks = list((PROC / str(parent) / "task").iterdir())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
        for task in tasks:
            children = [int(each) for each in read(task / "children").split()]
            found += children
            todo += children
    return found


def processes(server):
    """The processes below the server's, dead ones left out."""
    return [each for pid in descendants(server.pid) if (each := Process.at(pid)) and each.running]


def named(server, name):
    return [each for each in processes(server) if each.name == name]


def launcher(server):
    """The one that makes environments; its children on their way to a program have the same name for a moment."""
    return min(named(server, "apus-launcher"), key=lambda each: int(each.started), default=None)


def kinds(server):
    """The runtime processes below a server by what they are: `zygote`, `cell`, `template`, `environment`.

    pid 1 of what was started is a child of the launcher; pid 1 of a fork is a child of its origin's pid 1.
    """
    found = collections.defaultdict(list)
    for process in processes(server):
        parent = process.parent
        if parent and parent.name == INIT != process.name and process.inner_pid == watched(parent):
            found[kind(process, parent)].append(process)
    return found


def watched(init):
    """The number of the process that a pid 1 is for. What a function left behind is its child too."""
    command = init.command
    return command[1] if len(command) == 2 and command[0].endswith("/init") else "2"


def kind(process, init):
    if process.has_code:
        return "template" if process.channel else "environment"
    is_forked = init.parent is not None and init.parent.name == INIT
    return "zygote" if process.command[-1:] == ["cell"] and "python" in process.command[0] and not is_forked else "cell"


# Control groups

def group_of(process, controller="freezer"):
    """The folder of a process's group: of that controller, or the one that there is where version 2 is in use."""
    unified = None
    for line in process.read("cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return CGROUPS / controller / path.lstrip("/")
        if not controllers:
            unified = path
    return CGROUPS / unified.lstrip("/") if unified else None


def is_frozen(process):
    folder = group_of(process)
    return folder is not None and (
        read(folder / "freezer.state") == "FROZEN\n" or "frozen 1" in read(folder / "cgroup.events").splitlines())


@functools.cache
def marks(server):
    """What tells a server's resources from those of others: the folders of its control groups, the beginning of its interfaces."""
    pattern = re.compile(r"^\d+:([^:]*):(.*/apus-[^/]+)/", re.MULTILINE)
    process = next(each for each in processes(server) if pattern.search(each.read("cgroup")))
    folders = [
        CGROUPS / controller / path.lstrip("/")
        for controllers, path in pattern.findall(process.read("cgroup")) for controller in controllers.split(",")]
    inside = subprocess.run(
        ["nsenter", "--target", str(process.pid), "--net", "ip", "-oneline", "link"], capture_output=True, text=True).stdout
    peers = [line.split()[1] for index in re.findall(r"@if(\d+):", inside) for line in interfaces() if line.startswith(f"{index}: ")]
    return folders, next((name.partition("-")[0] + "-" for name in peers), None)


def interfaces():
    return subprocess.run(["ip", "-oneline", "link"], capture_output=True, text=True).stdout.splitlines()


def groups(server):
    """The control groups of the server's environments, of every controller."""
    return [path for folder in marks(server)[0] for path in folder.glob("*") if path.is_dir()]


def links(server):
    """The host's ends of the environments' networks."""
    prefix = marks(server)[1]
    return [line.split()[1] for line in interfaces() if prefix and line.split()[1].startswith(prefix)]


def mounts(process):
    return process.read("mountinfo").splitlines()


class Footprint(collections.namedtuple("Footprint", "environments templates used slots links descriptors held mounts")):
    """How much of the host a server uses.

    `used` are all runtime processes, cells and zygotes too; `slots` what was made for them or is kept prepared, by their control
    groups; `links` interfaces; `descriptors` the server's own, `held` those of its helpers; `mounts` those that all of these see.
    """

    @classmethod
    def of(cls, server):
        kind = kinds(server)
        helpers = [each for name in ("apus-keeper", "apus-launcher") for each in named(server, name)[:1]]
        return cls(
            environments=len(kind["environment"]), templates=len(kind["template"]), used=sum(map(len, kind.values())),
            slots=len({path.name for path in groups(server)}), links=len(links(server)), descriptors=server.descriptors(),
            held=sum(len(list((PROC / str(each.pid) / "fd").iterdir())) for each in helpers),
            mounts=sum(len(mounts(each)) for each in [Process.at(server.pid), *helpers]))

    @classmethod
    def at_rest(cls, server):
        """When cells have been made again and nothing changes any more."""
        eventually(lambda: len(kinds(server)["cell"]) >= 4, "cells wait", seconds=20)
        return steady(lambda: cls.of(server), "the server's footprint", seconds=1.5, within=20)

    def assert_no_more_than(self, before, slack=4):
        """Nothing of a function is left. There may be more cells, as they come with demand, and some prepared slots more or less.

        A slot costs less than 20 descriptors.
        """
        used, slots = max(0, self.used - before.used), max(0, self.slots - before.slots)
        allowed = {
            "environments": 0, "templates": 0, "slots": used + slack, "links": used + slack, "descriptors": 20 * slots + 2 * slack,
            "held": 4 * slots + slack, "mounts": 0,
        }
        more = {name: getattr(self, name) - getattr(before, name) for name in allowed}
        assert not [name for name in allowed if more[name] > allowed[name]], f"{before} became {self}"
