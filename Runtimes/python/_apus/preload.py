"""Modules that functions commonly import, loaded once and shared by all forks.

While they are imported they start no thread, leave no descriptor open and read no variable, except those that the data file
names as `bootVariables`.
"""

import posix
import sys

from _frozen_importlib_external import PathFinder

# What AWS's own client imports first: there too, no file of the function's can take these names.
_BY_AWS = ("decimal", "http.client", "importlib", "json", "logging", "math", "os", "re", "traceback", "warnings")
_COMMON = (
    "asyncio", "base64", "concurrent.futures.thread", "contextlib", "copy", "csv", "dataclasses", "datetime", "email.utils",
    "enum", "functools", "gzip", "hashlib", "hmac", "html", "inspect", "io", "itertools", "operator", "pathlib", "platform",
    "queue", "random", "secrets", "shutil", "socket", "ssl", "string", "subprocess", "tempfile", "threading", "typing",
    "urllib.parse", "urllib.request", "uuid", "xml.etree.ElementTree", "zipfile",
)
_OWN = ("exotic", "faults", "records", "snapshot")

_replaceable = set()


def load():
    """Imports them all; once, before there is a function."""
    for name in _BY_AWS:
        __import__(name)
    fixed = set(sys.modules)
    for name in _COMMON:
        __import__(name)
    _replaceable.update(name for name in set(sys.modules) - fixed if "." not in name)
    for name in _OWN:
        __import__(f"{__package__}.{name}")


def give_way(folders):
    """Forgets the modules that one of the folders has its own of."""
    for folder in folders:
        try:
            names = {entry.partition(".")[0] for entry in posix.listdir(folder)}
        except OSError:
            continue
        for name in names & _replaceable:
            spec = PathFinder.find_spec(name, [folder])
            # A folder that is no package does not hide the standard library.
            if spec and spec.has_location:
                _replaceable.remove(name)
                for module in [known for known in sys.modules if known.partition(".")[0] == name]:
                    del sys.modules[module]
