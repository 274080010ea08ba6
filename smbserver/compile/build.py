"""Makes the build: a copy of the package, translated in a process of its own, and put in its place when whole."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from smbserver.compile.current import BUILDS, FOLDER, PACKAGE, UNFINISHED, build_name, find
from smbserver.compile.needs import missing

PRIVATE: Final = 0o755  # whoever may write here is obeyed by the next start
KEPT: Final = 1  # earlier builds: a server that still runs may yet import from the last one


class BuildError(Exception):
    """There is no build; the text says what to do."""


def make(builds: Path = BUILDS, package: Path = PACKAGE) -> Path:
    """The build of these sources, made when it is not there. Takes minutes. Raises BuildError."""
    found = find(builds, package)
    if found is not None:
        return found
    reason = missing()
    if reason is not None:
        raise BuildError(reason)
    try:
        return _make(builds, package)
    except OSError as error:
        raise BuildError(f"{error.filename or builds}: {error.strerror}") from error


def _make(builds: Path, package: Path) -> Path:
    builds.mkdir(mode=PRIVATE, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=builds))
    try:
        shutil.copytree(package, draft / package.name, ignore=shutil.ignore_patterns("__pycache__", FOLDER))
        name = build_name(draft / package.name)  # of what is compiled, should somebody be editing
        _translate(draft)
        for leftover in ("build", ".mypy_cache"):
            shutil.rmtree(draft / leftover, ignore_errors=True)
        draft.chmod(PRIVATE)
        _check(draft)
        _remove_older(builds, KEPT)
        final = builds / name
        draft.rename(final)  # fails on another one's build of the same sources, which is as good
    except FileExistsError:
        pass
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return final


def _translate(draft: Path) -> None:
    done = _run(draft, "-m", "smbserver.compile.translate")
    if done.returncode != 0:
        raise BuildError(f"the build failed (exit code {done.returncode}); what it said stands above")


def _check(draft: Path) -> None:
    """Import every compiled module in a process of its own, and look at what came."""
    if _run(draft, "-m", "smbserver.compile.check").returncode != 0:
        raise BuildError("what was built cannot be used; what is wrong with it stands above")


def _run(draft: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """This Python in the draft, which is first on its import path; stdout is for results, so all goes to stderr."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=draft,
        env={**os.environ, "PYTHONPATH": str(draft), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        check=False,
    )


def _remove_older(builds: Path, kept: int) -> None:
    whole = [path for path in builds.iterdir() if not path.name.startswith(UNFINISHED)]
    for path in sorted(whole, key=lambda path: path.stat().st_mtime)[:-kept]:
        shutil.rmtree(path, ignore_errors=True)
