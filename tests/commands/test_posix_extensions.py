"""The POSIX extensions as Linux's client uses them: names, modes, class 100, deletion, renaming; and who gets none."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.client import contexts, posix, queries
from conformance.client.posix import PosixInfo, posix_context
from conformance.client.protocol import (
    CREATE_NEW,
    DELETE,
    DELETE_ON_CLOSE,
    DIRECTORY_FILE,
    GENERIC_ALL,
    GENERIC_READ,
    GENERIC_WRITE,
    INFO_FILE,
    INFO_FILESYSTEM,
    INFO_SECURITY,
    OPEN,
    OPLOCK_BATCH,
    SHARE_ALL,
    SHARE_READ,
    SHARE_WRITE,
    StatusFailure,
)
from conformance.client.session import File, Options, Tree
from smbserver.backend.base import Symlinks
from smbserver.backend.memory import MemoryBackend
from smbserver.backend.posix import PosixBackend
from smbserver.backend.posix.creation import Creation
from smbserver.nt import descriptor as sd
from smbserver.nt import status
from smbserver.nt.sid import EVERYONE
from smbserver.objects.server_state import Policy
from smbserver.objects.share import Share
from smbserver.wire.file_info import LINK, RENAME
from tests.harness import START, World

LINUX = Options(extra_contexts=(posix.NEGOTIATE,))
DACL = 4
READ_ATTRIBUTES = 0x80


@pytest.fixture
def tree(world: World) -> Tree:
    """Of a client that has negotiated the extensions."""
    return world.tree(options=LINUX)


def opened(
    tree: Tree,
    name: str,
    mode: int = posix.NO_MODE,
    *,
    access: int = GENERIC_READ,
    disposition: int = OPEN,
    options: int = 0,
    share: int = SHARE_ALL,
) -> File:
    context = posix_context(mode)
    return tree.open(name, access=access, disposition=disposition, options=options, share=share, contexts=[context])


def made(tree: Tree, name: str, mode: int = 0o644, options: int = 0, access: int = GENERIC_ALL) -> File:
    return opened(tree, name, mode, access=access, disposition=CREATE_NEW, options=options)


def facts(file: File) -> posix.PosixFacts:
    return posix.decode_facts(file.created.contexts[posix.EXTENSIONS])


def listing(tree: Tree, name: str = "", pattern: str = "*", kind: int = posix.INFORMATION) -> dict[str, PosixInfo]:
    found: dict[str, PosixInfo] = {}
    with opened(tree, name, options=DIRECTORY_FILE) as directory:
        while True:
            reply = tree.call(queries.query_directory(directory.file_id, pattern, kind))
            if reply.status in (status.NO_MORE_FILES, status.NO_SUCH_FILE):
                return found
            for entry in posix.decode_posix_entries(queries.decode_buffer(reply.check())):
                found[entry.name] = entry


def refused(call: Callable[[], object]) -> int:
    with pytest.raises(StatusFailure) as failure:
        call()
    return failure.value.status


# Negotiation


def test_who_asks_is_told(world: World) -> None:
    answered = world.negotiated(LINUX).negotiated.contexts
    assert answered[0x100] == posix.EXTENSIONS
    assert 0x100 not in world.negotiated().negotiated.contexts


def test_another_kind_of_extensions_is_not_there(world: World) -> None:
    options = Options(extra_contexts=((0x100, b"0123456789012345"),))
    assert 0x100 not in world.negotiated(options).negotiated.contexts
    assert refused(lambda: world.negotiated(Options(extra_contexts=((0x100, b"01234"),)))) == status.INVALID_PARAMETER


def test_before_3_1_1_there_are_none(world: World) -> None:
    tree = world.tree(options=Options(dialects=(0x0302,), extra_contexts=(posix.NEGOTIATE,)))
    with made(tree, "file") as file:
        assert posix.EXTENSIONS not in file.created.contexts


def test_the_server_can_be_told_not_to(share_folder: Path) -> None:
    world = World(share_folder, policy=Policy(posix_extensions=False))
    assert 0x100 not in world.negotiated(LINUX).negotiated.contexts
    world.close()


def test_memory_has_neither_cases_nor_modes(share_folder: Path) -> None:
    only_memory = World(share_folder, shares=[Share("data", MemoryBackend(lambda: START))])
    assert 0x100 not in only_memory.negotiated(LINUX).negotiated.contexts
    only_memory.close()


def test_beside_a_share_that_can_memory_knows_no_context(share_folder: Path, tmp_path: Path) -> None:
    shares = [Share("data", MemoryBackend(lambda: START)), Share("disk", PosixBackend(tmp_path))]
    world = World(share_folder, shares=shares)
    tree = world.tree(options=LINUX)
    with made(tree, "file") as file:
        assert posix.EXTENSIONS not in file.created.contexts
        assert refused(lambda: file.query(INFO_FILE, posix.INFORMATION)) == status.INVALID_INFO_CLASS
    assert refused(lambda: made(tree, "FILE")) == status.OBJECT_NAME_COLLISION
    world.close()


def test_without_the_context_nothing_is_different(world: World, tree: Tree) -> None:
    (world.data / "file").write_bytes(b"x")
    for client in (world.tree(), tree):
        with client.open("FILE") as file:
            assert file.created.contexts == {}
            assert refused(lambda: file.query(INFO_FILE, posix.INFORMATION)) == status.INVALID_INFO_CLASS
            assert refused(lambda: file.query(INFO_FILESYSTEM, posix.INFORMATION)) == status.INVALID_INFO_CLASS
        with client.open("", options=DIRECTORY_FILE) as root:
            reply = client.call(queries.query_directory(root.file_id, "*", posix.INFORMATION))
            assert reply.status == status.INVALID_INFO_CLASS
    with world.tree().open("FILE", contexts=[posix_context()]) as file:
        assert file.created.contexts == {}, "sent, but not negotiated"


def test_a_context_that_is_no_mode(tree: Tree) -> None:
    context = (posix.EXTENSIONS, b"00000")
    assert refused(lambda: tree.open("", contexts=[context])) == status.INVALID_PARAMETER


# What is told


def test_a_file_is_described(world: World, tree: Tree) -> None:
    with made(tree, "file", 0o640) as file:
        file.write(0, b"data")
        state = (world.data / "file").stat()
        told = facts(file)
        assert told == (1, 0, 0o640, 0, f"S-1-22-1-{state.st_uid}", f"S-1-22-2-{state.st_gid}")
        info = posix.decode_info(file.query(INFO_FILE, posix.INFORMATION))
        assert (info.end_of_file, info.inode, info.device) == (4, state.st_ino, state.st_dev & 0xFFFFFFFF)
        assert info.facts == told
        assert info.attributes == file.created.attributes
    os.link(world.data / "file", world.data / "other")
    with opened(tree, "file") as file:
        assert facts(file).links == 2


def test_a_directory_is_described(world: World, tree: Tree) -> None:
    with made(tree, "folder", 0o750, DIRECTORY_FILE) as folder:
        assert facts(folder)[1:4] == (0, 0o750, 1)
        assert facts(folder).links == (world.data / "folder").stat().st_nlink


def test_information_needs_its_right_and_its_room(tree: Tree) -> None:
    made(tree, "file").close()
    with opened(tree, "file", access=DELETE) as file:
        assert refused(lambda: file.query(INFO_FILE, posix.INFORMATION)) == status.ACCESS_DENIED
    with opened(tree, "file") as file:
        assert refused(lambda: file.query(INFO_FILE, posix.INFORMATION, 111)) == status.INFO_LENGTH_MISMATCH
        assert len(file.query(INFO_FILE, posix.INFORMATION, 112)) == 112


def test_a_listing(world: World, tree: Tree) -> None:
    folder = world.data / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(b"12345")
    (folder / "file").chmod(0o604)
    (folder / "inner").mkdir(mode=0o711)
    os.mkfifo(folder / "fifo")
    found = listing(tree, "folder")
    assert sorted(found) == [".", "..", "file", "inner"], "what means something on the server only is not shown"
    state = (folder / "file").stat()
    entry = found["file"]
    assert (entry.inode, entry.end_of_file) == (state.st_ino, 5)
    assert entry.facts == (1, 0, 0o604, 0, f"S-1-22-1-{state.st_uid}", f"S-1-22-2-{state.st_gid}")
    assert found["inner"].facts[2:4] == (0o711, 1)
    assert found["."].inode == folder.stat().st_ino
    assert found[".."].inode == world.data.stat().st_ino
    assert found["."].facts.owner == found[".."].facts.owner == f"S-1-22-1-{os.getuid()}"


def test_above_the_root_is_nothing(tree: Tree) -> None:
    found = listing(tree)
    assert found["."].inode
    above = found[".."]
    assert (above.inode, above.device, above.facts.owner, above.facts.group) == (0, 0, "S-1-0-0", "S-1-0-0")


def test_one_name_of_a_listing(world: World, tree: Tree) -> None:
    for name in ("one", "One", "a:b"):
        (world.data / name).write_bytes(b"")
    assert list(listing(tree, pattern="one")) == ["one"]
    assert list(listing(tree, pattern="ONE")) == []
    [entry] = listing(tree, pattern="a:b").values()
    assert entry.facts.owner == f"S-1-22-1-{os.getuid()}"
    assert sorted(listing(tree, pattern="?ne")) == ["One", "one"]


def test_a_long_listing_goes_on(world: World, tree: Tree) -> None:
    for number in range(50):
        (world.data / f"{number:03}").write_bytes(b"")
    names: list[str] = []
    with opened(tree, "", options=DIRECTORY_FILE) as root:
        while True:
            reply = tree.call(queries.query_directory(root.file_id, "*", posix.INFORMATION, length=1024))
            if reply.status == status.NO_MORE_FILES:
                break
            names += [each.name for each in posix.decode_posix_entries(queries.decode_buffer(reply.check()))]
    assert sorted(names) == sorted([".", "..", *(f"{number:03}" for number in range(50))])


def test_a_volume(world: World, tree: Tree) -> None:
    with opened(tree, "") as root:
        volume = posix.decode_volume(root.query(INFO_FILESYSTEM, posix.INFORMATION))
        flags = struct.unpack_from("<I", root.query(INFO_FILESYSTEM, 5))[0]
    state = os.statvfs(world.data)
    assert (volume.block_size, volume.blocks, volume.files) == (state.f_frsize, state.f_blocks, state.f_files)
    assert flags & 1, "it says that it tells case"
    with tree.open("") as root:
        assert not struct.unpack_from("<I", root.query(INFO_FILESYSTEM, 5))[0] & 1


# Names


def test_case_counts(world: World, tree: Tree) -> None:
    made(tree, "makefile").close()
    assert refused(lambda: opened(tree, "MAKEFILE")) == status.OBJECT_NAME_NOT_FOUND
    made(tree, "Makefile").close()
    assert sorted(os.listdir(world.data)) == ["Makefile", "makefile"]
    made(tree, "dir", options=DIRECTORY_FILE).close()
    assert refused(lambda: opened(tree, "DIR/x")) == status.OBJECT_PATH_NOT_FOUND
    assert refused(lambda: made(tree, "makefile")) == status.OBJECT_NAME_COLLISION


def test_others_find_each_of_two_names_and_what_is_left(world: World, tree: Tree) -> None:
    windows = world.tree()
    windows.create("README", CREATE_NEW).close()
    windows.open("Readme").close()  # the directory's names are known from now on
    made(tree, "readme").close()
    with windows.open("README") as first, windows.open("readme") as second:
        assert first.query(INFO_FILE, 6) != second.query(INFO_FILE, 6)
    opened(tree, "readme", access=DELETE, options=DELETE_ON_CLOSE).close()
    windows.open("ReadMe").close()


def test_every_character_is_one(world: World, tree: Tree) -> None:
    names = ["a ", "a  ", ". ", ".  ", "a.", ".a", " \\ ", ">", "<?", 'a:b"c|d*', "\x01", "con", "x" * 255]
    for name in names:
        made(tree, name).close()
    assert sorted(os.listdir(world.data)) == sorted(names)
    assert sorted(listing(tree)) == sorted([".", "..", *names])
    for name in names:
        opened(tree, name, access=DELETE, options=DELETE_ON_CLOSE).close()
    assert os.listdir(world.data) == []


def test_both_forms_of_a_name_are_one(world: World, tree: Tree) -> None:
    (world.data / "a:b").write_bytes(b"x")
    opened(tree, "a:b").close()
    opened(tree, "a\uf022b").close()  # Linux with mapposix, which is its default
    world.tree().open("a\uf022b").close()


def test_a_colon_is_no_stream(world: World, tree: Tree) -> None:
    made(tree, "file").close()
    made(tree, "file:stream").close()
    assert sorted(os.listdir(world.data)) == ["file", "file:stream"]


def test_slashes_separate(world: World, tree: Tree) -> None:
    made(tree, "folder", options=DIRECTORY_FILE).close()
    made(tree, "folder/file").close()
    made(tree, "folder\\file").close()
    assert sorted(os.listdir(world.data)) == ["folder", "folder\\file"]
    assert os.listdir(world.data / "folder") == ["file"]
    opened(tree, "folder/", options=DIRECTORY_FILE).close()


@pytest.mark.parametrize("name", ["/file", "a/../../b", "..", "a//b", "a\0b", ".smbserver-streams"])
def test_what_is_no_name_in_posix_either(tree: Tree, name: str) -> None:
    assert refused(lambda: made(tree, name)) in (
        status.INVALID_PARAMETER,
        status.OBJECT_NAME_INVALID,
        status.OBJECT_PATH_SYNTAX_BAD,
        status.OBJECT_PATH_NOT_FOUND,
    )


def test_a_short_name_is_nobodys(world: World, tree: Tree) -> None:
    windows = world.tree()
    windows.create("a long name.text", CREATE_NEW).close()
    with windows.open("a long name.text") as file:
        short = file.query(INFO_FILE, 21)[4:].decode("utf-16-le")
    windows.open(short).close()
    assert refused(lambda: opened(tree, short)) == status.OBJECT_NAME_NOT_FOUND


# Modes


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o444, 0o000, 0o1777, 0o666])
@pytest.mark.parametrize("options", [0, DIRECTORY_FILE])
def test_the_mode_is_the_one_asked_for(world: World, tree: Tree, mode: int, options: int) -> None:
    before = os.umask(0o077)
    try:
        with made(tree, "new", mode, options) as new:
            assert facts(new).mode == mode
            if not options:
                new.write(0, b"who made it may write")
    finally:
        os.umask(before)
    assert stat.S_IMODE((world.data / "new").stat().st_mode) == mode


def test_nobody_is_made_somebody_else(world: World, tree: Tree) -> None:
    with made(tree, "program", 0o106755) as file:
        assert facts(file).mode == 0o755
    assert stat.S_IMODE((world.data / "program").stat().st_mode) == 0o755


def test_without_a_mode_it_is_the_usual_one(world: World, tree: Tree) -> None:
    made(tree, "posix", posix.NO_MODE).close()
    world.tree().create("windows", CREATE_NEW).close()
    assert (world.data / "posix").stat().st_mode == (world.data / "windows").stat().st_mode


def test_the_share_says_more_than_a_client(share_folder: Path) -> None:
    backend = PosixBackend(_folder(share_folder), creation=Creation(0o660, 0o770))
    world = World(share_folder, shares=[Share("data", backend)])
    tree = world.tree(options=LINUX)
    with made(tree, "file", 0o600) as file, made(tree, "folder", 0o700, DIRECTORY_FILE) as folder:
        assert (facts(file).mode, facts(folder).mode) == (0o660, 0o770)
    world.close()


def _folder(share_folder: Path) -> Path:
    folder = share_folder / "own"
    folder.mkdir()
    return folder


def test_a_descriptor_handed_down_fits_the_mode(world: World, tree: Tree) -> None:
    windows = world.tree()
    everyone = sd.Ace(sd.ACCESS_ALLOWED, 3, 0x1F01FF, EVERYONE)
    with windows.open("", access=GENERIC_ALL) as root:
        root.set(INFO_SECURITY, 0, sd.build(sd.Descriptor(sd.SE_DACL_PRESENT, None, None, (everyone,))), DACL)
    made(tree, "file", 0o400).close()
    assert stat.S_IMODE((world.data / "file").stat().st_mode) == 0o400
    with windows.open("file") as file:
        dacl = sd.parse(file.query(INFO_SECURITY, 0, additional=DACL)).dacl
    assert dacl is not None
    assert [ace.sid for ace in dacl] == [EVERYONE], "stored, and believed beside the mode"


def test_chmod(world: World, tree: Tree) -> None:
    with made(tree, "file", 0o644) as file:
        file.set(INFO_SECURITY, 0, posix.chmod_descriptor(0o750), DACL)
        assert posix.decode_info(file.query(INFO_FILE, posix.INFORMATION)).facts.mode == 0o750
    with opened(tree, "file") as file:
        reply = tree.call(queries.set_info(file.file_id, INFO_SECURITY, 0, posix.chmod_descriptor(0o777), DACL))
        assert reply.status == status.ACCESS_DENIED
    assert stat.S_IMODE((world.data / "file").stat().st_mode) == 0o750


def test_readonly_is_the_mode_and_nothing_else(world: World, tree: Tree) -> None:
    context = posix_context(0o444)
    with tree.open("file", access=GENERIC_ALL, disposition=CREATE_NEW, attributes=1, contexts=[context]) as file:
        assert posix.decode_info(file.query(INFO_FILE, posix.INFORMATION)).attributes & 1
        file.set(INFO_SECURITY, 0, posix.chmod_descriptor(0o644), DACL)
        assert not posix.decode_info(file.query(INFO_FILE, posix.INFORMATION)).attributes & 1
    opened(tree, "file", access=GENERIC_WRITE).close()


def test_after_a_chmod_the_mode_is_what_holds(world: World, tree: Tree) -> None:
    everyone = sd.Ace(sd.ACCESS_ALLOWED, 0, 0x1F01FF, EVERYONE)
    with made(tree, "file", 0o644) as file:
        file.set(INFO_SECURITY, 0, sd.build(sd.Descriptor(sd.SE_DACL_PRESENT, None, None, (everyone,))), DACL)
        file.set(INFO_SECURITY, 0, posix.chmod_descriptor(0o600), DACL)
        dacl = sd.parse(file.query(INFO_SECURITY, 0, additional=DACL)).dacl
    assert dacl is not None
    assert all(ace.sid != EVERYONE or not ace.mask & 2 for ace in dacl)


# Rights are asked as always


def test_who_may_not_by_the_descriptor_may_not_by_posix(world: World, tree: Tree) -> None:
    with made(tree, "file") as file:
        nobody = sd.Descriptor(sd.SE_DACL_PRESENT, None, None, ())
        file.set(INFO_SECURITY, 0, sd.build(nobody), DACL)
    bob = world.log_on(LINUX, user="bob").tree("data")
    (world.data / "closed").mkdir()
    alice = world.tree()
    with alice.open("closed", access=GENERIC_ALL) as closed:
        closed.set(INFO_SECURITY, 0, sd.build(sd.Descriptor(sd.SE_DACL_PRESENT, None, None, ())), DACL)
    assert refused(lambda: opened(bob, "file", access=GENERIC_WRITE)) == status.ACCESS_DENIED
    assert refused(lambda: made(bob, "closed/new")) == status.ACCESS_DENIED


def test_a_read_only_share_stays_one(world: World) -> None:
    tree = world.tree("ro", LINUX)
    assert refused(lambda: made(tree, "new")) in (status.ACCESS_DENIED, status.MEDIA_WRITE_PROTECTED)
    assert listing(tree)


# Deleting and renaming


def test_what_is_open_can_be_removed(world: World, tree: Tree) -> None:
    reader = made(tree, "file")
    reader.write(0, b"still here")
    opened(tree, "file", access=DELETE, options=DELETE_ON_CLOSE).close()
    assert os.listdir(world.data) == []
    made(tree, "file").close()
    assert reader.read(0, 10) == b"still here"
    reader.close()
    assert os.listdir(world.data) == ["file"]


def test_disposition_is_posix_as_well(world: World, tree: Tree) -> None:
    reader = made(tree, "file")
    with opened(tree, "file", access=DELETE) as file:
        file.set(INFO_FILE, 13, b"\1")
    assert os.listdir(world.data) == []
    reader.close()


def test_who_has_it_open_by_posix_keeps_no_name(world: World, tree: Tree) -> None:
    windows = world.tree()
    file = windows.create("file", CREATE_NEW)
    file.close()
    with windows.open("file") as other, opened(tree, "file") as reader:
        with windows.open("file", access=DELETE) as file:
            file.set(INFO_FILE, 13, b"\1")
        assert os.listdir(world.data) == ["file"], "somebody of Windows has it open"
        other.close()
        assert os.listdir(world.data) == []
        assert posix.decode_info(reader.query(INFO_FILE, posix.INFORMATION)).facts.links == 0


def test_who_does_not_share_deleting_stands_in_the_way(world: World, tree: Tree) -> None:
    made(tree, "file").close()
    with world.tree().open("file", share=SHARE_READ | SHARE_WRITE):
        wanted = refused(lambda: opened(tree, "file", access=DELETE, options=DELETE_ON_CLOSE))
    assert wanted == status.SHARING_VIOLATION


def test_read_only_is_no_hindrance(world: World, tree: Tree) -> None:
    made(tree, "first", 0o444).close()
    made(tree, "second", 0o444).close()
    opened(tree, "first", access=DELETE, options=DELETE_ON_CLOSE).close()
    with opened(tree, "second", access=DELETE) as file:
        file.set(INFO_FILE, 13, b"\1")
    assert os.listdir(world.data) == []
    made(tree, "third", 0o444).close()
    windows = world.tree()
    assert refused(lambda: windows.open("third", access=DELETE, options=DELETE_ON_CLOSE)) == status.CANNOT_DELETE


def test_a_rename_replaces_what_is_open(world: World, tree: Tree) -> None:
    old = made(tree, "target", 0o444)
    old.write(0, b"old")
    with made(tree, "source") as file:
        file.write(0, b"new")
        file.set(INFO_FILE, RENAME, queries.rename_data("target", replace=True))
    assert os.listdir(world.data) == ["target"]
    assert (world.data / "target").read_bytes() == b"new"
    assert old.read(0, 3) == b"old"
    old.close()


def test_a_rename_by_case_and_with_any_character(world: World, tree: Tree) -> None:
    made(tree, "folder", options=DIRECTORY_FILE).close()
    with made(tree, "a") as file:
        file.set(INFO_FILE, RENAME, queries.rename_data("A"))
        assert os.listdir(world.data / "folder") == []
        file.set(INFO_FILE, RENAME, queries.rename_data("folder/:x\\y"))
        assert os.listdir(world.data / "folder") == [":x\\y"]
        assert refused(lambda: file.set(INFO_FILE, RENAME, queries.rename_data("Folder/z"))) == (
            status.OBJECT_PATH_NOT_FOUND
        )
        file.set(INFO_FILE, LINK, queries.rename_data("li?nk"))
    made(tree, "A").close()
    made(tree, "a").close()
    assert sorted(os.listdir(world.data)) == ["A", "a", "folder", "li?nk"]


def test_a_folder_is_renamed_over_open_files(world: World, tree: Tree) -> None:
    made(tree, "folder", options=DIRECTORY_FILE).close()
    inner = made(tree, "folder/file")
    with opened(tree, "folder", access=DELETE) as folder:
        folder.set(INFO_FILE, RENAME, queries.rename_data("moved"))
    inner.write(0, b"there")
    inner.close()
    assert (world.data / "moved" / "file").read_bytes() == b"there"


# Links


def test_a_link_is_shown_as_one(share_folder: Path) -> None:
    folder = _folder(share_folder)
    (folder / "file").write_bytes(b"x")
    (folder / "link").symlink_to("file")
    world = World(share_folder, shares=[Share("data", PosixBackend(folder, symlinks=Symlinks.SHOWN))])
    tree = world.tree(options=LINUX)
    for found in (listing(tree)["link"], listing(tree, pattern="link")["link"]):
        assert (found.facts.type, found.facts.tag) == (posix.TYPE_SYMLINK, 0xA000000C)
        assert found.facts.owner == f"S-1-22-1-{os.getuid()}"
    with opened(tree, "link", options=0x00200000) as link:
        assert facts(link)[1] == 0xA000000C
        assert facts(link).type == posix.TYPE_SYMLINK
    assert refused(lambda: opened(tree, "link")) == status.STOPPED_ON_SYMLINK
    world.close()


# Durable opens


def test_an_open_taken_back_is_still_one_of_posix(world: World) -> None:
    options = Options(client_guid=b"C" * 16, extra_contexts=(posix.NEGOTIATE,))
    tree = world.tree(options=options)
    asked = [posix_context(0o640), contexts.durable_v2(b"G" * 16)]
    access = GENERIC_READ | GENERIC_WRITE | DELETE
    file = tree.open("a:b", access=access, disposition=CREATE_NEW, oplock=OPLOCK_BATCH, contexts=asked)
    assert contexts.DURABLE_REQUEST_V2 in file.created.contexts
    tree.session.connection.close()
    again = world.tree(options=options)
    asked = [posix_context(), contexts.durable_reconnect_v2(file.file_id, b"G" * 16)]
    file = again.open("a:b", access=access, oplock=OPLOCK_BATCH, contexts=asked)
    assert facts(file).mode == 0o640
    assert posix.decode_info(file.query(INFO_FILE, posix.INFORMATION)).facts == facts(file)
    file.close()
    assert os.listdir(world.data) == ["a:b"]
