"""Whether the kernel says truly what is in its page cache."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from smbserver.backend.posix.page_cache import is_cached

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_just_written_is_there_and_a_hole_is_not(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+b") as file:
        file.write(bytes(300_000))
        file.flush()
        if not is_cached(file.fileno(), 0, 300_000):
            pytest.skip("this kernel does not say what is in its page cache")
        assert is_cached(file.fileno(), 4095, 2)
        assert is_cached(file.fileno(), 299_999, 1)
        os.ftruncate(file.fileno(), 3_000_000)
        assert not is_cached(file.fileno(), 0, 3_000_000)
        assert not is_cached(file.fileno(), 2_000_000, 4096)


def test_nobody_can_say_it_of_no_file() -> None:
    assert not is_cached(-1, 0, 4096)
