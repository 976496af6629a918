"""What /proc says of processes."""

import os
import pathlib


def descendants(pid):
    """Every process below one, itself not included."""
    found, waiting = [], [pid]
    while waiting:
        parent = waiting.pop()
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                children = pathlib.Path(f"/proc/{parent}/task/{task}/children").read_text().split()
                found += map(int, children)
                waiting += map(int, children)
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def pss_mib(pids):
    """Proportional set size of all of them together."""
    total = 0
    for pid in pids:
        try:
            lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return total / 1024


def resident_mib(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptor_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def mount_count(pid):
    with open(f"/proc/{pid}/mountinfo") as file:
        return len(file.readlines())


def network_count(pids):
    """Network namespaces that processes are in."""
    names = set()
    for pid in pids:
        try:
            names.add(os.readlink(f"/proc/{pid}/ns/net"))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return len(names)


def control_groups():
    """Every control group that an Apus server made."""
    return {folder for folder, _, _ in os.walk("/sys/fs/cgroup") if "/apus-" in folder}
