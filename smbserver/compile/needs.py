"""What a build needs of this machine, for the command that makes one and for the banner that tells of it."""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from smbserver.compile.current import BUILDS, PACKAGE, PURE_VARIABLE, find

_INSTALL: Final = "On Debian: sudo apt-get install gcc python3-dev; then run this again"


def missing() -> str | None:
    """Why nothing can be compiled here, with what to do about it; None if it can."""
    if shutil.which(os.environ.get("CC", "cc")) is None:
        return f"no C compiler found. {_INSTALL}"
    # As sysconfig has it, which reads a file of its own for that: not everybody who serves may read there.
    include = Path(sys.base_prefix, "include", "python{}.{}".format(*sys.version_info) + sys.abiflags)
    if not os.path.isfile(include / "Python.h"):  # False also where one may not look, which Path's own is not
        return f"{sys.executable} has no header files (Python.h). {_INSTALL}"
    return None


def command() -> str:
    """The line that makes a build of what runs here; of an installed package only the Python that has it can."""
    return f"{'python3' if BUILDS.parent != PACKAGE else sys.executable} -m smbserver.compile"


def is_worth_a_word(builds: Path = BUILDS, package: Path = PACKAGE) -> bool:
    """Whether who runs the sources should hear of the build: there is none, one could be made, and nobody said no."""
    if os.environ.get(PURE_VARIABLE) or missing() is not None or not os.access(builds.parent, os.W_OK):
        return False
    return find(builds, package) is None  # the dearest question last: it reads every source
