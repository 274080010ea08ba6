"""`python3 -m smbserver.compile`: make the build that later starts use."""

import os
import sys
import time
from importlib.util import find_spec

from smbserver.bootstrap import GUARD_VARIABLE, SetupError, environment, is_checkout

EXTRA = "compile"  # of pyproject.toml
REQUIRED = ("mypy[mypyc]>=1.16", "setuptools>=68")  # what that extra has, for who has no checkout


def main() -> None:
    """Prints the build's folder. Exit code 1, with a sentence, when there can be none."""
    if find_spec("mypyc") is None or find_spec("setuptools") is None:
        _in_environment()
    from smbserver.compile.build import BuildError, make  # not above: an old Python gets its sentence first

    begun = time.monotonic()
    print("smbserver: compiling; two to five minutes, and one to two GB of memory", file=sys.stderr, flush=True)
    try:
        build = make()
    except BuildError as error:
        sys.exit(f"smbserver: {error}")
    print(f"smbserver: done in {time.monotonic() - begun:.0f} s; the next start uses it", file=sys.stderr)
    print(build)


def _in_environment() -> None:
    """Become the Python that has mypyc. Does not return unless it cannot be."""
    if os.environ.pop(GUARD_VARIABLE, None) is not None:
        sys.exit(f"smbserver: {sys.executable} has no mypyc although it was installed there")
    if not is_checkout():  # somebody's own environment: nothing is installed there unasked
        wanted = " ".join(f"'{each}'" for each in REQUIRED)
        sys.exit(f"smbserver: mypyc is missing. Install it with:\n    {sys.executable} -m pip install {wanted}")
    try:
        python = environment(EXTRA)
    except SetupError as error:
        sys.exit(f"smbserver: {error}")
    arguments = [str(python), "-m", "smbserver.compile"]
    os.execve(str(python), arguments, {**os.environ, GUARD_VARIABLE: str(python)})


if __name__ == "__main__":
    main()
