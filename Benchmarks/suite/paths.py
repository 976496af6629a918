"""Where things are."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "Benchmarks"
BUILD = ROOT / ".build/benchmarks"
BINARY = pathlib.Path(os.environ.get("APUS_BINARY", ROOT / ".build/release/apus"))
PYTHON = "/usr/bin/python3"
