"""What every backend does: each method of `backend.base`, and each refusal it names."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from smbserver.backend.base import Backend, Handle
from smbserver.errors import StatusError
from smbserver.nt import attributes, status
from smbserver.nt.filetime import MAXIMUM
from smbserver.nt.metadata import Metadata
from smbserver.nt.names import Path
from tests.records import values

CREATED = 132_000_000_000_000_000
LATER = CREATED + 1_234_567


def make(backend: Backend, *path: str, data: bytes = b"") -> None:
    """A file with these bytes."""
    located = backend.locate(path)
    handle = backend.create_file(located, 0, CREATED)
    located.close()
    if data:
        handle.write(data, 0)
    handle.close()


def make_directory(backend: Backend, *path: str) -> None:
    """A directory."""
    located = backend.locate(path)
    backend.create_directory(located, 0, CREATED).close()
    located.close()


def opened(backend: Backend, *path: str, read: bool = True, write: bool = True) -> Handle:
    """A handle of what is there; directories are never opened for writing."""
    located = backend.locate(path)
    try:
        assert located.metadata is not None
        return backend.open(located, read, write and not located.metadata.is_directory)
    finally:
        located.close()


def content(backend: Backend, *path: str) -> bytes:
    """All bytes of a file."""
    handle = opened(backend, *path, write=False)
    try:
        return bytes(handle.read_blocking(1 << 20, 0))
    finally:
        handle.close()


def exists(backend: Backend, *path: str) -> bool:
    """Whether something is there."""
    located = backend.locate(path)
    located.close()
    return located.identity is not None


def listing(backend: Backend, *path: str) -> list[str]:
    """The names in a directory, without "." and ".."."""
    handle = opened(backend, *path, write=False)
    names = [name for name, _ in handle.scan()]
    handle.close()
    assert names[:2] == [".", ".."]
    return sorted(names[2:])


def remove(backend: Backend, *path: str) -> None:
    """Remove what is there now, under the name it is stored with."""
    located = backend.locate(path)
    located.close()
    assert located.identity is not None
    backend.remove(located.path, located.identity)


def rename(backend: Backend, source: Path, to: Path, replace: bool = False) -> Path:
    """Rename what is there now."""
    located = backend.locate(source)
    located.close()
    assert located.identity is not None
    target = backend.locate(to)
    try:
        return backend.rename(located.path, located.identity, target, replace)
    finally:
        target.close()


def link(backend: Backend, source: Path, to: Path, replace: bool = False) -> None:
    """Give what is there now a further name."""
    located = backend.locate(source)
    located.close()
    assert located.identity is not None
    target = backend.locate(to)
    try:
        backend.link(located.path, located.identity, target, replace)
    finally:
        target.close()


@contextmanager
def fails(code: int) -> Iterator[None]:
    """Expect this errno."""
    with pytest.raises(OSError) as caught:
        yield
    assert caught.value.errno == code


@contextmanager
def refuses(code: int) -> Iterator[None]:
    """Expect this NTSTATUS."""
    with pytest.raises(StatusError) as caught:
        yield
    assert caught.value.status == code


# --- locate and open ---


def test_root(backend: Backend) -> None:
    located = backend.locate(())
    assert located.path == ()
    assert located.metadata is not None
    assert located.metadata.attributes & attributes.DIRECTORY
    located.close()
    handle = opened(backend)
    assert handle.is_directory
    assert handle.identity == located.identity
    handle.close()
    assert backend.creation_time > 0
    assert 0 <= backend.serial_number < 1 << 32


def test_what_only_some_stores_have(backend: Backend) -> None:
    """Links where they are to be shown, which is asked of each store by itself; what nothing can change is not here."""
    assert backend.links is None
    assert not backend.read_only


def test_absent_name_is_located_as_a_place(backend: Backend) -> None:
    located = backend.locate(("new",))
    assert (located.path, located.identity, located.metadata) == (("new",), None, None)
    located.close()


def test_missing_directory_on_the_way(backend: Backend) -> None:
    make(backend, "file")
    for path in (("no", "x"), ("file", "x"), ("no", "no", "x")):
        with refuses(status.OBJECT_PATH_NOT_FOUND):
            backend.locate(path)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "/", "a\0b", "\0", "x" * 256, "é" * 256])
def test_names_that_cannot_be_stored(backend: Backend, name: str) -> None:
    make_directory(backend, "d")
    for path in ((name,), ("d", name), (name, "x"), ("d", name, "x")):
        with pytest.raises(StatusError) as caught:
            backend.locate(path)
        assert caught.value.status in (status.OBJECT_NAME_INVALID, status.OBJECT_PATH_SYNTAX_BAD)


@pytest.mark.parametrize(
    ("stored", "asked"),
    [("Read.ME", "rEAD.me"), ("Été", "e\u0301T\u00c9"), ("e\u0301", "\u00c9"), ("\u03a9", "\u2126")],
)
def test_lookup_without_regard_to_case_and_composition(backend: Backend, stored: str, asked: str) -> None:
    make_directory(backend, stored)
    make(backend, asked, asked, data=b"x")
    located = backend.locate((asked.lower(), asked.upper()))
    assert located.path == (stored, asked)
    located.close()
    assert listing(backend) == [stored]
    assert listing(backend, stored) == [asked]


def test_open_what_is_gone_or_another(backend: Backend) -> None:
    make(backend, "a", data=b"1")
    located = backend.locate(("a",))
    keeper = opened(backend, "a")  # so that no inode number comes back
    remove(backend, "a")
    with fails(errno.ENOENT):
        backend.open(located, True, False)
    make(backend, "a", data=b"2")
    with fails(errno.ESTALE):
        backend.open(located, True, False)
    located.close()
    keeper.close()


def test_open_modes(backend: Backend) -> None:
    make(backend, "a", data=b"1")
    for read, write in ((False, False), (True, False)):
        handle = opened(backend, "a", read=read, write=write)
        assert handle.metadata().end_of_file == 1
        with fails(errno.EBADF):
            handle.write(b"x", 0)
        handle.close()
    handle = opened(backend, "a", read=False, write=True)
    handle.write(b"2", 0)
    handle.close()
    assert content(backend, "a") == b"2"


# --- files ---


def test_created_file(backend: Backend) -> None:
    located = backend.locate(("New",))
    handle = backend.create_file(located, attributes.HIDDEN | attributes.ARCHIVE, CREATED)
    located.close()
    assert located.path == ("New",)
    meta = handle.metadata()
    assert meta.attributes == attributes.HIDDEN | attributes.ARCHIVE
    assert meta.creation_time == CREATED
    assert (meta.end_of_file, meta.number_of_links, meta.is_directory) == (0, 1, False)
    handle.write(b"abc", 0)
    assert handle.read(10, 0) in (b"abc", None)
    handle.close()
    found = backend.locate(("NEW",))
    found.close()
    assert found.metadata is not None
    assert found.identity == handle.identity
    assert found.metadata.file_id == meta.file_id


def test_create_where_something_is(backend: Backend) -> None:
    make(backend, "a", data=b"1")
    make_directory(backend, "d")
    for path in (("a",), ("A",), ("d",), ("D",), ()):
        located = backend.locate(path)
        for create in (backend.create_file, backend.create_directory):
            with fails(errno.EEXIST):
                create(located, 0, CREATED)
        located.close()
    assert listing(backend) == ["a", "d"]
    assert content(backend, "a") == b"1"


def test_create_where_something_is_meanwhile(backend: Backend) -> None:
    located = backend.locate(("a",))
    make(backend, "a", data=b"1")
    for create in (backend.create_file, backend.create_directory):
        with fails(errno.EEXIST):
            create(located, 0, CREATED)
    located.close()
    assert content(backend, "a") == b"1"


def test_create_in_a_removed_directory(backend: Backend) -> None:
    make_directory(backend, "d")
    located = backend.locate(("d", "x"))
    remove(backend, "d")
    for create in (backend.create_file, backend.create_directory):
        with fails(errno.ENOENT):
            create(located, 0, CREATED)
    located.close()


def test_read_and_write(backend: Backend) -> None:
    make(backend, "a")
    handle = opened(backend, "a")
    handle.write(b"hello", 3)
    handle.write(memoryview(b"HE"), 3)
    assert bytes(handle.read_blocking(100, 0)) == b"\0\0\0HEllo"
    assert bytes(handle.read_blocking(2, 4)) == b"El"
    assert bytes(handle.read_blocking(2, 8)) == b""
    assert bytes(handle.read_blocking(2, 1 << 40)) == b""
    handle.sync()
    handle.close()


def test_truncate(backend: Backend) -> None:
    make(backend, "a", data=b"12345")
    handle = opened(backend, "a")
    handle.truncate(2)
    assert bytes(handle.read_blocking(10, 0)) == b"12"
    handle.truncate(4)
    assert bytes(handle.read_blocking(10, 0)) == b"12\0\0"
    assert handle.metadata().end_of_file == 4
    handle.close()


def test_allocate_does_not_change_the_end(backend: Backend) -> None:
    make(backend, "a", data=b"123")
    handle = opened(backend, "a")
    handle.allocate(100_000)
    handle.allocate(0)
    assert handle.metadata().end_of_file == 3
    assert bytes(handle.read_blocking(10, 0)) == b"123"
    handle.close()


def test_a_write_of_nothing_changes_nothing(backend: Backend) -> None:
    make(backend, "f")
    handle = opened(backend, "f")
    handle.write(b"abc", 0)
    for offset in (0, 3, 100):
        handle.write(b"", offset)
    assert handle.metadata().end_of_file == 3
    if backend.has_streams:
        stream = handle.streams().create("s")
        stream.write(b"", 100)
        assert stream.metadata().end_of_file == 0
        stream.close()
    handle.close()


def test_allocation_leaves_the_write_time(backend: Backend) -> None:
    """[MS-FSA] 2.1.5.15.1: room that is reserved is no modification."""
    make(backend, "a", data=b"123")
    handle = opened(backend, "a")
    handle.set_times(None, None, LATER, None)
    handle.allocate(100_000)
    assert handle.metadata().last_write_time == LATER
    handle.close()


def test_write_changes_the_write_time_and_not_the_creation_time(backend: Backend) -> None:
    make(backend, "a", data=b"1")
    handle = opened(backend, "a")
    handle.set_times(None, None, LATER, None)
    handle.write(b"2", 0)
    meta = handle.metadata()
    assert meta.last_write_time > LATER
    assert meta.creation_time == CREATED
    handle.close()


def test_set_times(backend: Backend) -> None:
    make(backend, "a")
    make_directory(backend, "d")
    for name in ("a", "d"):
        handle = opened(backend, name)
        handle.set_times(LATER, LATER + 10, LATER + 20, None)
        assert handle.metadata().times[:3] == (LATER, LATER + 10, LATER + 20)
        handle.set_times(None, LATER + 30, None, None)
        assert handle.metadata().times[:3] == (LATER, LATER + 30, LATER + 20)
        handle.set_times(None, None, LATER + 40, LATER)
        assert handle.metadata().times[:3] == (LATER, LATER + 30, LATER + 40)
        handle.close()


def test_every_time_is_shown_as_it_was_set(backend: Backend) -> None:
    """The change time too, and those before 1901 and after 2446, where some file systems end."""
    make(backend, "a")
    make_directory(backend, "d")
    for name in ("a", "d"):
        handle = opened(backend, name)
        for times in ((LATER, LATER + 1, LATER + 2, LATER + 3), (4, 3, 2, 1), (MAXIMUM, MAXIMUM - 1, MAXIMUM, 5)):
            handle.set_times(*times)
            assert handle.metadata().times == times
        handle.set_times(None, None, None, 6)
        assert handle.metadata().times == (MAXIMUM, MAXIMUM - 1, MAXIMUM, 6)
        handle.close()


def test_held_times(backend: Backend) -> None:
    """[MS-FSA] 2.1.5.15.2: they stay through this handle and move through others."""
    make(backend, "a", data=b"1")
    handle, other = opened(backend, "a"), opened(backend, "a")
    handle.set_times(None, 1, 2, 3)
    handle.hold_times(True, True, True)
    handle.write(b"22", 0)
    handle.truncate(1)
    handle.allocate(10_000)
    handle.set_attributes(attributes.HIDDEN)
    handle.set_times(4, None, None, None)
    assert handle.read_blocking(10, 0) == b"2"
    assert handle.metadata().times == (4, 1, 2, 3)
    other.write(b"3", 0)
    assert handle.metadata().last_write_time > LATER
    handle.set_times(None, None, 2, None)
    handle.hold_times(False, False, False)
    handle.write(b"4", 0)
    assert handle.metadata().last_write_time > LATER
    handle.close()
    other.close()


def test_set_attributes(backend: Backend) -> None:
    make(backend, "a")
    make_directory(backend, "d")
    for name, always, without in (("a", 0, attributes.NORMAL), ("d", attributes.DIRECTORY, attributes.DIRECTORY)):
        handle = opened(backend, name)
        handle.set_attributes(attributes.HIDDEN | attributes.SYSTEM | attributes.COMPRESSED | attributes.DIRECTORY)
        assert handle.metadata().attributes == attributes.HIDDEN | attributes.SYSTEM | always
        assert handle.metadata().creation_time == CREATED
        handle.set_attributes(attributes.NORMAL)
        assert handle.metadata().attributes == without
        handle.close()


def test_readonly_comes_and_goes(backend: Backend) -> None:
    make(backend, "a")
    handle = opened(backend, "a", read=False, write=False)
    handle.set_attributes(attributes.READONLY)
    assert handle.metadata().attributes == attributes.READONLY
    handle.set_attributes(attributes.ARCHIVE)
    assert handle.metadata().attributes == attributes.ARCHIVE
    handle.close()


def test_removed_but_open_file_goes_on(backend: Backend) -> None:
    make(backend, "a", data=b"1")
    handle = opened(backend, "a")
    remove(backend, "a")
    assert listing(backend) == []
    handle.write(b"2", 1)
    assert bytes(handle.read_blocking(10, 0)) == b"12"
    assert handle.metadata().number_of_links == 0
    handle.truncate(1)
    handle.set_attributes(attributes.HIDDEN)
    make(backend, "a", data=b"new")
    assert content(backend, "a") == b"new"
    handle.close()


def test_renamed_open_file_goes_on(backend: Backend) -> None:
    make(backend, "a", data=b"1")
    handle = opened(backend, "a")
    rename(backend, ("a",), ("b",))
    handle.write(b"2", 0)
    assert content(backend, "b") == b"2"
    handle.close()


def test_everything_fails_after_close_which_may_be_repeated(backend: Backend) -> None:
    make(backend, "a")
    handle = opened(backend, "a")
    handle.close()
    handle.close()
    for call in (
        lambda: handle.read(1, 0),
        lambda: handle.read_blocking(1, 0),
        lambda: handle.write(b"x", 0),
        lambda: handle.truncate(0),
        lambda: handle.allocate(1),
        handle.sync,
        handle.metadata,
        lambda: handle.set_times(1, 1, 1, None),
        lambda: handle.set_attributes(0),
        handle.descriptor,
        handle.ownership,
    ):
        with fails(errno.EBADF):
            call()


def test_a_lookup_may_be_closed_twice(backend: Backend) -> None:
    located = backend.locate(("a",))
    located.close()
    other = backend.locate(())
    located.close()
    handle = backend.open(other, True, False)
    other.close()
    handle.close()


# --- directories ---


def test_scan(backend: Backend) -> None:
    make_directory(backend, "d")
    make_directory(backend, "d", "e")
    make(backend, "d", "f", data=b"12")
    handle = opened(backend, "d")
    entries = dict(handle.scan())
    root, below = backend.locate(()), backend.locate(("d", "f"))
    assert sorted(entries) == [".", "..", "e", "f"]
    assert entries["."].file_id == handle.metadata().file_id
    assert root.metadata is not None
    assert entries[".."].file_id == root.metadata.file_id
    assert below.metadata is not None
    assert values(entries["f"]) == values(below.metadata)
    assert entries["e"].is_directory
    for each in (root, below, handle):
        each.close()


def test_scan_survives_changes(backend: Backend) -> None:
    make_directory(backend, "d")
    for number in range(50):
        make(backend, "d", f"{number}")
    handle = opened(backend, "d")
    entries = handle.scan()
    seen = [next(entries)[0] for _ in range(10)]
    for number in range(50):
        if f"{number}" not in seen:
            remove(backend, "d", f"{number}")
    seen += [name for name, _ in entries]
    assert len(seen) == len(set(seen))
    handle.close()
    assert listing(backend, "d") == sorted(name for name in seen if name.isdigit() and exists(backend, "d", name))


def test_abandoned_scan_holds_nothing(backend: Backend) -> None:
    """The `no_leak` of the fixture is the assertion."""
    make(backend, "a")
    handle = opened(backend)
    entries = handle.scan()
    for _ in range(3):
        next(entries)
    del entries
    handle.close()


def test_is_empty(backend: Backend) -> None:
    make_directory(backend, "d")
    handle = opened(backend, "d")
    assert handle.is_empty()
    make(backend, "d", "x")
    assert not handle.is_empty()
    remove(backend, "d", "x")
    assert handle.is_empty()
    handle.close()


def test_data_calls_on_a_directory(backend: Backend) -> None:
    make_directory(backend, "d")
    handle = opened(backend, "d")
    for call in (
        lambda: handle.read_blocking(1, 0),
        lambda: handle.write(b"x", 0),
        lambda: handle.truncate(0),
    ):
        with pytest.raises(OSError):
            call()
    handle.close()


# --- remove ---


def test_remove(backend: Backend) -> None:
    make_directory(backend, "d")
    make(backend, "d", "x")
    with fails(errno.ENOTEMPTY):
        remove(backend, "d")
    remove(backend, "D", "X")
    remove(backend, "d")
    assert listing(backend) == []


def test_remove_what_is_gone_or_another(backend: Backend) -> None:
    make(backend, "a")
    make(backend, "b")
    found = backend.locate(("a",))
    found.close()
    assert found.identity is not None
    with fails(errno.ESTALE):
        backend.remove(("b",), found.identity)
    with fails(errno.ENOENT):
        backend.remove(("c",), found.identity)
    with refuses(status.OBJECT_PATH_NOT_FOUND):
        backend.remove(("no", "c"), found.identity)
    with pytest.raises(StatusError):
        backend.remove(("..",), found.identity)
    assert listing(backend) == ["a", "b"]


def test_the_root_stays(backend: Backend) -> None:
    root = backend.locate(())
    assert root.identity is not None
    make(backend, "a")
    with fails(errno.EBUSY):
        backend.remove((), root.identity)
    other = backend.locate(("other",))
    with fails(errno.EBUSY):
        backend.rename((), root.identity, other, True)
    with fails(errno.EBUSY):
        backend.link((), root.identity, other, True)
    for call in (rename, link):
        with fails(errno.EBUSY):
            call(backend, ("a",), (), True)
    other.close()
    root.close()


# --- rename and link ---


def test_rename(backend: Backend) -> None:
    make_directory(backend, "d")
    make(backend, "a", data=b"1")
    assert rename(backend, ("A",), ("D", "New")) == ("d", "New")
    assert listing(backend) == ["d"]
    assert content(backend, "d", "new") == b"1"
    assert rename(backend, ("d",), ("e",)) == ("e",)
    assert content(backend, "e", "new") == b"1"


def test_rename_changes_the_spelling(backend: Backend) -> None:
    make(backend, "name", data=b"1")
    make_directory(backend, "d")
    for replace, spelling in ((False, "NAME"), (True, "Name"), (False, "Name")):
        assert rename(backend, ("name",), (spelling,), replace) == (spelling,)
        assert listing(backend) == sorted([spelling, "d"])
    assert rename(backend, ("d",), ("D",)) == ("D",)
    assert listing(backend) == ["D", "Name"]
    assert content(backend, "name") == b"1"


@pytest.mark.parametrize("spelling", ["b", "B"])
def test_rename_onto_another(backend: Backend, spelling: str) -> None:
    make(backend, "a", data=b"1")
    make(backend, "b", data=b"2")
    with fails(errno.EEXIST):
        rename(backend, ("a",), (spelling,))
    assert listing(backend) == ["a", "b"]
    assert content(backend, "b") == b"2"
    assert rename(backend, ("a",), (spelling,), replace=True) == (spelling,)
    assert listing(backend) == [spelling]
    assert content(backend, "b") == b"1"


@pytest.mark.parametrize("target", ["full", "FULL", "empty", "EMPTY"])
def test_rename_never_replaces_a_directory(backend: Backend, target: str) -> None:
    make(backend, "file")
    for name in ("dir", "full", "empty"):
        make_directory(backend, name)
    make(backend, "full", "x")
    for source in ("file", "dir"):
        with fails(errno.EISDIR):
            rename(backend, (source,), (target,), replace=True)
    assert listing(backend) == ["dir", "empty", "file", "full"]


@pytest.mark.parametrize("target", ["file", "FILE"])
def test_rename_of_a_directory_onto_a_file(backend: Backend, target: str) -> None:
    make(backend, "file", data=b"1")
    make_directory(backend, "d")
    with fails(errno.ENOTDIR):
        rename(backend, ("d",), (target,), replace=True)
    assert listing(backend) == ["d", "file"]
    assert content(backend, "file") == b"1"


def test_rename_into_itself(backend: Backend) -> None:
    make_directory(backend, "d")
    make_directory(backend, "d", "e")
    for target in (("D", "x"), ("d", "E", "x")):
        for replace in (False, True):
            with fails(errno.EINVAL):
                rename(backend, ("d",), target, replace)
    assert listing(backend, "d") == ["e"]


def test_rename_of_what_is_gone_or_another(backend: Backend) -> None:
    make(backend, "a")
    make(backend, "b")
    found, target = backend.locate(("a",)), backend.locate(("c",))
    assert found.identity is not None
    for call in (backend.rename, backend.link):
        with fails(errno.ESTALE):
            call(("b",), found.identity, target, True)
        with fails(errno.ENOENT):
            call(("no",), found.identity, target, True)
        with refuses(status.OBJECT_PATH_NOT_FOUND):
            call(("no", "a"), found.identity, target, True)
    found.close()
    target.close()
    assert listing(backend) == ["a", "b"]


def test_rename_into_a_removed_directory(backend: Backend) -> None:
    make_directory(backend, "d")
    make(backend, "a", data=b"1")
    found, target = backend.locate(("a",)), backend.locate(("d", "x"))
    assert found.identity is not None
    remove(backend, "d")
    for call in (backend.rename, backend.link):
        for replace in (False, True):
            with fails(errno.ENOENT):
                call(("a",), found.identity, target, replace)
    found.close()
    target.close()
    assert content(backend, "a") == b"1"


def test_link(backend: Backend) -> None:
    make_directory(backend, "d")
    make(backend, "a", data=b"1")
    link(backend, ("A",), ("D", "b"))
    assert listing(backend, "d") == ["b"]
    handle = opened(backend, "d", "b")
    assert handle.metadata().number_of_links == 2
    handle.write(b"2", 0)
    handle.close()
    assert content(backend, "a") == b"2"
    remove(backend, "a")
    assert content(backend, "d", "b") == b"2"


@pytest.mark.parametrize("spelling", ["b", "B"])
def test_link_onto_another(backend: Backend, spelling: str) -> None:
    make(backend, "a", data=b"1")
    make(backend, "b", data=b"2")
    with fails(errno.EEXIST):
        link(backend, ("a",), (spelling,))
    assert content(backend, "b") == b"2"
    assert listing(backend) == ["a", "b"]
    link(backend, ("a",), (spelling,), replace=True)
    assert listing(backend) == sorted(["a", spelling])
    assert content(backend, "b") == b"1"
    link(backend, ("a",), (spelling,), replace=True)
    assert listing(backend) == sorted(["a", spelling])


def test_link_of_and_onto_directories(backend: Backend) -> None:
    make(backend, "a")
    make_directory(backend, "d")
    with fails(errno.EPERM):
        link(backend, ("d",), ("e",))
    with fails(errno.EISDIR):
        link(backend, ("a",), ("D",), replace=True)
    assert listing(backend) == ["a", "d"]


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("target", [("b",), ("B",), ("d", "b")])
def test_rename_onto_a_link_of_the_same_file(backend: Backend, target: Path, replace: bool) -> None:
    """[MS-FSA] 2.1.5.15.12: the source's name goes; rename(2) would leave both."""
    make_directory(backend, "d")
    make(backend, "a", data=b"1")
    link(backend, ("a",), (*target[:-1], target[-1].lower()))
    assert rename(backend, ("a",), target, replace) == target
    assert not exists(backend, "a")
    assert target[-1] in listing(backend, *target[:-1])
    assert content(backend, *target) == b"1"
    handle = opened(backend, *target)
    assert handle.metadata().number_of_links == 1
    handle.close()


# --- the volume ---


def test_space(backend: Backend) -> None:
    space = backend.space()
    assert space.unit >= 512
    assert 0 < space.available_units <= space.total_units
    assert space.available_units <= space.free_units <= space.total_units


def test_metadata_is_plausible(backend: Backend) -> None:
    make(backend, "a", data=b"x" * 5000)
    meta: Metadata = opened_metadata(backend, "a")
    assert meta.end_of_file == 5000
    assert meta.allocation_size >= 5000
    assert meta.attributes == attributes.NORMAL
    assert min(meta.times) > 0


def opened_metadata(backend: Backend, *path: str) -> Metadata:
    """What a fresh handle says."""
    handle = opened(backend, *path)
    try:
        return handle.metadata()
    finally:
        handle.close()


def test_a_remove_that_will_be_allowed(backend: Backend) -> None:
    make_directory(backend, "d")
    make(backend, "d", "f")
    handle = opened(backend, "d", "f")
    backend.check_remove(("d", "f"), handle.identity)
    located = backend.locate(("d", "f"))
    located.check_remove()
    located.close()
    backend.remove(("d", "f"), handle.identity)
    handle.close()


def test_looking_again_where_nothing_has_changed(backend: Backend) -> None:
    make(backend, "f", data=b"kept")
    before = backend.serial_number
    backend.look_again()
    assert content(backend, "f") == b"kept"
    assert backend.serial_number == before


def test_looking_ahead_raises_nothing(backend: Backend) -> None:
    make_directory(backend, "folder")
    make(backend, "folder", "file")
    for path in ((), ("folder",), ("folder", "FILE"), ("no", "such"), ("..",), ("folder", "file", "below"), ("bad/",)):
        assert backend.look_ahead(path) >= 0
        assert backend.look_at_entries(path, 0, 10) >= 0
