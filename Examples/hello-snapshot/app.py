"""A function with a slow start that nobody has to wait for: its environments are forks of one that has started already."""

import random
import time

from snapshot_restore_py import register_after_restore

time.sleep(0.5)  # what reading a model, or importing a large library, would take
TABLE = [number * number for number in range(100_000)]
ENVIRONMENT = {"id": None}


@register_after_restore
def begin():
    """Runs in each environment: what may not be the same in all of them is made here."""
    ENVIRONMENT["id"] = f"{random.getrandbits(64):016x}"


def handler(event, context):
    return {"square": TABLE[event.get("number", 12)], "environment": ENVIRONMENT["id"]}
