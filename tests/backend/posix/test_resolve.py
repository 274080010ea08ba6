"""Confinement: nothing outside the root is ever reached, seen or changed. The rows of the list of others' mistakes.

Everything runs with the kernel's walk (openat2) and with the one that old kernels get.
"""

import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smbserver.backend.base import StoppedOnLink, Symlinks
from smbserver.backend.posix import PosixBackend
from smbserver.backend.posix.disk_names import STORE_NAME
from smbserver.errors import StatusError
from smbserver.nt import status

SECRET = b"outside"
CREATED = 132_000_000_000_000_000
HOSTILE = ("..", ".", "/", "../x", "a/../..", "/etc", "\\", "..\\x", "a\\b", "a\0", "\0", "", "..\0", "C:", "*")


@pytest.fixture
def area(tmp_path: Path) -> Path:
    """`share/` with something in it, `share-private/` beside it whose name begins the same, and a secret above."""
    (tmp_path / "share" / "dir" / "deep").mkdir(parents=True)
    (tmp_path / "share" / "file").write_bytes(b"inside")
    (tmp_path / "share" / "dir" / "file").write_bytes(b"inside")
    (tmp_path / "share-private").mkdir()
    (tmp_path / "share-private" / "secret").write_bytes(SECRET)
    (tmp_path / "secret").write_bytes(SECRET)
    return tmp_path


@pytest.fixture(params=[True, False], ids=["openat2", "component by component"])
def backend(request: pytest.FixtureRequest, area: Path, no_leak: None) -> Iterator[PosixBackend]:
    """The share; the test must leave the outside as it was and no descriptor open."""
    store = PosixBackend(area / "share", kernel_walk=request.param)
    yield store
    store.close()
    assert (area / "secret").read_bytes() == SECRET
    assert sorted(path.name for path in area.iterdir()) == ["secret", "share", "share-private"]
    assert [path.name for path in (area / "share-private").iterdir()] == ["secret"]
    assert (area / "share-private" / "secret").read_bytes() == SECRET


def found(backend: PosixBackend, *path: str) -> bool:
    """Whether a lookup finds anything. A missing directory counts as nothing."""
    try:
        located = backend.locate(path)
    except StatusError as error:
        if error.status != status.OBJECT_PATH_NOT_FOUND:
            raise
        return False
    located.close()
    return located.identity is not None


def content(backend: PosixBackend, *path: str) -> bytes:
    """A file's bytes."""
    located = backend.locate(path)
    try:
        handle = backend.open(located, True, False)
    finally:
        located.close()
    data = bytes(handle.read_blocking(100, 0))
    handle.close()
    return data


def listed(backend: PosixBackend, *path: str) -> list[str]:
    """Names in a directory."""
    located = backend.locate(path)
    handle = backend.open(located, True, False)
    located.close()
    names = sorted([name for name, _ in handle.scan()][2:])
    handle.close()
    return names


@pytest.mark.parametrize("name", HOSTILE)
def test_components_that_are_none(backend: PosixBackend, name: str) -> None:
    """CVE-2021-31800: `..`, absolute names, mixed separators, NUL, drive, empty, refused by the primitive itself."""
    root = backend.locate(())
    inside = backend.locate(("file",))
    assert inside.identity is not None
    for path in ((name,), (name, "secret"), ("dir", name), ("dir", name, "x"), ("dir", "deep", name, name, "secret")):
        calls: list[Callable[[], object]] = [
            lambda path=path: backend.locate(path),  # type: ignore[misc]  # mypy: default of a lambda
            lambda path=path: backend.remove(path, inside.identity or (0, 0)),  # type: ignore[misc]
            lambda path=path: backend.rename(path, inside.identity or (0, 0), root, True),  # type: ignore[misc]
            lambda path=path: backend.link(path, inside.identity or (0, 0), root, True),  # type: ignore[misc]
        ]
        for call in calls:
            with pytest.raises((StatusError, OSError)):
                call()
    inside.close()
    root.close()


def test_neighbour_with_the_same_beginning(backend: PosixBackend, area: Path) -> None:
    """impacket's commonprefix: `/srv/a` must not let `/srv/a-private` through."""
    (area / "share" / "link").symlink_to("../share-private")
    (area / "share" / "file-link").symlink_to("../share-private/secret")
    assert not found(backend, "link", "secret")
    assert not found(backend, "link")
    assert not found(backend, "file-link")


@pytest.mark.parametrize(
    "leads_to",
    [
        "../secret",
        "dir/../../secret",
        "/etc/passwd",
        "/",
        "..",
        "../share-private/secret",
        "/proc/self/root/etc/passwd",
    ],
)
def test_links_to_the_outside_are_like_nothing(backend: PosixBackend, area: Path, leads_to: str) -> None:
    """CVE-2022-3592, CVE-2021-44141: not followed, not listed, and answered exactly like an absent name."""
    (area / "share" / "link").symlink_to(leads_to)
    (area / "share" / "dir" / "link").symlink_to(Path("..") / leads_to)
    absent, seen = backend.locate(("absent",)), backend.locate(("link",))
    assert (seen.identity, seen.metadata) == (absent.identity, absent.metadata) == (None, None)
    for located in (absent, seen):
        located.close()
    for below in ("absent", "link"):
        with pytest.raises(StatusError) as caught:
            backend.locate((below, "passwd"))
        assert caught.value.status == status.OBJECT_PATH_NOT_FOUND
    assert "link" not in listed(backend)
    assert "link" not in listed(backend, "dir")


def test_absolute_link_even_to_the_inside(backend: PosixBackend, area: Path) -> None:
    """An absolute target names the machine's tree, not the share's: nobody follows it."""
    (area / "share" / "link").symlink_to(area / "share" / "file")
    assert not found(backend, "link")


def test_create_over_a_dangling_link(backend: PosixBackend, area: Path) -> None:
    """rust-smb2: OPEN_IF on a dangling link created its target outside the share."""
    (area / "share" / "link").symlink_to("../new")
    (area / "share" / "inner").symlink_to("new")
    for name in ("link", "inner"):
        located = backend.locate((name,))
        for create in (backend.create_file, backend.create_directory):
            with pytest.raises(FileExistsError):
                create(located, 0, CREATED)
        located.close()
    assert not (area / "new").exists()
    assert not (area / "share" / "new").exists()


def test_loops(backend: PosixBackend, area: Path) -> None:
    """A link round to itself is nothing; one that leads up is a directory, as deep as the client wants to go."""
    (area / "share" / "self").symlink_to("self")
    (area / "share" / "one").symlink_to("two")
    (area / "share" / "two").symlink_to("one")
    assert not any(found(backend, name) for name in ("self", "one", "two"))
    assert not found(backend, "self", "x")
    assert listed(backend) == ["dir", "file"]


def test_links_to_the_inside(backend: PosixBackend, area: Path) -> None:
    """With openat2 they are what they lead to; without it they lead nowhere, and nothing in between."""
    share = area / "share"
    (share / "to-file").symlink_to("dir/file")
    (share / "to-dir").symlink_to("dir")
    (share / "dir" / "up").symlink_to("../file")
    follows = found(backend, "to-file")
    assert found(backend, "to-dir", "file") is follows
    assert found(backend, "TO-DIR", "FILE") is follows
    assert found(backend, "to-dir", "up") is follows
    assert listed(backend) == (["dir", "file", "to-dir", "to-file"] if follows else ["dir", "file"])
    if follows:
        assert content(backend, "to-file") == b"inside"
        located, real = backend.locate(("to-file",)), backend.locate(("dir", "file"))
        assert located.identity == real.identity
        located.close()
        real.close()
    else:
        for name in ("to-file", "to-dir"):
            located = backend.locate((name,))
            with pytest.raises(FileExistsError):
                backend.create_file(located, 0, CREATED)
            located.close()


def test_removing_a_link_removes_the_link(backend: PosixBackend, area: Path) -> None:
    """CVE-2026-2340 and its kind: the far end of a link is never what a remove means."""
    (area / "share" / "link").symlink_to("dir/file")
    (area / "share" / "dirlink").symlink_to("dir")
    for name in ("link", "dirlink"):
        located = backend.locate((name,))
        located.close()
        if located.identity is None:
            pytest.skip("links lead nowhere here")
        backend.remove((name,), located.identity)
        assert not (area / "share" / name).is_symlink()
    assert (area / "share" / "dir" / "file").read_bytes() == b"inside"


def test_renaming_a_link_onto_what_it_leads_to(backend: PosixBackend, area: Path) -> None:
    """Both are one file to a client; rename(2) would put the link in the file's place and lose the data."""
    share = area / "share"
    (share / "link").symlink_to("file")
    if not found(backend, "link"):
        pytest.skip("links lead nowhere here")
    for source, to in (("link", "file"), ("file", "link2")):
        if to == "link2":
            (share / "link2").symlink_to("file")
        located, target = backend.locate((source,)), backend.locate((to,))
        assert located.identity == target.identity is not None
        assert backend.rename((source,), located.identity or (0, 0), target, True) == (to,)
        located.close()
        target.close()
        assert not os.path.lexists(share / source)
        assert not (share / to).is_symlink()
        assert (share / to).read_bytes() == b"inside"


def swap(path: Path, leads_to: str) -> None:
    """What a local program does between the server's look and its deed."""
    path.rename(path.with_name("was-" + path.name))
    path.symlink_to(leads_to)


POLICIES = pytest.mark.parametrize("policy", list(Symlinks))
LINKS = pytest.mark.parametrize(
    "leads_to", ["dir", "dir/deep/..", "..", "../share-private", "/", ".", STORE_NAME, "nowhere", "swapped"]
)


@POLICIES
@LINKS
@pytest.mark.parametrize("kernel_walk", [True, False])
@pytest.mark.parametrize("late", [True, False], ids=["while the server looks", "before"])
def test_a_link_in_the_place_of_a_directory(
    area: Path,
    no_leak: None,
    monkeypatch: pytest.MonkeyPatch,
    policy: Symlinks,
    leads_to: str,
    kernel_walk: bool,
    late: bool,
) -> None:
    """It is entered only to the inside, only where that is the policy, and by the kernel's walk alone."""
    share = area / "share"
    backend = PosixBackend(share, kernel_walk=kernel_walk, symlinks=policy)
    (share / STORE_NAME).mkdir(exist_ok=True)
    (share / STORE_NAME / "file").write_bytes(SECRET)
    (share / "swapped").mkdir()
    (share / "swapped" / "file").write_bytes(b"inside")
    real, swapped = os.open, []

    def put_link() -> None:
        swapped.append(1)
        swap(share / "swapped", leads_to)

    def open_late(path: str, flags: int, *rest: int, dir_fd: int | None = None) -> int:
        if path == "swapped" and not swapped:
            put_link()
        return real(path, flags, *rest, dir_fd=dir_fd)

    if late:
        monkeypatch.setattr(os, "open", open_late)
    else:
        put_link()
    enters = policy is Symlinks.INSIDE and kernel_walk and leads_to in ("dir", "dir/deep/..", ".")
    if enters:
        assert content(backend, "swapped", "file") == b"inside"
    else:
        with pytest.raises(StatusError) as caught:
            backend.locate(("swapped", "file"))
        assert caught.value.status == status.OBJECT_PATH_NOT_FOUND
        is_shown = policy is Symlinks.SHOWN and leads_to in ("dir", ".", "nowhere", "swapped")
        assert isinstance(caught.value, StoppedOnLink) is is_shown
    assert swapped
    backend.close()


@pytest.mark.parametrize("leads_to", ["../secret", "../share-private/secret", "dir/file", "/etc/passwd"])
def test_file_swapped_for_a_link_before_the_open(backend: PosixBackend, area: Path, leads_to: str) -> None:
    """CVE-2021-20316, CVE-2021-43566, CVE-2017-2619: check, then use of something else."""
    located = backend.locate(("file",))
    swap(area / "share" / "file", leads_to)
    for read, write in ((True, False), (True, True), (False, False)):
        with pytest.raises(OSError) as caught:
            backend.open(located, read, write)
        assert caught.value.errno in (errno.ELOOP, errno.ESTALE)
    located.close()


def test_directory_swapped_for_a_link_before_the_deed(backend: PosixBackend, area: Path) -> None:
    """CVE-2021-20316: what was located is a descriptor, so the deed happens where the look was."""
    located = backend.locate(("dir", "new"))
    source = backend.locate(("file",))
    target = backend.locate(("dir", "moved"))
    swap(area / "share" / "dir", "../share-private")
    backend.create_file(located, 0, CREATED).close()
    assert source.identity is not None
    assert backend.rename(("file",), source.identity, target, False)
    for each in (located, source, target):
        each.close()
    assert sorted(path.name for path in (area / "share" / "was-dir").iterdir()) == ["deep", "file", "moved", "new"]


def test_directory_swapped_before_remove_rename_and_link(backend: PosixBackend, area: Path) -> None:
    """Names given later are resolved again, beneath the root again (CVE-2019-10197: also on the second use)."""
    inside, target = backend.locate(("dir", "file")), backend.locate(("target",))
    (area / "share-private" / "file").hardlink_to(area / "share" / "dir" / "file")
    swap(area / "share" / "dir", "../share-private")
    assert inside.identity is not None
    for call in (
        lambda: backend.remove(("dir", "file"), inside.identity or (0, 0)),
        lambda: backend.rename(("dir", "file"), inside.identity or (0, 0), target, True),
        lambda: backend.link(("dir", "file"), inside.identity or (0, 0), target, True),
    ):
        with pytest.raises(StatusError) as caught:
            call()
        assert caught.value.status == status.OBJECT_PATH_NOT_FOUND
    assert (area / "share-private" / "file").exists()
    (area / "share-private" / "file").unlink()
    inside.close()
    target.close()


def test_the_root_moved_away(backend: PosixBackend, area: Path) -> None:
    """The root is a descriptor: what takes its name is not served."""
    (area / "share").rename(area / "moved")
    (area / "share").symlink_to("share-private")
    assert content(backend, "file") == b"inside"
    assert not found(backend, "secret")
    (area / "share").unlink()
    (area / "moved").rename(area / "share")


def test_magic_links(tmp_path: Path, no_leak: None) -> None:
    """/proc/PID/root and /proc/PID/fd/N lead anywhere; a share over /proc must not follow them."""
    outside = os.open(tmp_path, os.O_RDONLY)
    for kernel_walk in (True, False):
        backend = PosixBackend("/proc", kernel_walk=kernel_walk)
        me = str(os.getpid())
        for path in ((me, "root"), (me, "root", "etc"), (me, "cwd"), (me, "fd", str(outside))):
            assert not found(backend, *path)
        backend.close()
    os.close(outside)


@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_special_files_are_refused_and_never_waited_for(backend: PosixBackend, area: Path, kind: str) -> None:
    """A FIFO without a writer would hold the loop for ever."""
    path = area / "share" / "special"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            here = os.open(path.parent, os.O_RDONLY)
            try:
                listener.bind(f"/proc/self/fd/{here}/special")  # sun_path is short
            finally:
                os.close(here)
    else:
        try:
            os.mknod(path, 0o20666, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes devices")
    (area / "share" / "link").symlink_to("special")
    with pytest.raises(StatusError) as caught:
        backend.locate(("special",))
    assert caught.value.status == status.ACCESS_DENIED
    assert listed(backend) == ["dir", "file"]
    with pytest.raises(StatusError) as caught:
        backend.locate(("special", "x"))
    assert caught.value.status == status.OBJECT_PATH_NOT_FOUND


@pytest.mark.parametrize("read", [True, False])
def test_file_swapped_for_a_fifo_before_the_open(backend: PosixBackend, area: Path, read: bool) -> None:
    located = backend.locate(("file",))
    (area / "share" / "file").rename(area / "share" / "was")
    os.mkfifo(area / "share" / "file")
    for write in (True, False):
        with pytest.raises(OSError):
            backend.open(located, read, write)
    located.close()


def test_file_swapped_for_another_and_a_directory(backend: PosixBackend, area: Path) -> None:
    located = backend.locate(("file",))
    (area / "share" / "file").rename(area / "share" / "was")
    (area / "share" / "file").write_bytes(b"other")
    with pytest.raises(OSError) as caught:
        backend.open(located, True, False)
    assert caught.value.errno == errno.ESTALE
    (area / "share" / "file").unlink()
    (area / "share" / "file").mkdir()
    for write in (True, False):
        with pytest.raises(OSError):
            backend.open(located, True, write)
    located.close()


def test_other_spelling_of_directories_on_the_way(backend: PosixBackend) -> None:
    assert content(backend, "DIR", "FILE") == b"inside"
    located = backend.locate(("Dir", "DEEP", "new"))
    assert located.path == ("dir", "deep", "new")
    located.close()


def test_disturbed_walk_does_not_hold_the_loop(area: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says EAGAIN when something was renamed on the way; somebody who renames for ever is not waited for."""
    from smbserver.backend.posix import syscalls

    calls: list[int] = []

    def disturbed(*_: object) -> int:
        calls.append(1)
        return -1

    monkeypatch.setattr(syscalls, "_syscall", disturbed)
    monkeypatch.setattr("smbserver.backend.posix.syscalls.ctypes.get_errno", lambda: errno.EAGAIN)
    with pytest.raises(BlockingIOError):
        syscalls.openat2(0, b"x", 0, 0)
    assert len(calls) == syscalls.MAX_TRIES


def test_a_nul_never_shortens_a_path() -> None:
    from smbserver.backend.posix import syscalls

    for call in (
        lambda: syscalls.openat2(0, b"a\0/../..", 0, 0),
        lambda: syscalls.rename_no_replace(0, b"a\0", 0, b"b"),
        lambda: syscalls.rename_no_replace(0, b"a", 0, b"b\0"),
    ):
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == errno.EINVAL
