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
    """Sets a variable for Python code, C libraries and child processes."""
    _set(name.encode(), value.encode("utf-8", "surrogateescape"))


def remove(name):
    _remove(name.encode())


def replace(entries):
    """Makes `NAME=VALUE` entries, as bytes, the only variables.

    `LC_CTYPE` stays if none of them is it: where the host lacks the locale that `LANG` names, Python sets it while it boots.
    """
    locale = get("LC_CTYPE")
    for key in _variables:
        posix.unsetenv(key)
    _variables.clear()
    for entry in entries:
        key, _, data = entry.partition(b"=")
        _set(key, data)
    if locale and get("LC_CTYPE") is None:
        set("LC_CTYPE", locale)


def copy():
    return dict(_variables)


def changes(since):
    """What has been set since a copy was made; None for what has been removed."""
    return {key: _variables.get(key) for key in {*since, *_variables} if _variables.get(key) != since.get(key)}


def apply(changes):
    for key, data in changes.items():
        if data is None:
            _remove(key)
        else:
            _set(key, data)


def _remove(key):
    if key in _variables:
        posix.unsetenv(key)
        del _variables[key]


def _set(key, data):
    if _variables.get(key) != data:
        posix.putenv(key, data)
        _variables[key] = data
