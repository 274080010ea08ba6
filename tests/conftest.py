"""What all tests have: the repository on the import path, and the fixture `world`, a server without a network."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.harness import World

REPOSITORY = Path(__file__).resolve().parent.parent
MEMORY_FOLDER = Path("/dev/shm")
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # for the packages `conformance` and `tests`


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
