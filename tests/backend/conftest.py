"""The stores under test: every one this machine can offer, as a fixture that also counts descriptors.

The package is imported only inside the fixtures: pytest reads the conftest.py of a named folder before the option
`--compiled` is known.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smbserver.backend.base import Backend

MUCH = 1 << 60  # a limit that nothing here reaches
SHARED_MEMORY = Path("/dev/shm")  # a tmpfs nearly everywhere, and unlike a disk's file system in small ways


def open_descriptors() -> int:
    """How many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))


class Clock:
    """A FILETIME that moves by one second with every look."""

    def __init__(self) -> None:
        self.time = 133_000_000_000_000_000

    def __call__(self) -> int:
        """The present."""
        self.time += 10_000_000
        return self.time


@pytest.fixture
def clock() -> Clock:
    """A clock of its own for every test."""
    return Clock()


@pytest.fixture
def no_leak() -> Iterator[None]:
    """The test ends with as many descriptors as it began."""
    before = open_descriptors()
    yield
    assert open_descriptors() == before


@pytest.fixture(params=["disk", "shared memory", "no openat2", "memory", "limited disk"])
def backend(
    request: pytest.FixtureRequest, tmp_path: Path, no_leak: None, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Backend]:
    """One empty store per kind."""
    from smbserver.backend.memory import MemoryBackend
    from smbserver.backend.posix import PosixBackend, measure
    from smbserver.backend.size_limit import SizeLimitedDisk

    if request.param == "memory":
        memory = MemoryBackend(clock)
        yield memory
        memory.close()
        return
    root = tmp_path
    if request.param == "shared memory":
        if not SHARED_MEMORY.is_dir():
            pytest.skip("no /dev/shm here")
        root = Path(tempfile.mkdtemp(dir=SHARED_MEMORY))
    store = PosixBackend(root, kernel_walk=request.param != "no openat2")
    try:
        yield (
            store
            if request.param != "limited disk"
            else SizeLimitedDisk(store, MUCH, partial(measure, str(root)), lambda: 0)
        )
    finally:
        store.close()
        if root is not tmp_path:
            shutil.rmtree(root)
