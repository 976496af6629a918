"""The C programs, compiled when they are first wanted."""

import os
import shutil
import subprocess
import sys

from .paths import BUILD, HERE


def program(name, *flags):
    """The compiled `native/NAME.c`."""
    source, target = HERE / f"native/{name}.c", BUILD / name
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        compiler = os.environ.get("CC") or next((c for c in ("cc", "clang", "gcc") if shutil.which(c)), None)
        if compiler is None:
            sys.exit("the benchmark needs a C compiler: install gcc or set CC")
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([compiler, "-O2", *flags, "-o", str(target), str(source)], check=True)
    return target
