"""Whether there is a build of exactly these sources for this Python, and putting it in front of them.

Imported at every start before anything else of the package, so only the standard library is used here, and of the
package nothing. A build lies in `.compiled/`, beside the package in a source checkout and within it where it is
installed, in a folder that is named after a digest of every source file and after the interpreter: what does not match
is not found.
"""

import hashlib
import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

import smbserver

PURE_VARIABLE: Final = "SMBSERVER_PURE"  # set to anything: run the sources
UNFINISHED: Final = "unfinished-"  # how the name of a build begins while it is made
PACKAGE: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ".compiled"  # no package's name, so no packaging tool takes it for one
_WRITABLE_BY_OTHERS: Final = 0o022
_DIGITS: Final = 24  # of the digest's 64: a name for a person to look at, and no accident makes two alike


def builds_of(package: Path) -> Path:
    """Where the builds of a package are, if there are any. An installed one's neighbours are everybody's."""
    # os.path's answer is also given where one may not look.
    return (package.parent if os.path.isfile(package.parent / "pyproject.toml") else package) / FOLDER


BUILDS: Final = builds_of(PACKAGE)


def build_name(package: Path = PACKAGE) -> str:
    """The folder's name for the sources in `package` and the interpreter that asks."""
    digest = hashlib.sha256()
    inner = package / FOLDER
    for path in sorted(path for path in package.rglob("*.py") if inner not in path.parents):
        text = path.read_bytes()
        digest.update(f"{path.relative_to(package)} {len(text)}\n".encode())
        digest.update(text)
    return f"{EXTENSION_SUFFIXES[0].strip('.').removesuffix('.so')}-{digest.hexdigest()[:_DIGITS]}"


def find(builds: Path = BUILDS, package: Path = PACKAGE) -> Path | None:
    """The build of these sources, or None. One that somebody else made, or may write, is none: it would be his code."""
    if not os.path.isdir(builds):  # then no source has to be read
        return None
    try:
        build = builds / build_name(package)
        owners = {os.geteuid(), package.stat().st_uid}
        for folder in (builds, build):
            found = folder.stat()
            if found.st_uid not in owners or found.st_mode & _WRITABLE_BY_OTHERS:
                return None
    except OSError:
        return None
    return build


def prefer() -> None:
    """Let everything that is imported from now on come from the build of these sources, if there is one."""
    if os.environ.get(PURE_VARIABLE):
        return
    build = find()
    if build is not None:
        smbserver.__path__.insert(0, str(build / PACKAGE.name))
        sys.path.append(str(build))  # for the one library that holds the code of all modules


def is_outdated() -> bool:
    """Whether there are builds, but none of these sources. To be asked before the rights to read here are given up."""
    if is_used() or os.environ.get(PURE_VARIABLE):
        return False
    try:
        return any(not name.startswith(UNFINISHED) for name in os.listdir(BUILDS)) and find() is None
    except OSError:
        return False


def is_used() -> bool:
    """Whether what was imported last came from a build."""
    return smbserver.__path__[0] != str(PACKAGE)
