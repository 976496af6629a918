"""Rows: how soon the server is ready, and what it takes when it has nothing to do."""

import os
import tempfile
import time

from .server import Server


def measure(figures, starts=5):
    with tempfile.TemporaryDirectory(prefix="apus-benchmark-") as folder:
        os.chmod(folder, 0o711)
        server = Server(folder)
        # The first start makes the store.
        server.start()
        server.stop()
        for _ in range(starts):
            figures.add("ready_s", server.start())
            time.sleep(0.5)
            figures.add("rss_idle_mib", server.resident_mib())
            server.stop()
