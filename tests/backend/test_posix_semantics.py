"""Exact names, modes and owners, of the stores that say they have them; the others say that they do not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from smbserver.backend.base import Backend, Handle, Symlinks
from smbserver.backend.memory import MemoryBackend
from smbserver.backend.posix import PosixBackend
from smbserver.backend.posix.creation import INHERIT, Creation
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.names import Path as Names


@pytest.fixture
def store(backend: Backend) -> Backend:
    """A store with POSIX semantics."""
    if not backend.posix_semantics:
        pytest.skip("says that it has none")
    return backend


def make(backend: Backend, path: Names, mode: int | None = None, is_directory: bool = False) -> Handle:
    located = backend.locate(path, False, True)
    try:
        if is_directory:
            return backend.create_directory(located, 0, mode=mode)
        return backend.create_file(located, 0, mode=mode)
    finally:
        located.close()


def is_there(backend: Backend, path: Names, exact: bool = True) -> bool:
    located = backend.locate(path, exact=exact)
    located.close()
    return located.identity is not None


def test_memory_says_that_it_has_none(backend: Backend) -> None:
    assert backend.posix_semantics is not isinstance(backend, MemoryBackend)


def test_names_differ_by_case(store: Backend) -> None:
    make(store, ("name",)).close()
    assert not is_there(store, ("Name",))
    assert is_there(store, ("Name",), exact=False)
    make(store, ("Name",)).close()
    assert is_there(store, ("name",))
    assert is_there(store, ("Name",))
    with pytest.raises(FileExistsError):
        make(store, ("Name",)).close()


def test_directories_on_the_way_too(store: Backend) -> None:
    make(store, ("dir",), is_directory=True).close()
    make(store, ("dir", "file")).close()
    assert is_there(store, ("DIR", "FILE"), exact=False)
    with pytest.raises(StatusError) as failure:
        store.locate(("DIR", "file"), exact=True)
    assert failure.value.status == status.OBJECT_PATH_NOT_FOUND


def test_the_other_of_two_names_is_found_when_one_goes(store: Backend) -> None:
    for name in ("First", "FIRST"):
        handle = make(store, (name,))
        assert is_there(store, ("fiRST",), exact=False)
        handle.close()
    located = store.locate(("FIRST",), exact=True)
    assert located.identity is not None
    located.close()
    store.remove(("FIRST",), located.identity)
    assert is_there(store, ("fiRST",), exact=False)


@pytest.mark.parametrize("mode", [0o644, 0o444, 0o000, 0o1755, None])
@pytest.mark.parametrize("is_directory", [False, True])
def test_modes(store: Backend, mode: int | None, is_directory: bool) -> None:
    handle = make(store, ("new",), mode, is_directory)
    owned = handle.ownership()
    handle.close()
    assert (owned.uid, owned.gid) == (os.geteuid(), os.getegid())
    assert owned.device
    if mode is not None:
        assert owned.special | owned.mode == mode


def test_a_listing_tells_owners_to_who_wants_them(store: Backend) -> None:
    make(store, ("dir",), is_directory=True).close()
    make(store, ("dir", "file"), 0o640).close()
    located = store.locate(("dir",))
    handle = store.open(located, True, False)
    located.close()
    found = dict(handle.scan(owned=True))
    assert found["file"].owner is not None
    assert found["file"].owner.mode == 0o640
    assert found["."].owner == handle.ownership()
    assert found[".."].owner is not None
    assert all(meta.owner is None for _, meta in handle.scan())
    handle.close()


def test_files_are_counted(store: Backend) -> None:
    space = store.space()
    assert space.total_files >= space.free_files >= 0


@pytest.mark.parametrize("inherit", [False, True])
def test_what_the_share_says_counts_more(tmp_path: Path, no_leak: None, inherit: bool) -> None:
    backend = PosixBackend(tmp_path, creation=Creation(INHERIT, INHERIT) if inherit else Creation(0o660, 0o770))
    tmp_path.chmod(0o750)
    make(backend, ("file",), 0o604).close()
    make(backend, ("dir",), 0o705, True).close()
    expected = (0o640, 0o750) if inherit else (0o660, 0o770)
    assert tuple(stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "dir")) == expected
    backend.close()


def test_a_link_has_an_owner(tmp_path: Path, no_leak: None) -> None:
    (tmp_path / "link").symlink_to("file")
    backend = PosixBackend(tmp_path, symlinks=Symlinks.SHOWN)
    located = backend.locate(("link",))
    assert located.ownership().uid == os.geteuid()
    located.close()
    backend.close()
