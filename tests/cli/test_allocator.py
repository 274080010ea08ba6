"""The settings of malloc, seen from outside: how many pages are touched for the first time."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from smbserver.cli.allocator import KEPT_FREE, OWN_MAPPING_FROM, keep_freed_memory

REPOSITORY: Final = Path(__file__).resolve().parents[2]
ROUNDS: Final = 100
PAGES: Final = 256  # of one buffer
IS_GLIBC: Final = platform.libc_ver()[0] == "glibc"

# Three buffers at a time, as a sealed message has them; most of the faults of the first rounds are not what is asked.
SCRIPT: Final = """
import resource, sys
from smbserver.cli.allocator import keep_freed_memory
if sys.argv[1] == "set":
    print(keep_freed_memory({}))
def exchange():
    data = bytearray(1 << 20)
    joined = b"".join((data, b"tag"))
    return len(joined + b"more")
for _ in range(10):
    exchange()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    exchange()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _run(word: str) -> list[str]:
    command = [sys.executable, "-c", SCRIPT, word]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.split()


@pytest.mark.skipif(not IS_GLIBC, reason="only glibc's malloc is set")
def test_large_buffers_are_used_again_without_page_faults() -> None:
    was_set, faults = _run("set")
    assert was_set == "True"
    assert int(faults) < ROUNDS * PAGES // 10


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES"])
def test_what_the_operator_has_set_stays(name: str) -> None:
    assert not keep_freed_memory({"PATH": "/bin", name: "1"})


def test_what_is_kept_is_bounded() -> None:
    assert 8 * 1024 * 1024 + 64 * 1024 < OWN_MAPPING_FROM < KEPT_FREE <= 32 * 1024 * 1024
