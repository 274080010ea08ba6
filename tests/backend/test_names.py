"""Names in every store: two compositions, short names, and what a name that has just gone brings back."""

from __future__ import annotations

import errno
import os
from contextlib import closing
from pathlib import Path

import pytest

from smbserver.backend.base import Backend
from smbserver.backend.posix import PosixBackend
from smbserver.nt import status
from smbserver.nt.filetime import from_unix_ns
from smbserver.nt.short_names import short_name
from tests.backend.conftest import Clock
from tests.backend.test_contract import CREATED, content, fails, listing, make, refuses, remove, rename

COMPOSED, DECOMPOSED = "\u00e4.txt", "a\u0308.txt"
LONG = "A rather long name.text"
SHORT = short_name(LONG)


def end_tunnels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever has gone did so too long ago."""
    for module, constant in (("memory", "_TUNNEL"), ("posix.volume", "TUNNEL_NS")):
        monkeypatch.setattr(f"smbserver.backend.{module}.{constant}", -1)


def found(backend: Backend, name: str, composed: bool = True) -> str | None:
    """How the file that this spelling means is called."""
    located = backend.locate((name,), composed)
    located.close()
    return located.path[-1] if located.identity is not None else None


def make_at(backend: Backend, name: str, moment: int, composed: bool = False) -> str:
    """Make a file at this time; how it is called then."""
    with closing(backend.locate((name,), composed)) as located:
        backend.create_file(located, 0, moment).close()
        return located.path[-1]


@pytest.mark.parametrize(("stored", "asked"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_another_composition_is_found_but_does_not_stand_in_the_way(backend: Backend, stored: str, asked: str) -> None:
    make(backend, stored, data=b"first")
    assert found(backend, asked) == found(backend, asked.upper()) == stored
    assert found(backend, asked, composed=False) is None
    assert make_at(backend, asked, CREATED) == asked
    assert sorted(listing(backend)) == sorted([stored, asked])
    for name in (stored, asked):
        assert found(backend, name) == found(backend, name.upper()) == name
    remove(backend, asked)
    assert found(backend, asked) == stored
    assert content(backend, asked) == b"first"
    remove(backend, asked)
    assert listing(backend) == []


def test_renamed_beside_another_composition(backend: Backend) -> None:
    make(backend, DECOMPOSED, data=b"one")
    make(backend, "file", data=b"two")
    located = backend.locate(("file",))
    located.close()
    assert located.identity is not None
    target = backend.locate((COMPOSED,), composed=False)
    assert backend.rename(("file",), located.identity, target, False) == (COMPOSED,)
    target.close()
    assert (content(backend, DECOMPOSED), content(backend, COMPOSED)) == (b"one", b"two")


def test_a_file_is_found_by_its_short_name(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    end_tunnels(monkeypatch)
    make(backend, LONG, data=b"long")
    assert found(backend, SHORT) == found(backend, SHORT.lower()) == LONG
    assert found(backend, SHORT, composed=False) == LONG
    assert content(backend, SHORT) == b"long"
    assert listing(backend) == [LONG]
    with fails(errno.EEXIST):
        make_at(backend, SHORT, CREATED)
    rename(backend, (SHORT,), ("other",))
    assert found(backend, SHORT) is None
    make(backend, SHORT, data=b"exact")
    rename(backend, ("other",), (LONG,))
    assert content(backend, SHORT) == b"exact"  # a real name comes first
    assert content(backend, LONG) == b"long"


def test_a_short_name_that_two_files_have_means_none(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("smbserver.backend.memory_nodes", "smbserver.backend.posix.known_names"):
        monkeypatch.setattr(f"{module}.short_name", lambda name: "A00000~0")
    make(backend, "the first of two")
    assert found(backend, "A00000~0") == "the first of two"
    make(backend, "the second of two")
    assert found(backend, "A00000~0") is None


def test_the_long_name_comes_back(backend: Backend, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    make(backend, LONG)
    assert found(backend, SHORT) == LONG
    remove(backend, SHORT)
    assert make_at(backend, SHORT, last_change(backend, clock)) == LONG
    assert listing(backend) == [LONG]
    assert found(backend, SHORT) == LONG
    remove(backend, SHORT)
    end_tunnels(monkeypatch)
    assert make_at(backend, SHORT, last_change(backend, clock)) == SHORT


def last_change(backend: Backend, clock: Clock) -> int:
    """When the root was changed last, as FILETIME, by the clock of the store."""
    return from_unix_ns(os.fstat(backend._root).st_mtime_ns) if isinstance(backend, PosixBackend) else clock.time


def test_a_name_taken_meanwhile_stays(backend: Backend, clock: Clock) -> None:
    make(backend, LONG)
    assert found(backend, SHORT) == LONG
    rename(backend, (SHORT,), ("moved",))
    make(backend, LONG.upper())
    with fails(errno.EEXIST):
        make_at(backend, SHORT, last_change(backend, clock))  # it is that one's short name too


@pytest.mark.parametrize("name", ["dot.", "space ", "two..", "x. "])
def test_a_dot_or_space_at_the_end_without_regard_to_case(backend: Backend, name: str) -> None:
    make(backend, name)
    assert found(backend, name.upper()) is not None
    shown = listing(backend)
    assert len(shown) == 1
    assert found(backend, shown[0]) == shown[0]
    assert found(backend, short_name(name)) is not None
    remove(backend, name)


def test_names_that_no_disk_holds(tmp_path: Path) -> None:
    store = PosixBackend(tmp_path)
    with refuses(status.OBJECT_NAME_INVALID):
        store.locate(("\u20ac" * 86,))  # 258 bytes of UTF-8
    store.locate(("\u20ac" * 85,)).close()
    store.close()
