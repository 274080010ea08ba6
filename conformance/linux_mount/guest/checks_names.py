"""Names and what is known of a file: directories, renames, links, times, modes, extended attributes."""

import errno
import os
import random
import shutil
import stat
from functools import partial
from pathlib import Path

from conformance.linux_mount.guest.place import Different, Place, refused, same, until

MANY = 400
# Windows forbids most of these; the client writes them in a private range (`mapposix`), or as they are (`posix`).
# A backslash it refuses by itself without `posix`.
NAMES = (
    "plain", "with space", "ünïcödé", "日本語", "emoji😀", "a:b", "a*b", "a?b", 'a"b', "a<b>c", "a|b",
    "dot.", "space ", ".hidden", "..three", "x" * 255, "é" * 100, "CON", "nul.txt", "a\tb", "e\u0301",
)  # fmt: skip


def check_names(place: Place) -> None:
    """Every name comes back as it was given, in the listing and by itself, at both clients."""
    names = (*NAMES, "a\\b", "case", "Case") if place.is_posix else NAMES
    for index, name in enumerate(names):
        try:
            (place.first / name).write_text(str(index))
        except OSError as error:
            raise Different(f"{name!r}: {error}") from error
    same("listing", sorted(os.listdir(place.first)), sorted(names))
    same("listing of the other", sorted(os.listdir(place.second)), sorted(names))
    for index, name in enumerate(names):
        same(name, (place.second / name).read_text(), str(index))
    refused("a name of 256", errno.ENAMETOOLONG, lambda: (place.first / ("y" * 256)).write_text(""))
    for name in names:
        (place.first / name).unlink()
    same("empty", os.listdir(place.first), [])


def check_many(place: Place) -> None:
    """A directory of many entries, listed, changed while it is listed, and removed."""
    names = {f"file{number:05}" for number in range(MANY)}
    for name in names:
        (place.first / name).touch()
    same("names", set(os.listdir(place.first)), names)
    same("names at the other", set(os.listdir(place.second)), names)
    with os.scandir(place.first) as entries:
        for entry in entries:
            entry.stat()
            os.unlink(entry.path)
    same("left", os.listdir(place.first), [])


def check_rename(place: Place) -> None:
    """rename(2) in all its cases, those that fail as well."""
    for base in (place.first, place.memory):
        (base / "a").write_text("a")
        (base / "b").write_text("b")
        (base / "folder" / "inner").mkdir(parents=True)
        (base / "folder" / "inner" / "deep").write_text("deep")
        (base / "empty").mkdir()
    for source, target in (
        ("a", "b"),  # over a file
        ("b", "B"),  # only the case
        ("B", "folder/c"),
        ("folder", "moved"),
        ("moved", "empty"),  # over an empty directory
        ("empty", "empty/inner/self"),  # into itself
        ("nothing", "something"),
        ("empty/c", "empty/inner"),  # a file over a directory
        ("empty/inner", "empty/c"),  # a directory over a file
    ):
        outcomes = []
        for base in (place.first, place.memory):
            try:
                os.rename(base / source, base / target)
                outcomes.append("done")
            except OSError as error:
                outcomes.append(errno.errorcode[error.errno or 0])
        same(f"rename {source} to {target}", outcomes[0], outcomes[1])
    same("tree", _tree(place.first), _tree(place.memory))


def _tree(base: Path) -> dict[str, str]:
    found = {}
    for folder, folders, files in os.walk(base):
        for name in folders:
            found[os.path.relpath(os.path.join(folder, name), base)] = "folder"
        for name in files:
            found[os.path.relpath(os.path.join(folder, name), base)] = Path(folder, name).read_text()
    return found


def check_random_tree(place: Place) -> None:
    """Random changes of a tree, each with the same outcome as in memory."""
    choice = random.Random(11)
    names = [f"{first}{second}" for first in "abc" for second in ("", "/x", "/y", "/x/z")]
    for step in range(300):
        kind = choice.choice(("mkdir", "rmdir", "write", "write", "unlink", "rename", "rename", "list"))
        source, target = choice.choice(names), choice.choice(names)
        outcomes = [_change(base, kind, source, target, str(step)) for base in (place.first, place.memory)]
        same(f"step {step}: {kind} {source} {target}", outcomes[0], outcomes[1])
    same("tree", _tree(place.first), _tree(place.memory))
    same("tree at the other", _tree(place.second), _tree(place.memory))


def _change(base: Path, kind: str, source: str, target: str, text: str) -> str:
    try:
        if kind == "mkdir":
            (base / source).mkdir()
        elif kind == "rmdir":
            (base / source).rmdir()
        elif kind == "write":
            (base / source).write_text(text)
        elif kind == "unlink":
            (base / source).unlink()
        elif kind == "rename":
            os.rename(base / source, base / target)
        else:
            return ",".join(sorted(os.listdir(base / source)))
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


def check_remove(place: Place) -> None:
    """What is not empty stays; what is open can be removed, and is read until it is closed."""
    (place.first / "folder" / "inner").mkdir(parents=True)
    refused("rmdir of what is not empty", errno.ENOTEMPTY, lambda: (place.first / "folder").rmdir())
    shutil.rmtree(place.first / "folder")
    path = place.first / "open"
    path.write_bytes(b"still here")
    with path.open("rb") as file:
        path.unlink()
        if place.is_posix:  # else the name goes with the last handle, as in Windows
            same("on the host", place.host.ask("list", name=place.folder), [])
        same("read", file.read(), b"still here")
    until("listing", lambda: os.listdir(place.first) == [])
    until("on the host", lambda: place.host.ask("list", name=place.folder) == [])


def check_replace_open(place: Place) -> None:
    """An editor's way to save: a new file over one that is open."""
    path = place.first / "text"
    path.write_text("old")
    with path.open() as old:
        (place.first / "new").write_text("new")
        if place.is_posix:
            os.replace(place.first / "new", path)
            same("on the host", place.host.ask("read", name=f"{place.folder}/text"), b"new".hex())
        else:  # as in Windows
            refused("over what is open", errno.EACCES, lambda: os.replace(place.first / "new", path))
        same("old", old.read(), "old")
    if not place.is_posix:
        os.replace(place.first / "new", path)
    until("in the end", lambda: path.read_text() == "new")


def check_hard_links(place: Place) -> None:
    """Two names of one file."""
    (place.first / "one").write_text("same")
    os.link(place.first / "one", place.first / "two")
    same("bytes", (place.first / "two").read_text(), "same")
    same("inode", os.stat(place.first / "one").st_ino, os.stat(place.first / "two").st_ino)
    until("links", lambda: os.stat(place.first / "one").st_nlink == 2)  # it is kept as long as the file is
    refused("link over what is there", errno.EEXIST, lambda: os.link(place.first / "one", place.first / "two"))
    (place.first / "one").unlink()
    same("the other", (place.first / "two").read_text(), "same")


def check_symbolic_links(place: Place) -> None:
    """Links as the mount has them; the target comes back as it was given."""
    if "mfsymlinks" not in place.options and not place.links_are_shown:
        refused("a share without links", errno.EOPNOTSUPP, lambda: os.symlink("target", place.first / "link"))
        return
    for target in ("target", "folder/below", "../else"):
        path = place.first / f"link{len(target)}"
        os.symlink(target, path)
        same("target", os.readlink(path), target)
        same("kind", stat.S_ISLNK(os.lstat(path).st_mode), True)
    (place.first / "target").write_text("reached")
    same("through it", (place.first / "link6").read_text(), "reached")
    same("at the other", os.readlink(place.second / "link6"), "target")


def check_times(place: Place) -> None:
    """Times that are set, to 100 ns, far away ones too."""
    path = place.first / "file"
    path.touch()
    for when in (1_700_000_000_123_456_700, 0, 100_000_000_000, 4_000_000_000 * 10**9):
        os.utime(path, ns=(when, when))
        same("mtime", path.stat().st_mtime_ns, when)
        until(f"mtime {when} at the other", partial(_has_time, place.second / "file", when))
        facts = place.host.ask("stat", name=f"{place.folder}/file")
        assert isinstance(facts, dict)
        same("mtime on the host", facts["mtime_ns"], when)
    path.write_text("changed")
    same("writing changes it", path.stat().st_mtime_ns != when, True)


def _has_time(path: Path, when: int) -> bool:
    return path.stat().st_mtime_ns == when


def check_read_only_file(place: Place) -> None:
    """chmod without write permission is Windows' read-only, or the mode itself; one client undoes it."""
    path, other = place.first / "file", place.second / "file"
    path.write_text("text")
    path.chmod(0o444)
    same("mode", path.stat().st_mode & 0o222, 0)
    same("mode at the other", other.stat().st_mode & 0o222, 0)
    other.chmod(0o644)
    other.write_text("again")
    until("the first", lambda: path.stat().st_mode & 0o200 != 0)
    path.unlink()


def check_attributes(place: Place) -> None:
    """user.* attributes, empty and large, are kept on the host."""
    path = place.first / "file"
    path.write_text("text")
    values = {"user.small": b"value", "user.large": bytes(range(256)) * 12}
    for name, value in values.items():
        os.setxattr(path, name, value)
    same("names", sorted(n.lower() for n in os.listxattr(path)), sorted(values))
    for name, value in values.items():
        same(name, os.getxattr(place.second / "file", name), value)
    os.setxattr(path, "user.small", b"other")
    same("changed", os.getxattr(path, "user.small"), b"other")
    os.removexattr(path, "user.large")
    same("left", [n.lower() for n in os.listxattr(path)], ["user.small"])
    refused("what is not there", errno.ENODATA, lambda: os.getxattr(path, "user.large"))


def check_space(place: Place) -> None:
    """statfs shows the host's file system."""
    found = os.statvfs(place.first)
    expected = place.host.ask("space")
    same("bytes", found.f_blocks * found.f_frsize, expected)
    same("longest name", found.f_namemax, 255)


def check_inodes(place: Place) -> None:
    """The server's own numbers: the same at both clients and after a rename."""
    (place.first / "file").touch()
    number = (place.first / "file").stat().st_ino
    same("at the other", (place.second / "file").stat().st_ino, number)
    os.rename(place.first / "file", place.first / "renamed")
    same("renamed", (place.first / "renamed").stat().st_ino, number)
    same("in the listing", [entry.inode() for entry in os.scandir(place.second)], [number])
