"""Two clients and the host at the same files: locks, caches, leases, a line that is cut."""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from conformance.linux_mount.guest.place import PATIENCE, Different, Place, refused, same, until

CUTS = 10


def check_byte_locks(place: Place) -> None:
    """fcntl's locks of ranges, between clients."""
    for base in (place.first, place.second):
        (base / "file").touch()
    with (place.first / "file").open("r+b") as one, (place.second / "file").open("r+b") as two:
        fcntl.lockf(one, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 0)
        refused("the same range", errno.EACCES, lambda: fcntl.lockf(two, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 5))
        fcntl.lockf(two, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 10)
        fcntl.lockf(one, fcntl.LOCK_UN, 10, 0)
        fcntl.lockf(two, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 0)
        fcntl.lockf(two, fcntl.LOCK_UN)
        fcntl.lockf(one, fcntl.LOCK_SH | fcntl.LOCK_NB, 10, 0)
        fcntl.lockf(two, fcntl.LOCK_SH | fcntl.LOCK_NB, 10, 0)
        refused("exclusive", errno.EACCES, lambda: fcntl.lockf(two, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 5))


def check_whole_locks(place: Place) -> None:
    """flock, between clients."""
    (place.first / "file").write_text("text")
    with (place.first / "file").open("r+b") as one, (place.second / "file").open("r+b") as two:
        fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            same("errno", error.errno in (errno.EACCES, errno.EAGAIN), True)
        else:
            raise Different("flock: both have it")
        fcntl.flock(one, fcntl.LOCK_UN)
        fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)


def check_lock_waits(place: Place) -> None:
    """A lock that is waited for is given when the other is gone."""
    (place.first / "file").write_text("text")
    with (place.first / "file").open("r+b") as one, (place.second / "file").open("r+b") as two:
        fcntl.lockf(one, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 0)
        got = threading.Event()

        def wait() -> None:
            fcntl.lockf(two, fcntl.LOCK_EX, 10, 0)
            got.set()

        thread = threading.Thread(target=wait)
        thread.start()
        same("too early", got.wait(1), False)
        fcntl.lockf(one, fcntl.LOCK_UN, 10, 0)
        same("given", got.wait(PATIENCE), True)
        thread.join()


def check_seen_by_the_other(place: Place) -> None:
    """What one has written and closed the other reads, though it has the file open and cached."""
    one, two = place.first / "file", place.second / "file"
    one.write_text("first")
    with two.open() as reader:
        same("before", reader.read(), "first")
        one.write_text("second, and longer")

        def again() -> bool:
            reader.seek(0)
            return reader.read() == "second, and longer"

        until("the other's write", again)


def check_cached_writes(place: Place) -> None:
    """What one has in its cache is written back before the other's open is answered."""
    one, two = place.first / "file", place.second / "file"
    with one.open("wb", buffering=0) as writer:
        for count, text in enumerate((b"in the cache", b", and more"), 1):
            writer.write(text)
            os.close(os.open(two, os.O_RDONLY))
            expected = b"in the cache, and more"[: 12 + 10 * (count - 1)]
            same("on the host", place.host.ask("read", name=f"{place.folder}/file"), expected.hex())
            # Linux 6.12 takes what lies behind the length it knew for zeros, until it has closed the file.
            until("the other", partial(_reads, two, expected))


def _reads(path: Path, expected: bytes) -> bool:
    return path.read_bytes() == expected


def check_host_changes(place: Place) -> None:
    """What a program on the host does is seen: content, new names, removed ones."""
    path = place.first / "file"
    path.write_text("of the client")
    same("before", path.read_text(), "of the client")
    place.host.ask("write", name=f"{place.folder}/file", data=b"of the host, and longer".hex())
    until("content", lambda: path.read_text() == "of the host, and longer")
    place.host.ask("write", name=f"{place.folder}/new", data=b"new".hex())
    until("a new name", lambda: "new" in os.listdir(place.first))
    place.host.ask("remove", name=f"{place.folder}/new")
    until("a name that is gone", lambda: not (place.first / "new").exists())


def check_host_changes_what_is_open(place: Place) -> None:
    """What the client keeps open and has read changes on the host: the break of its lease makes it look again."""
    path = place.first / "file"
    path.write_bytes(b"of the client")
    with path.open("rb", buffering=0) as reader:
        same("before", reader.read(), b"of the client")
        time.sleep(2)  # seconds: what changes right behind a write of the client is taken for the client's
        place.host.ask("write", name=f"{place.folder}/file", data=b"of the host..".hex())

        def again() -> bool:
            reader.seek(0)
            return reader.read() == b"of the host.."

        until("content", again)


def check_at_once(place: Place) -> None:
    """Eight threads, each with its own files and one that all have, on both mounts."""
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            base = (place.first, place.second)[number % 2]
            for turn in range(10):
                path = base / f"thread{number}-{turn}"
                path.write_bytes(bytes([number]) * 20_000)
                same("own file", path.read_bytes(), bytes([number]) * 20_000)
                path.rename(base / f"done{number}-{turn}")
                (base / "common").write_text("x" * 1000)
        except BaseException as problem:  # noqa: BLE001 - raised below, in the thread that is asked
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    same("files", len(os.listdir(place.first)), 81)


def check_cut_line(place: Place) -> None:
    """The line is cut again and again with files open: reads go on over a new one, and what was synced is there."""
    path, pieces = place.first / "file", [os.urandom(200_000) for _ in range(CUTS)]
    path.touch()
    with (place.second / "file").open("rb", buffering=0) as reader:
        for turn, piece in enumerate(pieces):
            with path.open("r+b", buffering=0) as file:
                os.pwrite(file.fileno(), piece, turn * len(piece))
                os.fsync(file.fileno())
                place.host.ask("cut")
                _patiently(lambda: os.listdir(place.first))
                same("read", os.pread(file.fileno(), len(piece), turn * len(piece)), piece)
            _patiently(lambda: os.fstat(reader.fileno()))
            same("the other", os.pread(reader.fileno(), len(piece), turn * len(piece)), piece)
    same("whole", place.host.ask("read", name=f"{place.folder}/file"), b"".join(pieces).hex())


def _patiently(call: Callable[[], object]) -> None:
    """While it connects again the client may say these, EBADF for a handle of the line that is gone."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            call()
        except OSError as error:
            if (
                error.errno not in (errno.EAGAIN, errno.EHOSTDOWN, errno.EINTR, errno.EBADF)
                or time.monotonic() > deadline
            ):
                raise
            time.sleep(0.2)
        else:
            return
