"""A list of names decides what is asked for, and never that nothing is there when it cannot be had.

A file without a stored descriptor is open to whom the share lets in, so every way to "there is none" is tried here.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbserver.backend.base import Handle
from smbserver.backend.posix import PosixBackend, attribute_list, dos_attributes, inode
from smbserver.backend.posix.stored_acl import AclStore, may_write_security
from smbserver.nt import attributes, sid
from smbserver.nt.descriptor import SE_DACL_PRESENT, Ace, Descriptor

CLOSED = Descriptor(SE_DACL_PRESENT, sid.unix_user(7), sid.unix_group(7), (Ace(0, 0, 1, sid.unix_user(7)),))
NAME = "user.DOSATTRIB"
needs_security = pytest.mark.skipif(not may_write_security(), reason="only root may write security attributes")


@pytest.fixture
def backend(share_folder: Path) -> Iterator[PosixBackend]:
    """A share with a file and a directory, both closed and HIDDEN, and a plain file beside them."""
    store = PosixBackend(share_folder)
    if not store.keeps_descriptors:
        store.close()
        pytest.skip("no extended attributes here")
    (share_folder / "plain").touch()
    (share_folder / "d").mkdir()
    (share_folder / "d" / "f").touch()
    for path in (("d",), ("d", "f")):
        handle = opened(store, *path)
        handle.set_attributes(attributes.HIDDEN)
        handle.set_descriptor(CLOSED)
        handle.close()
    yield store
    store.close()


def opened(backend: PosixBackend, *path: str) -> Handle:
    """A new handle."""
    located = backend.locate(path)
    try:
        return backend.open(located, True, False)
    finally:
        located.close()


def is_closed(backend: PosixBackend) -> bool:
    """Whether everything says what was stored: the lookup of both, the place in the directory, and the handles."""
    for path in (("d",), ("d", "f")):
        located = backend.locate(path)
        handle = backend.open(located, True, False)
        try:
            if located.descriptor() != CLOSED or handle.descriptor() != CLOSED:
                return False
            if located.metadata is None or not located.metadata.attributes & attributes.HIDDEN:
                return False
            if not handle.metadata().attributes & attributes.HIDDEN:
                return False
        finally:
            located.close()
            handle.close()
    place = backend.locate(("d", "new"))
    try:
        return place.directory_descriptor() == CLOSED and place.descriptor() is None
    finally:
        place.close()


def no_list(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """From now on no list can be had."""

    def fail(*_: object, **__: object) -> list[str]:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(attribute_list, "_held_syscall", lambda *_: -1)
    monkeypatch.setattr(os, "listxattr", fail)


def test_a_list_says_it(backend: PosixBackend) -> None:
    assert is_closed(backend)
    located = backend.locate(("plain",))
    assert located.descriptor() is located.directory_descriptor() is None
    located.close()


def test_a_kernel_without_the_call(backend: PosixBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribute_list, "_held_syscall", None)
    assert is_closed(backend)


@needs_security
@pytest.mark.parametrize(
    "code", [errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES, errno.EPERM, errno.ERANGE, errno.E2BIG, errno.EIO]
)
def test_a_list_that_fails_is_not_an_empty_one(
    backend: PosixBackend, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    no_list(monkeypatch, code)
    assert attribute_list.of_target(0) is attribute_list.of_entry(0, b".") is None
    assert is_closed(backend)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.ERANGE, errno.E2BIG, errno.EIO])
def test_who_may_not_write_security_is_refused_then(
    share_folder: Path, backend: PosixBackend, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Which of the two attributes counts is told by a list; without one nobody is let in."""
    monkeypatch.setattr("smbserver.backend.posix.stored_acl.may_write_security", lambda: False)
    plain = PosixBackend(share_folder)
    handle = opened(plain, "plain")
    if not may_write_security():
        handle.set_descriptor(CLOSED)
    handle.close()
    located = plain.locate(("d", "f"))
    assert located.descriptor() == CLOSED
    no_list(monkeypatch, code)
    again = plain.locate(("d", "f"))
    with pytest.raises(OSError):
        again.descriptor()
    again.close()
    located.close()
    plain.close()


@pytest.mark.parametrize("length", [60, 240])
def test_a_list_too_long_for_the_buffer_or_the_kernel(backend: PosixBackend, share_folder: Path, length: int) -> None:
    for path in (share_folder / "d", share_folder / "d" / "f"):
        try:
            for number in range(300):
                os.setxattr(path, f"user.{number:0{length}}", b"")
        except OSError:
            pytest.skip("no room for so many attributes")
    directory = os.open(share_folder / "d", os.O_RDONLY)
    if length == 240:
        assert attribute_list.of_target(directory) is None
    else:
        names = attribute_list.of_entry(directory, b"f")
        assert names is not None
        assert len(names) > 300 * length
    os.close(directory)
    if length < 240 or may_write_security():
        assert is_closed(backend)


def test_names_are_compared_whole(share_folder: Path) -> None:
    root = os.open(share_folder, os.O_RDONLY)
    store, user = AclStore(root, True), AclStore(root, False)
    os.close(root)
    for near in (b"", b"\0user.NTACL2\0", b"\0xuser.NTACL\0", b"\0security.NTACL.old\0user.DOSATTRIB\0", b"user.NTACL"):
        assert not store.is_named(near)
        assert not user.is_named(near)
    for names in (b"\0security.NTACL\0", b"\0user.a\0security.NTACL\0user.b\0"):
        assert store.is_named(names)
        assert user.is_named(names)
    assert user.is_named(b"\0user.a\0user.NTACL\0")
    assert not store.is_named(b"\0user.a\0user.NTACL\0")  # anybody could have put it there
    assert dos_attributes.read(-1, True, b"\0user.DOSATTRIB2\0") is None


def test_a_list_is_what_there_is(backend: PosixBackend, share_folder: Path) -> None:
    file = share_folder / "plain"
    directory = os.open(share_folder, os.O_RDONLY)
    for made in ([], ["user.a"], ["user.b", NAME]):
        for name in made:
            os.setxattr(file, name, b"")
        names = os.listxattr(file)
        for found in (attribute_list.of_entry(directory, b"plain"), attribute_list.of_target(str(file))):
            assert found is not None
            assert attribute_list.texts(found) == names
            assert found == b"" if not names else found.startswith(b"\0")
    os.close(directory)


def test_a_value_is_had_by_the_short_way(backend: PosixBackend, share_folder: Path) -> None:
    """Now and then it was not: an argument on the stack had half of another value in it."""
    if attribute_list._held_syscall is None:
        pytest.skip("no getxattrat here")
    directory = os.open(share_folder / "d", os.O_RDONLY)
    value = os.getxattr(share_folder / "d" / "f", NAME)
    for _ in range(200):
        assert attribute_list.value_of_entry(directory, b"f", NAME.encode()) == value
    os.close(directory)


def test_a_list_does_not_follow_a_link(share_folder: Path) -> None:
    (share_folder / "closed").touch()
    os.setxattr(share_folder / "closed", "user.a", b"")
    (share_folder / "link").symlink_to("closed")
    directory = os.open(share_folder, os.O_RDONLY)
    assert attribute_list.of_entry(directory, b"link") == b""
    os.close(directory)


def test_two_changes_in_one_tick(backend: PosixBackend, share_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says the same 256 bytes each time; what is stored is read all the same."""
    if inode._statx_open is None:
        pytest.skip("no statx here")
    for way in ("_statx_open", "_statx_name"):
        real, said = getattr(inode, way), dict[object, bytes]()

        def frozen(fd: int, *rest: object, real: object = real, said: dict[object, bytes] = said) -> int:
            *arguments, buffer = rest
            code: int = real(fd, *rest)  # type: ignore[operator]
            buffer.raw = said.setdefault((os.readlink(f"/proc/self/fd/{fd}"), *arguments), buffer.raw)  # type: ignore[attr-defined]
            return code

        monkeypatch.setattr(inode, way, frozen)
    file, handle = str(share_folder / "plain"), opened(backend, "plain")
    for flags in (None, attributes.HIDDEN, attributes.SYSTEM, None, attributes.HIDDEN):
        if flags is None and NAME in os.listxattr(file):
            os.removexattr(file, NAME)
        elif flags is not None:
            dos_attributes.store(file, flags, 1)
        again = opened(backend, "plain")
        for each in (handle, again):
            assert each.metadata().attributes == (flags or attributes.NORMAL)
        again.close()
    handle.set_descriptor(CLOSED)
    located = backend.locate(("plain",))
    assert located.descriptor() == CLOSED
    located.close()
    handle.close()


def test_the_same_answer_is_not_computed_again(backend: PosixBackend) -> None:
    for path in (("plain",), ("d", "f"), ("d",)):
        located = backend.locate(path)
        handle = backend.open(located, True, False)
        assert handle.metadata() is located.metadata
        handle.set_attributes(attributes.SYSTEM)
        changed = handle.metadata()
        assert changed.attributes & attributes.SYSTEM
        assert handle.metadata() is changed
        handle.close()
        located.close()
