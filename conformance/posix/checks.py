"""The checks of `run.py`: what a Linux mount with `-o posix` sends, from our own client; each raises Different.

Every check gets the folder behind the share and a tree on which the extensions were negotiated.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from conformance.client import commands, posix, queries
from conformance.client.posix import PosixInfo
from conformance.client.protocol import (
    CREATE_NEW,
    DELETE,
    DELETE_ON_CLOSE,
    DIRECTORY_FILE,
    GENERIC_ALL,
    GENERIC_READ,
    INFO_FILE,
    INFO_FILESYSTEM,
    INFO_SECURITY,
    NO_MORE_FILES,
    OPEN,
    SUCCESS,
    StatusFailure,
)
from conformance.client.session import File, Tree

OBJECT_NAME_NOT_FOUND: Final = 0xC0000034
READ_ATTRIBUTES: Final = 0x80
RENAME: Final = 10
LINK: Final = 11
DACL: Final = 4
SAME_AS_BEFORE: Final = b"\xff" * 16  # the file of the request before, in a compound
# Samba's own list of names that its client makes so.
NAMES: Final = ("a ", "a  ", ". ", ".  ", "a.", ".a", " \\ ", ">", "<?", "a:b", "*")


class Different(Exception):
    """What was expected, and what was there."""


def _is(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise Different(f"{what}: {found!r}, expected {expected!r}")


def _open(
    tree: Tree,
    name: str,
    mode: int = posix.NO_MODE,
    access: int = GENERIC_READ,
    disposition: int = OPEN,
    options: int = 0,
) -> File:
    contexts = [posix.posix_context(mode)]
    return tree.open(name, access=access, disposition=disposition, options=options, contexts=contexts)


def _make(tree: Tree, name: str, mode: int = 0o644, options: int = 0) -> File:
    return _open(tree, name, mode, GENERIC_ALL, CREATE_NEW, options)


def _remove(tree: Tree, name: str) -> None:
    _open(tree, name, access=DELETE, options=DELETE_ON_CLOSE).close()


def _listing(tree: Tree, name: str = "") -> dict[str, PosixInfo]:
    found: dict[str, PosixInfo] = {}
    with _open(tree, name, options=DIRECTORY_FILE) as directory:
        while True:
            request = queries.query_directory(directory.file_id, "*", posix.INFORMATION, 4096)
            reply = tree.call(request).check(SUCCESS, NO_MORE_FILES)
            if reply.status == NO_MORE_FILES:
                return found
            for entry in posix.decode_posix_entries(queries.decode_buffer(reply)):
                found[entry.name] = entry


def _facts(file: File) -> posix.PosixFacts:
    return posix.decode_facts(file.created.contexts[posix.EXTENSIONS])


def negotiation(folder: Path, tree: Tree) -> None:
    """The context is answered, and the root opened with it has what the kernel says."""
    _is("the answer", tree.session.negotiated.contexts.get(0x100), posix.EXTENSIONS)
    with _open(tree, "", options=DIRECTORY_FILE) as root:
        facts = _facts(root)
    state = folder.stat()
    mode = stat.S_IMODE(state.st_mode)
    owner, group = f"S-1-22-1-{state.st_uid}", f"S-1-22-2-{state.st_gid}"
    _is("the root", facts, (state.st_nlink, 0, mode, posix.TYPE_DIRECTORY, owner, group))


def looking(folder: Path, tree: Tree) -> None:
    """CREATE, QUERY_INFO and CLOSE in one frame, as every stat of such a mount is one."""
    (folder / "file").write_bytes(b"12345")
    (folder / "file").chmod(0o751)
    os.link(folder / "file", folder / "second")
    create = commands.create("file", access=READ_ATTRIBUTES, disposition=OPEN, contexts=[posix.posix_context()])
    query = queries.query_info(SAME_AS_BEFORE, INFO_FILE, posix.INFORMATION, 1024)
    replies = tree.call_compound([create, query, commands.close(SAME_AS_BEFORE)])
    info = posix.decode_info(queries.decode_buffer(replies[1].check()))
    state = (folder / "file").stat()
    _is("mode and links", (info.facts.mode, info.facts.links), (0o751, 2))
    _is("size and inode", (info.end_of_file, info.inode), (5, state.st_ino))
    replies[2].check()


def listing(folder: Path, tree: Tree) -> None:
    """Many entries over several replies, with everything that `ls -l` shows."""
    for number in range(100):
        file = folder / f"file{number}"
        file.write_bytes(bytes(number))
        file.chmod(0o600 + number % 0o100)
    (folder / "folder").mkdir(mode=0o700)
    found = _listing(tree)
    _is("how many", len(found), 103)
    for number in range(100):
        entry = found[f"file{number}"]
        state = (folder / f"file{number}").stat()
        told = (entry.facts.mode, entry.facts.type, entry.end_of_file, entry.inode, entry.facts.owner)
        expected = (0o600 + number % 0o100, 0, number, state.st_ino, f"S-1-22-1-{state.st_uid}")
        _is(entry.name, told, expected)
    _is("a folder", found["folder"].facts[2:4], (0o700, posix.TYPE_DIRECTORY))
    _is("what is above the root", (found[".."].inode, found[".."].facts.owner), (0, "S-1-0-0"))


def volume(folder: Path, tree: Tree) -> None:
    """statfs."""
    with _open(tree, "") as root:
        told = posix.decode_volume(root.query(INFO_FILESYSTEM, posix.INFORMATION))
    state = os.statvfs(folder)
    _is("blocks", (told.block_size, told.blocks), (state.f_frsize, state.f_blocks))
    _is("files", told.files, state.f_files)


def names(folder: Path, tree: Tree) -> None:
    """Case, and every character but two."""
    _make(tree, "makefile").close()
    _make(tree, "Makefile").close()
    try:
        _open(tree, "MAKEFILE").close()
    except StatusFailure as refused:
        _is("a third spelling", refused.status, OBJECT_NAME_NOT_FOUND)
    else:
        raise Different("a third spelling was found")
    for name in NAMES:
        _make(tree, name).close()
    expected = sorted([*NAMES, "makefile", "Makefile"])
    _is("on the disk", sorted(os.listdir(folder)), expected)
    _is("in the listing", sorted(_listing(tree)), sorted([".", "..", *expected]))
    for name in expected:
        _remove(tree, name)
    _is("after removing", os.listdir(folder), [])


def modes(folder: Path, tree: Tree) -> None:
    """Files and folders are made with the mode asked for, and chmod changes it."""
    for mode in (*range(0o600, 0o1000, 0o11), 0o1777, 0o444):
        for name, options in (("file", 0), ("folder", DIRECTORY_FILE)):
            with _make(tree, f"{name}{mode:o}", mode, options) as new:
                _is(f"the mode of a new {name}", _facts(new).mode, mode)
            _is("on the disk", stat.S_IMODE((folder / f"{name}{mode:o}").stat().st_mode), mode)
    with _open(tree, "file600", access=GENERIC_ALL) as file:
        file.set(INFO_SECURITY, 0, posix.chmod_descriptor(0o755), DACL)
        info = posix.decode_info(file.query(INFO_FILE, posix.INFORMATION))
    _is("after chmod", (info.facts.mode, stat.S_IMODE((folder / "file600").stat().st_mode)), (0o755, 0o755))


def removing(folder: Path, tree: Tree) -> None:
    """An open file goes, and its name is free at once; one that nobody may write goes as well."""
    with _make(tree, "file") as reader:
        reader.write(0, b"still here")
        _remove(tree, "file")
        _is("after removing", os.listdir(folder), [])
        _make(tree, "file", 0o444).close()
        _is("the open one", bytes(reader.read(0, 100)), b"still here")
    _remove(tree, "file")
    _make(tree, "folder", 0o755, DIRECTORY_FILE).close()
    with _open(tree, "folder", access=DELETE, options=DIRECTORY_FILE) as made:
        made.set(INFO_FILE, 13, b"\1")
    _is("a folder", os.listdir(folder), [])


def renaming(folder: Path, tree: Tree) -> None:
    """Over an open file, by case alone, with an open file in a folder; and a hard link."""
    with _make(tree, "target", 0o444) as old, _make(tree, "source") as new:
        old.write(0, b"old")
        new.write(0, b"new")
        new.set(INFO_FILE, RENAME, queries.rename_data("target", replace=True))
        _is("over an open file", (folder / "target").read_bytes(), b"new")
        _is("the open one", bytes(old.read(0, 10)), b"old")
        new.set(INFO_FILE, RENAME, queries.rename_data("TARGET"))
        _is("by case", os.listdir(folder), ["TARGET"])
        new.set(INFO_FILE, LINK, queries.rename_data("a:link"))
        _is("a link", (folder / "a:link").samefile(folder / "TARGET"), True)
    _make(tree, "folder", 0o755, DIRECTORY_FILE).close()
    with _make(tree, "folder/inner") as inner:
        with _open(tree, "folder", access=DELETE, options=DIRECTORY_FILE) as moved:
            moved.set(INFO_FILE, RENAME, queries.rename_data("other"))
        inner.write(0, b"x")
    _is("in a renamed folder", (folder / "other" / "inner").read_bytes(), b"x")


CHECKS: Final[dict[str, Callable[[Path, Tree], None]]] = {
    "negotiation": negotiation,
    "looking": looking,
    "listing": listing,
    "volume": volume,
    "names": names,
    "modes": modes,
    "removing": removing,
    "renaming": renaming,
}
