"""Waiting for a condition with a deadline: the only place where the tests sleep."""

import time


def eventually(condition, what, seconds=10.0, every=0.02):
    """Calls `condition` until its result is true and returns that result; fails with `what` after `seconds`.

    An assertion that fails inside `condition` counts as "not yet"; the last one is shown.
    """
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            result = condition()
            if result:
                return result
            last = None
        except AssertionError as error:
            last = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds} s: {what}" + (f" ({last})" if last else ""))
        time.sleep(every)


def steady(reading, what, seconds=0.5, within=10.0, every=0.05):
    """Calls `reading` until its result has been the same for so long, and returns that."""
    deadline = time.monotonic() + within
    last, since = reading(), time.monotonic()
    while time.monotonic() - since < seconds:
        assert time.monotonic() < deadline, f"not steady within {within} s: {what} (last {last})"
        time.sleep(every)
        now = reading()
        if now != last:
            last, since = now, time.monotonic()
    return last
