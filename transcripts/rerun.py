"""Run a transcript again: take the package out of it, generate one with a model command, score a package.

The method and the grammar are in AGENTS.md beside this folder. Only the standard library is needed.
"""

import sys

from rerun_tool.command_line import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
