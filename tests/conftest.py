"""What all tests have: the repository on the import path, and the fixture `world`, a server without a network.

With `--compiled` the package comes from the build that `python3 -m smbserver.compile` has made. A test that replaces a
part of a compiled module, which its callers would not notice, is skipped then, and so is one marked `pure`.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.harness import World

REPOSITORY = Path(__file__).resolve().parent.parent
MEMORY_FOLDER = Path("/dev/shm")
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # for the packages `conformance` and `tests`


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option above."""
    parser.addoption("--compiled", action="store_true", help="test the build of smbserver.compile instead of the text")


def pytest_configure(config: pytest.Config) -> None:
    """Choose where the package comes from, before any test imports it."""
    config.addinivalue_line("markers", "pure(reason): asks for what only the text has; not for the compiled build")
    if config.getoption("--compiled"):
        from smbserver.compile import current  # not above: it is the package that is chosen here

        current.prefer()
        if not current.is_used():
            raise pytest.UsageError("there is no build of these sources: python3 -m smbserver.compile")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, visibly, what says that it cannot be asked of the build."""
    if config.getoption("--compiled"):
        for item in items:
            for marker in item.iter_markers("pure"):
                item.add_marker(pytest.mark.skip(reason=f"only the text: {marker.kwargs['reason']}"))


def pytest_collection_finish() -> None:
    """Spare the collector what stays to the end: its last generation took up to 0.7 s, in the middle of any test."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def monkeypatch(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> pytest.MonkeyPatch:
    """Pytest's, which with `--compiled` skips a test that wants to replace what has been compiled in."""
    if request.config.getoption("--compiled"):
        plain = monkeypatch.setattr

        def replace(target: object, *rest: object, **options: object) -> None:
            if _is_compiled(target):
                pytest.skip("only the text: replaces a part of a compiled module")
            plain(target, *rest, **options)  # type: ignore[call-overload]  # handed on as it came

        monkeypatch.setattr = replace  # type: ignore[method-assign]
    return monkeypatch


def _is_compiled(target: object) -> bool:
    """Whether this is a compiled module, or a class in one or an object of one."""
    if isinstance(target, str):
        return target.startswith("smbserver.")
    if not isinstance(target, ModuleType):
        target = sys.modules.get((target if isinstance(target, type) else type(target)).__module__)
    file = target.__dict__.get("__file__") if isinstance(target, ModuleType) else None
    return isinstance(file, str) and file.endswith(".so") and f"{os.sep}smbserver{os.sep}" in file


@pytest.fixture
def share_folder() -> Iterator[Path]:
    """An empty folder for shares, in memory where there is such a place."""
    folder = Path(tempfile.mkdtemp(prefix="smb-", dir=MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None))
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)  # a test may have closed it
    shutil.rmtree(folder)


@pytest.fixture
def world(share_folder: Path) -> Iterator[World]:
    """A server with the shares `data` and `ro`."""
    from tests.harness import World  # not above: the import path is set up by then

    made = World(share_folder)
    yield made
    made.close()
