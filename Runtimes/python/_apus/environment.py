"""Environment variables without importing `os`.

`os.environ` keeps its data in `posix.environ`, the very dictionary used here, so both always agree, whether user
code imports `os` before, after or never.
"""

import posix

_variables = posix.environ


def get(name, default=None):
    value = _variables.get(name.encode())
    return default if value is None else value.decode("utf-8", "surrogateescape")


def set(name, value):
    """Sets a variable for Python code and for child processes."""
    key, data = name.encode(), value.encode("utf-8", "surrogateescape")
    if _variables.get(key) != data:
        posix.putenv(key, data)
        _variables[key] = data


def remove(name):
    key = name.encode()
    if key in _variables:
        posix.unsetenv(key)
        del _variables[key]
