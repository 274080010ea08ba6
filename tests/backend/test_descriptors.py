"""Security descriptors of every store: kept, made with the file, following it, refused whole."""

from __future__ import annotations

import errno

import pytest

from smbserver.backend.base import Backend, Handle
from smbserver.nt import attributes, sid
from smbserver.nt.descriptor import ACCESS_ALLOWED, SE_DACL_PRESENT, SE_DACL_PROTECTED, Ace, Descriptor

LOCKED = Descriptor(
    SE_DACL_PRESENT | SE_DACL_PROTECTED,
    sid.sid(5, 21, 1, 2, 3, 1000),
    sid.sid(5, 21, 1, 2, 3, 513),
    (Ace(ACCESS_ALLOWED, 0, 0x1F01FF, sid.sid(5, 21, 1, 2, 3, 1000)),),
)


def make(backend: Backend, name: str) -> Handle:
    """A new file, open."""
    place = backend.locate((name,))
    try:
        return backend.create_file(place, 0, 1)
    finally:
        place.close()


def test_a_security_descriptor_is_kept(backend: Backend) -> None:
    assert backend.keeps_descriptors
    handle = make(backend, "a")
    assert handle.descriptor() is None
    handle.set_descriptor(LOCKED)
    handle.set_descriptor(LOCKED)
    assert handle.descriptor() == LOCKED
    assert handle.ownership().mode & ~0o777 == 0
    handle.close()
    located = backend.locate(("a",))
    assert located.descriptor() == LOCKED
    assert located.directory_descriptor() is None
    located.close()


def test_a_file_is_made_with_its_descriptor(backend: Backend) -> None:
    for name in ("file", "directory"):
        place = backend.locate((name,))
        assert place.descriptor() is None
        create = backend.create_file if name == "file" else backend.create_directory
        handle = create(place, 0, 1, LOCKED)
        assert handle.descriptor() == LOCKED
        handle.close()
        place.close()
    inside = backend.locate(("directory", "new"))
    assert inside.descriptor() is None
    assert inside.directory_descriptor() == LOCKED
    inside.close()
    root = backend.locate(())
    assert root.descriptor() is None
    assert root.directory_descriptor() is None
    root.close()


def test_a_descriptor_stays_when_readonly_goes(backend: Backend) -> None:
    handle = make(backend, "a")
    handle.set_descriptor(LOCKED)
    for wanted in (attributes.READONLY, attributes.ARCHIVE):
        handle.set_attributes(wanted)
        assert handle.descriptor() == LOCKED
    handle.close()


def test_a_descriptor_follows_a_rename(backend: Backend) -> None:
    handle = make(backend, "a")
    handle.set_descriptor(LOCKED)
    handle.close()
    old, target = backend.locate(("a",)), backend.locate(("b",))
    assert old.identity is not None
    backend.rename(old.path, old.identity, target, False)
    old.close()
    target.close()
    located = backend.locate(("b",))
    assert located.descriptor() == LOCKED
    located.close()


def test_a_descriptor_too_large_leaves_nothing_behind(backend: Backend) -> None:
    entry = Ace(ACCESS_ALLOWED, 0, 1, sid.sid(5, *range(15)))
    place = backend.locate(("a",))
    with pytest.raises(OSError, match="too long") as refused:
        backend.create_file(place, 0, 1, LOCKED._replace(dacl=(entry,) * 1000))
    place.close()
    assert refused.value.errno == errno.E2BIG
    again = backend.locate(("a",))
    assert again.metadata is None
    again.close()


def test_nothing_after_the_close(backend: Backend) -> None:
    handle = make(backend, "a")
    handle.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        handle.set_descriptor(LOCKED)
