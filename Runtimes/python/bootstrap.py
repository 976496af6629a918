"""Entry point of the Python runtimes.

Python compiles the script it is started with on every start and never caches it, so this file holds no more than
what finds the package, which is loaded from its `.pyc` files.
"""

import sys

# `-I` keeps the folder of the script off the path.
sys.path.insert(0, __file__.rpartition("/")[0] or ".")

from _apus.main import main

main()
