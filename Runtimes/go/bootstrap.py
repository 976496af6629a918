"""Entry point of the go1.x runtime: runs the function's program, and speaks its protocol to it."""

import sys

# `-I` keeps the folder of the script off the path.
sys.path.insert(0, __file__.rpartition("/")[0] or ".")

from _apus.main import main

main()
