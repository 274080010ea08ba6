"""Symbolic links that clients see: opened, walked into, made, unmade, deleted, moved; and the other two policies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack

import pytest

from conformance.client import commands, queries
from conformance.client.message import Reply
from conformance.client.protocol import (
    CREATE_NEW,
    DELETE,
    DELETE_ON_CLOSE,
    DIRECTORY_FILE,
    GENERIC_ALL,
    GENERIC_READ,
    NON_DIRECTORY_FILE,
    OPEN,
    OPEN_IF,
    OVERWRITE,
    OVERWRITE_IF,
    SMB_3_0_2,
    SUPERSEDE,
    WRITE_ATTRIBUTES,
    StatusFailure,
)
from conformance.client.session import File, Options, Tree
from smbserver.backend.base import Symlinks
from smbserver.backend.posix import LocalChanges, PosixBackend
from smbserver.backend.posix.inotify import Inotify
from smbserver.nt import attributes, status
from smbserver.nt.reparse_tags import IO_REPARSE_TAG_LX_SYMLINK, IO_REPARSE_TAG_NFS, IO_REPARSE_TAG_SYMLINK
from smbserver.objects.share import Share
from smbserver.wire import error, file_info, fs_info, ioctl, reparse
from tests.harness import World

ITSELF = 0x00200000  # FILE_OPEN_REPARSE_POINT
READ_ATTRIBUTES = 0x80
NO_LINK = reparse.encode(reparse.ReparsePoint(IO_REPARSE_TAG_SYMLINK, b""))


def buffer(target: str, relative: bool = True, shown: str | None = None) -> bytes:
    """What a client sends to make a link."""
    link = reparse.SymbolicLink(target, target if shown is None else shown, relative)
    return reparse.encode(reparse.ReparsePoint(IO_REPARSE_TAG_SYMLINK, reparse.encode_symbolic_link(link)))


@pytest.fixture
def linked(share_folder: Path) -> Iterator[World]:
    """A share that shows links, one that has none, and one that follows them."""
    share_folder.joinpath("data").mkdir()
    data = share_folder / "shown"
    (data / "dir" / "deep").mkdir(parents=True)
    (data / "file").write_bytes(b"content")
    (data / "dir" / "file").write_bytes(b"below")
    share_folder.joinpath("outside").write_bytes(b"secret")
    share_folder.joinpath("data").rmdir()
    world = World(
        share_folder,
        shares=[
            Share("shown", PosixBackend(data, symlinks=Symlinks.SHOWN)),
            Share("none", PosixBackend(data, symlinks=Symlinks.NONE)),
            Share("inside", PosixBackend(data)),
            Share("ro", PosixBackend(data, symlinks=Symlinks.SHOWN), read_only=True),
        ],
    )
    world.data = data
    yield world
    world.close()
    assert (share_folder / "outside").read_bytes() == b"secret"


@pytest.fixture
def tree(linked: World) -> Tree:
    return linked.tree("shown")


def make(tree: Tree, name: str, target: str, options: int = NON_DIRECTORY_FILE) -> None:
    """A link, as Windows and Samba's client make it."""
    access = WRITE_ATTRIBUTES | READ_ATTRIBUTES | DELETE | 0x100000
    with tree.open(name, access=access, disposition=CREATE_NEW, options=options | ITSELF, share=0) as opened:
        control(opened, ioctl.FSCTL_SET_REPARSE_POINT, buffer(target)).check()


def control(opened: File, code: int, data: bytes = b"", room: int = 16384) -> Reply:
    return opened.tree.call(queries.ioctl(code, data, opened.file_id, room))


def target_of(tree: Tree, name: str) -> str:
    with tree.open(name, access=READ_ATTRIBUTES, options=ITSELF) as opened:
        output = queries.decode_ioctl(control(opened, ioctl.FSCTL_GET_REPARSE_POINT).check())
    point = reparse.decode(memoryview(output))
    assert point.tag == IO_REPARSE_TAG_SYMLINK
    link = reparse.decode_symbolic_link(point.data)
    assert link.print_name == link.substitute_name
    assert link.is_relative
    return link.substitute_name


def asked(tree: Tree, name: str, access: int = GENERIC_READ, disposition: int = OPEN, options: int = 0) -> int:
    return tree.call(commands.create(name, access=access, disposition=disposition, options=options)).status


def stopped(tree: Tree, name: str, **given: int) -> tuple[str, str]:
    """Where an open was told to go on, and what of the name was left."""
    reply = tree.call(commands.create(name, access=GENERIC_READ, disposition=given.pop("disposition", OPEN), **given))  # type: ignore[arg-type]  # all of them are ints
    assert reply.status == status.STOPPED_ON_SYMLINK
    response = error.decode_response(memoryview(reply.raw))
    data = response.data or response.contexts[0].data
    found = reparse.decode_stopped(memoryview(data))
    assert found.link.is_relative
    whole = name.encode("utf-16-le")
    return found.link.substitute_name, whole[len(whole) - found.unparsed_path_length :].decode("utf-16-le")


@pytest.mark.parametrize("dialect", [None, SMB_3_0_2])
def test_an_open_is_told_where_to_go_on(linked: World, dialect: int | None) -> None:
    """At 3.1.1 in an error context, before that plainly."""
    tree = linked.tree("shown", Options() if dialect is None else Options(dialects=(dialect,)))
    (linked.data / "dir" / "link").symlink_to("../file")
    (linked.data / "to-dir").symlink_to("dir")
    assert stopped(tree, "dir\\link") == ("..\\file", "")
    assert stopped(tree, "DIR\\LINK") == ("..\\file", "")
    assert stopped(tree, "to-dir") == ("dir", "")
    assert stopped(tree, "to-dir\\deep\\x") == ("dir", "\\deep\\x")
    assert stopped(tree, "to-DIR\\file") == ("dir", "\\file")
    assert stopped(tree, "dir\\link:stream", disposition=OPEN_IF) == ("..\\file", "")
    assert stopped(tree, "to-dir\\file:stream", disposition=OPEN_IF) == ("dir", "\\file:stream")
    assert stopped(tree, "to-dir\\file", options=ITSELF) == ("dir", "\\file"), "it is about the last name only"


@pytest.mark.parametrize("disposition", [OPEN, OPEN_IF, OVERWRITE, OVERWRITE_IF, SUPERSEDE])
def test_nothing_is_done_through_a_link(linked: World, tree: Tree, disposition: int) -> None:
    (linked.data / "link").symlink_to("file")
    (linked.data / "dangling").symlink_to("absent")
    assert stopped(tree, "link", disposition=disposition) == ("file", "")
    assert stopped(tree, "dangling", disposition=disposition) == ("absent", "")
    assert (linked.data / "file").read_bytes() == b"content"
    assert not (linked.data / "absent").exists()
    if disposition not in (OPEN, OPEN_IF):
        assert asked(tree, "link", GENERIC_ALL, disposition, ITSELF) == status.ACCESS_DENIED
    assert os.readlink(linked.data / "link") == "file"


def test_a_taken_name(linked: World, tree: Tree) -> None:
    (linked.data / "link").symlink_to("file")
    assert asked(tree, "link", disposition=CREATE_NEW) == status.OBJECT_NAME_COLLISION


def test_what_a_link_is(linked: World, tree: Tree) -> None:
    (linked.data / "link").symlink_to("file")
    (linked.data / ".to-dir").symlink_to("dir")
    (linked.data / "dangling").symlink_to("nowhere")
    expected = {
        "link": attributes.REPARSE_POINT,
        ".to-dir": attributes.REPARSE_POINT | attributes.DIRECTORY | attributes.HIDDEN,
        "dangling": attributes.REPARSE_POINT,
    }
    entries = {entry.name: entry for entry in tree.list_directory()}
    for name, flags in expected.items():
        with tree.open(name, options=ITSELF) as opened:
            found = opened.created
            assert (found.attributes, found.end_of_file, found.allocation_size) == (flags, 0, 0)
            tag = file_info.decode_attribute_tag(memoryview(opened.query(1, file_info.ATTRIBUTE_TAG)))
            assert tag == (flags, IO_REPARSE_TAG_SYMLINK)
            standard = file_info.decode_standard(memoryview(opened.query(1, file_info.STANDARD)))
            assert standard.directory is bool(flags & attributes.DIRECTORY)
        assert entries[name].attributes == flags
        assert entries[name].ea_size == IO_REPARSE_TAG_SYMLINK
    assert entries["file"].ea_size == 0
    with tree.open("file", options=ITSELF) as opened:  # on what is no link the option means nothing
        assert opened.read(0, 7) == b"content"
        tag = file_info.decode_attribute_tag(memoryview(opened.query(1, file_info.ATTRIBUTE_TAG)))
        assert tag.reparse_tag == 0


@pytest.mark.parametrize("kind", [1, 2, 3, 37, 38])
def test_one_name_is_listed_like_all(linked: World, tree: Tree, kind: int) -> None:
    (linked.data / "link").symlink_to("file")
    with tree.open("", options=DIRECTORY_FILE) as opened:
        [entry] = opened.list_directory("link", kind=kind)
    assert entry.attributes == attributes.REPARSE_POINT


def test_a_link_has_no_data(linked: World, tree: Tree) -> None:
    (linked.data / "link").symlink_to("file")
    with tree.open("link", access=GENERIC_ALL, options=ITSELF) as opened:
        with pytest.raises(StatusFailure) as caught:
            opened.read(0, 10)
        assert caught.value.status == status.END_OF_FILE
        with pytest.raises(StatusFailure) as caught:
            opened.write(0, b"x")
        assert caught.value.status == status.ACCESS_DENIED
        with pytest.raises(StatusFailure) as caught:
            opened.set(1, file_info.END_OF_FILE, bytes(8))
        assert caught.value.status == status.ACCESS_DENIED
        time = 132_000_000_000_000_000
        opened.set(1, file_info.BASIC, queries.basic_data(written=time, attributes=attributes.NORMAL))
        assert file_info.decode_basic(memoryview(opened.query(1, file_info.BASIC))).last_write_time == time
        opened.flush()
    assert (linked.data / "file").read_bytes() == b"content"
    assert (linked.data / "file").stat().st_mtime_ns != (linked.data / "link").lstat().st_mtime_ns


def test_links_outside_are_not_there(linked: World, tree: Tree) -> None:
    """As absent, in every policy; what leads outside by way of text only as well, for clients walk by the text."""
    for name, text in [
        ("up", "../outside"),
        ("absolute", str(linked.data / "file")),
        ("round", "dir/../file"),
        ("dir/up", "../../outside"),
    ]:
        (linked.data / name).symlink_to(text)
        wire = name.replace("/", "\\")
        for options in (0, ITSELF):
            assert asked(tree, wire, options=options) == status.OBJECT_NAME_NOT_FOUND
    listed = {entry.name for entry in tree.list_directory()}
    assert listed & {"up", "absolute", "round"} == set()
    assert asked(tree, "up\\x") == status.OBJECT_PATH_NOT_FOUND
    assert asked(tree, "up", disposition=CREATE_NEW) == status.OBJECT_NAME_COLLISION


def test_loops_and_chains_are_the_clients_affair(linked: World, tree: Tree) -> None:
    (linked.data / "self").symlink_to("self")
    (linked.data / "one").symlink_to("two")
    (linked.data / "two").symlink_to("one")
    previous = "file"
    for number in range(60):
        (linked.data / f"c{number}").symlink_to(previous)
        previous = f"c{number}"
    assert stopped(tree, "self\\self\\x") == ("self", "\\self\\x")
    assert stopped(tree, "one") == ("two", "")
    assert stopped(tree, "c59") == ("c58", "")
    assert "c59" in {entry.name for entry in tree.list_directory()}


@pytest.mark.parametrize("target", ["file", "dir\\file", ".", "absent\\x", "dir"])
def test_a_link_is_made(linked: World, tree: Tree, target: str) -> None:
    make(tree, "new", target)
    assert os.readlink(linked.data / "new") == target.replace("\\", "/")
    assert target_of(tree, "new") == target
    assert stopped(tree, "new\\x") == (target, "\\x")
    assert {path.name for path in linked.data.iterdir()} == {"new", "file", "dir"}


def test_a_link_upwards(linked: World, tree: Tree) -> None:
    make(tree, "dir\\deep\\new", "..\\..\\file")
    assert (linked.data / "dir" / "deep" / "new").read_bytes() == b"content"
    assert target_of(tree, "dir\\deep\\new") == "..\\..\\file"


def test_a_directory_becomes_a_link(linked: World, tree: Tree) -> None:
    make(tree, "new", "dir", DIRECTORY_FILE)
    assert os.readlink(linked.data / "new") == "dir"
    assert asked(tree, "new", options=ITSELF | DIRECTORY_FILE) == status.SUCCESS
    assert asked(tree, "new", options=ITSELF | NON_DIRECTORY_FILE) == status.FILE_IS_A_DIRECTORY


def test_a_link_gets_another_target(linked: World, tree: Tree) -> None:
    make(tree, "new", "file")
    with tree.open("new", access=WRITE_ATTRIBUTES, options=ITSELF) as opened:
        control(opened, ioctl.FSCTL_SET_REPARSE_POINT, buffer("dir\\file")).check()
    assert os.readlink(linked.data / "new") == "dir/file"


def test_the_open_that_made_a_link_is_one_of_the_link(linked: World, tree: Tree) -> None:
    access = GENERIC_ALL | DELETE
    with tree.open("new", access=access, disposition=CREATE_NEW, options=ITSELF) as opened:
        control(opened, ioctl.FSCTL_SET_REPARSE_POINT, buffer("file")).check()
        tag = file_info.decode_attribute_tag(memoryview(opened.query(1, file_info.ATTRIBUTE_TAG)))
        assert tag.reparse_tag == IO_REPARSE_TAG_SYMLINK
        with pytest.raises(StatusFailure):
            opened.write(0, b"x")
        # Samba's client takes it back so when the FSCTL has failed.
        opened.set(1, file_info.DISPOSITION, b"\1")
        other = tree.call(commands.create("new", access=GENERIC_READ, disposition=OPEN, options=ITSELF))
        assert other.status == status.DELETE_PENDING
    assert not (linked.data / "new").is_symlink()
    assert (linked.data / "file").read_bytes() == b"content"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (buffer("..\\outside"), status.ACCESS_DENIED),
        (buffer("C:\\x", False), status.ACCESS_DENIED),
        (buffer("C:\\x"), status.ACCESS_DENIED),
        (buffer("\\??\\UNC\\server\\share", False), status.ACCESS_DENIED),
        (buffer("\\file"), status.ACCESS_DENIED),
        (buffer("file", False), status.ACCESS_DENIED),
        (buffer("dir\\..\\file"), status.IO_REPARSE_DATA_INVALID),
        (buffer("a/b"), status.IO_REPARSE_DATA_INVALID),
        (buffer(""), status.IO_REPARSE_DATA_INVALID),
        (buffer("\\".join(["n" * 200] * 30)), status.IO_REPARSE_DATA_INVALID),
        (buffer("\\".join(["n" * 200] * 21), shown=""), status.OBJECT_NAME_INVALID),  # more than any path can have
        (buffer("é" * 200), status.IO_REPARSE_DATA_INVALID),  # more than any name on this disk can have
        (buffer("file") + b"\0", status.IO_REPARSE_DATA_INVALID),
        (buffer("file")[:-1], status.IO_REPARSE_DATA_INVALID),
        (b"", status.IO_REPARSE_DATA_INVALID),
        (pack("<IHH", 0, 0, 0) + bytes(16), status.IO_REPARSE_TAG_INVALID),
        (pack("<IHH", 1, 0, 0) + bytes(16), status.IO_REPARSE_TAG_INVALID),
        (pack("<IHH", IO_REPARSE_TAG_SYMLINK, 4, 0) + bytes(4), status.IO_REPARSE_DATA_INVALID),
        (pack("<IHH", IO_REPARSE_TAG_NFS, 4, 0) + bytes(4), status.IO_REPARSE_TAG_NOT_HANDLED),
        (pack("<IHH", IO_REPARSE_TAG_LX_SYMLINK, 4, 0) + bytes(4), status.IO_REPARSE_TAG_NOT_HANDLED),
        (pack("<IHH", 0xA0000003, 4, 0) + bytes(4), status.NOT_A_DIRECTORY),
        (pack("<IHH", 0x1234, 4, 0) + bytes(20), status.IO_REPARSE_TAG_NOT_HANDLED),
    ],
)
def test_links_that_are_not_made(linked: World, tree: Tree, data: bytes, expected: int) -> None:
    with tree.open("new", access=GENERIC_ALL, disposition=CREATE_NEW, options=ITSELF) as opened:
        assert control(opened, ioctl.FSCTL_SET_REPARSE_POINT, data).status == expected
        opened.write(0, b"still a file")
    assert (linked.data / "new").read_bytes() == b"still a file"
    assert len(list(linked.data.iterdir())) == 3


def test_what_cannot_become_a_link(linked: World, tree: Tree) -> None:
    cases = [
        ("file", GENERIC_ALL, status.IO_REPARSE_DATA_INVALID),  # its data would be lost
        ("dir", GENERIC_ALL, status.DIRECTORY_NOT_EMPTY),
        ("", GENERIC_ALL, status.ACCESS_DENIED),
        ("dir\\deep", GENERIC_READ | DELETE, status.ACCESS_DENIED),
    ]
    for name, access, expected in cases:
        with tree.open(name, access=access) as opened:
            assert control(opened, ioctl.FSCTL_SET_REPARSE_POINT, buffer("x")).status == expected
    with tree.create("empty"), tree.open("empty", access=GENERIC_ALL) as second:
        assert control(second, ioctl.FSCTL_SET_REPARSE_POINT, buffer("x")).status == status.SHARING_VIOLATION
    with tree.open("empty", access=GENERIC_ALL) as opened:
        try:
            stream = tree.open("empty:stream", access=GENERIC_ALL, disposition=OPEN_IF)
        except StatusFailure:
            pytest.skip("no streams here")
        for each in (opened, stream):
            assert control(each, ioctl.FSCTL_SET_REPARSE_POINT, buffer("x")).status == status.SHARING_VIOLATION
        stream.close()
        refused = control(opened, ioctl.FSCTL_SET_REPARSE_POINT, buffer("x")).status
        assert refused == status.EAS_NOT_SUPPORTED, "the stream would be lost"
    assert (linked.data / "empty").is_file()


def test_a_link_has_no_streams(linked: World, tree: Tree) -> None:
    (linked.data / "link").symlink_to("file")
    assert asked(tree, "link:stream", options=ITSELF) == status.OBJECT_NAME_NOT_FOUND
    assert asked(tree, "link:stream", GENERIC_ALL, OPEN_IF, ITSELF) == status.NOT_SUPPORTED


def test_a_file_with_more_than_data(linked: World, tree: Tree) -> None:
    (linked.data / "carrier").touch()
    try:
        os.setxattr(linked.data / "carrier", "user.tag", b"red")
    except OSError:
        pytest.skip("no user attributes here")
    with tree.open("carrier", access=GENERIC_ALL) as opened:
        assert control(opened, ioctl.FSCTL_SET_REPARSE_POINT, buffer("x")).status == status.EAS_NOT_SUPPORTED
    assert os.getxattr(linked.data / "carrier", "user.tag") == b"red"


def test_a_link_through_an_outward_link(linked: World, tree: Tree) -> None:
    """A local program's own link leads outside; a client's must not go that way."""
    (linked.data / "www").symlink_to(linked.data.parent)
    with tree.open("new", access=GENERIC_ALL, disposition=CREATE_NEW) as opened:
        assert control(opened, ioctl.FSCTL_SET_REPARSE_POINT, buffer("www\\outside")).status == status.ACCESS_DENIED


def test_nothing_changes_through_a_read_only_share(linked: World) -> None:
    (linked.data / "link").symlink_to("file")
    tree = linked.tree("ro")
    assert stopped(tree, "link") == ("file", "")
    assert target_of(tree, "link") == "file"
    with tree.open("link", options=ITSELF) as opened:
        for code in (ioctl.FSCTL_SET_REPARSE_POINT, ioctl.FSCTL_DELETE_REPARSE_POINT):
            assert control(opened, code, buffer("dir")).status == status.ACCESS_DENIED
    assert os.readlink(linked.data / "link") == "file"


def test_get(linked: World, tree: Tree) -> None:
    (linked.data / "link").symlink_to("dir/file")
    with tree.open("link", access=0x100000, options=ITSELF) as opened:  # no right is needed
        whole = queries.decode_ioctl(control(opened, ioctl.FSCTL_GET_REPARSE_POINT).check())
        assert whole == buffer("dir\\file")
        cut = control(opened, ioctl.FSCTL_GET_REPARSE_POINT, room=20)
        assert cut.status == status.BUFFER_OVERFLOW
        assert queries.decode_ioctl(cut) == whole[:20]
        assert control(opened, ioctl.FSCTL_GET_REPARSE_POINT, room=7).status == status.BUFFER_TOO_SMALL
    for name in ("file", "dir", ""):
        with tree.open(name) as opened:
            assert control(opened, ioctl.FSCTL_GET_REPARSE_POINT).status == status.NOT_A_REPARSE_POINT


def test_a_link_is_unmade(linked: World, tree: Tree) -> None:
    (linked.data / "link").symlink_to("file")
    (linked.data / "to-dir").symlink_to("dir")
    with tree.open("link", access=GENERIC_ALL, options=ITSELF) as opened:
        wrong = pack("<IHH", IO_REPARSE_TAG_NFS, 0, 0)
        assert control(opened, ioctl.FSCTL_DELETE_REPARSE_POINT, wrong).status == status.IO_REPARSE_TAG_MISMATCH
        for data in (b"", buffer("file"), pack("<IHH", 0x1234, 0, 0) + bytes(16)):
            refused = control(opened, ioctl.FSCTL_DELETE_REPARSE_POINT, data).status
            assert refused == status.IO_REPARSE_DATA_INVALID
        control(opened, ioctl.FSCTL_DELETE_REPARSE_POINT, NO_LINK).check()
        opened.write(0, b"data now")
        again = control(opened, ioctl.FSCTL_DELETE_REPARSE_POINT, NO_LINK).status
        assert again == status.IO_REPARSE_TAG_MISMATCH
    with tree.open("to-dir", access=GENERIC_ALL, options=ITSELF) as opened:
        control(opened, ioctl.FSCTL_DELETE_REPARSE_POINT, NO_LINK).check()
        assert opened.created.attributes & attributes.DIRECTORY
        assert [entry.name for entry in opened.list_directory()] == [".", ".."]
    assert (linked.data / "link").read_bytes() == b"data now"
    assert (linked.data / "to-dir").is_dir()
    assert not (linked.data / "to-dir").is_symlink()
    assert (linked.data / "file").read_bytes() == b"content"
    assert (linked.data / "dir" / "file").exists()


def test_deleting_a_link(linked: World, tree: Tree) -> None:
    for name, target in [("one", "file"), ("two", "dir"), ("three", "absent"), ("four", "dir")]:
        (linked.data / name).symlink_to(target)
    for name in ("one", "two", "three"):
        tree.open(name, access=DELETE, options=ITSELF | DELETE_ON_CLOSE).close()
    with tree.open("four", access=DELETE, options=ITSELF | DIRECTORY_FILE) as opened:
        opened.set(1, file_info.DISPOSITION, b"\1")
    assert {path.name for path in linked.data.iterdir()} == {"file", "dir"}
    assert (linked.data / "dir" / "file").exists()


def rename(tree: Tree, name: str, new: str, level: int = file_info.RENAME, replace: bool = False) -> int:
    with tree.open(name, access=GENERIC_ALL | DELETE, options=ITSELF) as opened:
        return tree.call(queries.set_info(opened.file_id, 1, level, queries.rename_data(new, replace))).status


def test_renaming_and_linking_a_link(linked: World, tree: Tree) -> None:
    (linked.data / "link").symlink_to("dir/file")
    (linked.data / "other").symlink_to("file")
    assert rename(tree, "link", "moved") == status.SUCCESS
    assert rename(tree, "moved", "second", file_info.LINK) == status.SUCCESS
    assert os.readlink(linked.data / "moved") == os.readlink(linked.data / "second") == "dir/file"
    assert rename(tree, "moved", "dir\\moved") == status.SUCCESS, "downwards it dangles, and stays inside"
    assert rename(tree, "second", "other", replace=True) == status.SUCCESS
    assert os.readlink(linked.data / "other") == "dir/file"
    assert (linked.data / "file").read_bytes() == b"content"
    assert rename(tree, "file", "other", replace=True) == status.SUCCESS
    assert (linked.data / "other").read_bytes() == b"content"
    assert (linked.data / "dir" / "file").read_bytes() == b"below"


def test_a_path_through_a_link_is_no_place_for_a_new_name(linked: World, tree: Tree) -> None:
    (linked.data / "to-dir").symlink_to("dir")
    for level in (file_info.RENAME, file_info.LINK):
        assert rename(tree, "file", "to-dir\\new", level) == status.OBJECT_PATH_NOT_FOUND


def test_no_link_gets_outside_by_moving(linked: World, tree: Tree) -> None:
    """A link that is inside where it stands is not moved to where it is not, alone or in a directory."""
    make(tree, "dir\\deep\\up", "..\\..\\file")
    for level in (file_info.RENAME, file_info.LINK):
        assert rename(tree, "dir\\deep\\up", "dir\\up", level) == status.ACCESS_DENIED
    assert rename(tree, "dir\\deep", "deep") == status.ACCESS_DENIED
    (linked.data / "dir" / "a" / "b").mkdir(parents=True)
    assert rename(tree, "dir\\deep", "dir\\a\\b\\deep") == status.SUCCESS, "down is safe"
    assert rename(tree, "dir\\a\\b\\deep", "dir\\a\\deep") == status.SUCCESS, "and up where it was not deeper"
    assert rename(tree, "dir\\a", "a") == status.SUCCESS
    assert rename(tree, "a\\deep", "deep") == status.ACCESS_DENIED
    assert os.readlink(linked.data / "a" / "deep" / "up") == "../../file"


def test_a_directory_too_large_to_look_through(
    linked: World, tree: Tree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("smbserver.backend.posix.links.MAX_CHECKED", 3)
    for number in range(4):
        (linked.data / "dir" / "deep" / str(number)).touch()
    caplog.set_level("INFO")
    assert rename(tree, "dir\\deep", "deep") == status.ACCESS_DENIED
    assert "more than 3 entries" in caplog.text
    (linked.data / "dir" / "deep" / "3").unlink()
    assert rename(tree, "dir\\deep", "deep") == status.SUCCESS


def test_a_client_without_the_policy(linked: World) -> None:
    """Where links are not shown the control codes are not there, and the volume does not say that they are."""
    (linked.data / "link").symlink_to("file")
    (linked.data / "to-dir").symlink_to("dir")
    for share, has_links in (("shown", True), ("none", False), ("inside", False)):
        tree = linked.tree(share)
        with tree.open("file", access=GENERIC_ALL) as opened:
            flags = fs_info.decode_attribute(memoryview(opened.query(2, fs_info.ATTRIBUTE))).flags
            assert bool(flags & fs_info.FILE_SUPPORTS_REPARSE_POINTS) is has_links
            if not has_links:
                for code in (0x000900A4, 0x000900A8, 0x000900AC):
                    assert control(opened, code, buffer("x")).status == status.INVALID_DEVICE_REQUEST


def test_the_policy_none(linked: World) -> None:
    (linked.data / "link").symlink_to("file")
    (linked.data / "to-dir").symlink_to("dir")
    tree = linked.tree("none")
    assert {entry.name for entry in tree.list_directory()} == {".", "..", "file", "dir"}
    for options in (0, ITSELF):
        assert asked(tree, "link", options=options) == status.OBJECT_NAME_NOT_FOUND
        assert asked(tree, "to-dir\\file", options=options) == status.OBJECT_PATH_NOT_FOUND
    assert asked(tree, "link", disposition=OPEN_IF) == status.OBJECT_NAME_COLLISION
    assert rename(tree, "file", "to-dir\\x") == status.OBJECT_PATH_NOT_FOUND


def test_the_policy_inside_is_as_before(linked: World) -> None:
    (linked.data / "link").symlink_to("dir/file")
    tree = linked.tree("inside")
    for options in (0, ITSELF):
        with tree.open("link", options=options) as opened:
            assert opened.read(0, 5) == b"below"
            assert not opened.created.attributes & attributes.REPARSE_POINT


def test_a_watched_directory_hears_of_a_new_link(linked: World, tree: Tree) -> None:
    with tree.open("", options=DIRECTORY_FILE) as opened:
        waiting = tree.submit(queries.change_notify(opened.file_id))
        make(tree, "new", "file")
        reply = tree.session.connection.wait(waiting)
        assert (1, "new") in queries.decode_changes(queries.decode_buffer(reply))


def test_with_inotify_it_is_told_once(linked: World, tree: Tree) -> None:
    """To the host a name goes and another comes; who watches hears of one changed file."""
    try:
        Inotify().close()
    except OSError:
        pytest.skip("no inotify here")
    (linked.data / "hollow").mkdir()
    (linked.data / "to-dir").symlink_to("dir")
    readers: dict[int, Callable[[], None]] = {}
    watches = linked.state.files.watches
    local = LocalChanges(watches, linked.runtime.later, readers.__setitem__, readers.__delitem__)
    watches.local = local
    names = {"empty": buffer("file"), "hollow": buffer("dir"), "to-dir": None}
    tree.create("empty").close()
    told: list[tuple[int, str]] = []
    try:
        with tree.open("", options=DIRECTORY_FILE) as opened:
            waiting = tree.submit(queries.change_notify(opened.file_id))
            for name, data in names.items():
                with tree.open(name, access=GENERIC_ALL, options=ITSELF) as changed:
                    code = ioctl.FSCTL_SET_REPARSE_POINT if data else ioctl.FSCTL_DELETE_REPARSE_POINT
                    control(changed, code, data or NO_LINK).check()
                for call in list(readers.values()):
                    call()
                linked.runtime.advance(1)
                told += queries.decode_changes(queries.decode_buffer(tree.session.connection.wait(waiting)))
                waiting = tree.submit(queries.change_notify(opened.file_id))
            (linked.data / "local").mkdir()
            for call in list(readers.values()):
                call()
            linked.runtime.advance(1)
            told += queries.decode_changes(queries.decode_buffer(tree.session.connection.wait(waiting)))
    finally:
        local.close()
    assert told == [(3, name) for name in names] + [(1, "local")]
