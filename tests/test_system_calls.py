"""What a request costs the kernel, counted: its system calls, on a fixed script, traced as by strace.

A limit is what was counted on Linux 6.18; the message says which calls there were. Lower it when a request needs fewer;
raise it only with the reason in the commit that needs it. Calls of the network are the transport's: one to receive and
one to send for all the requests of an event (tests/transport/test_tcp.py).
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.system_calls import ENTRIES, KINDS, REPEATS, CannotTraceError, counts

LIMITS = {
    "read": 1,  # 4 KiB of an open file
    "write": 1,
    "look": 8,  # open, attributes, close, in one frame
    "make": 14,  # a new file, 1 KiB, close
    "delete": 15,  # open to delete, close
    "list": 14 + 2 * ENTRIES,  # from the start, with the short attributes of each entry
}


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counter[str]]:
    """One run of the script for all kinds."""
    try:
        return counts(tmp_path_factory.mktemp("traced"))
    except CannotTraceError as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("kind", KINDS)
def test_system_calls_per_frame(counted: dict[str, Counter[str]], kind: str) -> None:
    found = {name: count / REPEATS for name, count in sorted(counted[kind].items())}
    assert 0 < sum(found.values()) <= LIMITS[kind], f"{LIMITS[kind]} are allowed, there were {found}"
