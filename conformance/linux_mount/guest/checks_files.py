"""The bytes of files: each operation on the mount and in memory, and both must be the same."""

import ctypes
import errno
import mmap
import os
import random
from pathlib import Path

from conformance.linux_mount.guest.place import Place, refused, same

STEPS = 250
LARGEST = 300_000
SEEDS = (1, 2)


def check_random(place: Place) -> None:
    """A file that is written, truncated, mapped and read at random."""
    for seed in SEEDS:
        _random(place, random.Random(seed), f"random{seed}")


def _random(place: Place, choice: random.Random, name: str) -> None:
    paths = (place.first / name, place.memory / name)
    files = [os.open(path, os.O_RDWR | os.O_CREAT, 0o644) for path in paths]
    done: list[str] = []
    try:
        for step in range(STEPS):
            kind = choice.choice(
                ("write", "write", "read", "read", "truncate", "map", "append", "open", "sync", "stat")
            )
            offset, length = choice.randrange(LARGEST), choice.randrange(1, 70_000)
            data = choice.randbytes(length)
            done.append(f"{kind} {offset} {length}")
            if kind == "write":
                for file in files:
                    os.pwrite(file, data, offset)
            elif kind == "append":
                for path in paths:
                    with path.open("ab") as more:
                        more.write(data[:5000])
            elif kind == "truncate":
                for file in files:
                    os.ftruncate(file, offset)
            elif kind == "map":
                found = [_map(file, offset, data) for file in files]
                same(f"step {step} {done[-6:]}", found[0], found[1])
            elif kind == "read":
                found = [os.pread(file, length, offset) for file in files]
                same(f"step {step} {done[-6:]}", found[0], found[1])
            elif kind == "stat":
                same(f"step {step} {done[-6:]}", *(os.fstat(file).st_size for file in files))
            elif kind == "sync":
                os.fsync(files[0])
            else:
                for index, path in enumerate(paths):
                    os.close(files[index])
                    files[index] = os.open(path, os.O_RDWR)
            if os.fstat(files[1]).st_size > 2 * LARGEST:
                for file in files:
                    os.ftruncate(file, 1000)
    finally:
        for file in files:
            os.close(file)
    same("the whole file", paths[0].read_bytes(), paths[1].read_bytes())
    same(
        "the whole file on the host", place.host.ask("read", name=f"{place.folder}/{name}"), paths[1].read_bytes().hex()
    )


def _map(file: int, offset: int, data: bytes) -> bytes:
    """Write into a shared map of the file, and what was there."""
    size = os.fstat(file).st_size
    if not size:
        return b""
    with mmap.mmap(file, size) as area:
        start = offset % size
        piece = data[: size - start]
        before = area[start : start + len(piece)]
        area[start : start + len(piece)] = piece
        area.flush()
        return before


def check_append(place: Place) -> None:
    """Appending by two clients in turn."""
    name = "log"
    (place.first / name).touch()
    for turn in range(10):
        for which, base in enumerate((place.first, place.second)):
            with (base / name).open("a") as log:
                log.write(f"{turn}.{which}\n")
    expected = "".join(f"{turn}.{which}\n" for turn in range(10) for which in (0, 1))
    same("log", (place.first / name).read_text(), expected)
    same("log at the other", (place.second / name).read_text(), expected)


def check_sparse(place: Place) -> None:
    """A file of 5 GiB with three bytes in it, its holes, and its blocks."""
    path = place.first / "sparse"
    with path.open("wb") as file:
        file.truncate(5 << 30)
        os.pwrite(file.fileno(), b"abc", 3 << 30)
        os.fsync(file.fileno())
    same("size", path.stat().st_size, 5 << 30)
    with path.open("rb") as file:
        same("bytes", os.pread(file.fileno(), 5, (3 << 30) - 1), b"\0abc\0")
        same("end", os.pread(file.fileno(), 5, (5 << 30) - 1), b"\0")


def check_holes(place: Place) -> None:
    """FALLOC_FL_PUNCH_HOLE and FALLOC_FL_ZERO_RANGE, SEEK_DATA and SEEK_HOLE."""
    if "vers=2.1" in place.options:
        return  # the client makes none there
    path = place.first / "holes"
    whole = random.Random(5).randbytes(1 << 20)
    path.write_bytes(whole)
    with path.open("r+b") as file:
        descriptor = file.fileno()
        _fallocate(descriptor, 3, 65536, 131072)  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
        whole = whole[:65536] + bytes(131072) + whole[65536 + 131072 :]
        same("with a hole", os.pread(descriptor, 1 << 20, 0), whole)
        same("data", os.lseek(descriptor, 65536, os.SEEK_DATA), 65536 + 131072)
        same("hole", os.lseek(descriptor, 0, os.SEEK_HOLE), 65536)
        _fallocate(descriptor, 17, 500_001, 10_000)  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE
        whole = whole[:500_001] + bytes(10_000) + whole[510_001:]
        same("zeroed", os.pread(descriptor, 1 << 20, 0), whole)
    same("on the host", place.host.ask("read", name=f"{place.folder}/holes"), whole.hex())


def _fallocate(descriptor: int, mode: int, offset: int, length: int) -> None:
    """Python has none with a mode."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.fallocate(descriptor, mode, ctypes.c_long(offset), ctypes.c_long(length)):
        number = ctypes.get_errno()
        raise OSError(number, f"fallocate {mode}: {os.strerror(number)}")


def check_preallocated(place: Place) -> None:
    """posix_fallocate gives the file its length."""
    path = place.first / "room"
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 100_000)
    same("length", path.stat().st_size, 100_000)


def check_copy(place: Place) -> None:
    """copy_file_range is done by the server, also into the middle of a file."""
    data = random.Random(6).randbytes(3_000_000)
    (place.first / "source").write_bytes(data)
    with (place.first / "source").open("rb") as source, (place.first / "target").open("w+b") as target:
        left = len(data)
        while left:
            count = os.copy_file_range(source.fileno(), target.fileno(), left)
            same("progress", count > 0, True)
            left -= count
        os.copy_file_range(source.fileno(), target.fileno(), 100_000, 1_000, 2_000_000)
    expected = data[:2_000_000] + data[1_000:101_000] + data[2_100_000:]
    same("copy", (place.first / "target").read_bytes(), expected)
    same("copy on the host", place.host.ask("read", name=f"{place.folder}/target"), expected.hex())


def check_direct(place: Place) -> None:
    """O_DIRECT, past the end as well."""
    path = place.first / "direct"
    area = mmap.mmap(-1, 1 << 20)
    data = random.Random(7).randbytes(1 << 20)
    area.write(data)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o644)
    try:
        same("written", os.writev(file, [area]), 1 << 20)
        area[:] = bytes(1 << 20)
        same("read", os.preadv(file, [area], 0), 1 << 20)
        same("bytes", area[:], data)
        same("past the end", os.preadv(file, [area], 1 << 20), 0)
        same("across the end", os.preadv(file, [area], (1 << 20) - 4096), 4096)
    finally:
        os.close(file)


def check_open(place: Place) -> None:
    """What open(2) promises of its flags."""
    path = place.first / "file"
    new = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    os.close(os.open(path, new, 0o644))
    refused("O_EXCL of what is there", errno.EEXIST, lambda: os.open(path, new, 0o644))
    path.write_bytes(b"something")
    os.close(os.open(path, os.O_WRONLY | os.O_TRUNC))
    same("O_TRUNC", path.stat().st_size, 0)
    refused("what is not there", errno.ENOENT, lambda: os.open(place.first / "nothing", os.O_RDONLY))
    refused("below a file", errno.ENOTDIR, lambda: os.open(path / "below", os.O_RDONLY))
    refused("a directory for writing", errno.EISDIR, lambda: os.open(place.first, os.O_WRONLY))
    refused("O_DIRECTORY of a file", errno.ENOTDIR, lambda: os.open(path, os.O_RDONLY | os.O_DIRECTORY))


def check_large(place: Place) -> None:
    """64 MiB there and back, in pieces of odd sizes, deep in the client's queue."""
    path = place.first / "large"
    choice = random.Random(8)
    pieces = [choice.randbytes(choice.randrange(1, 2_000_000)) for _ in range(40)]
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)
    _each(place.second / "large", pieces)
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    _each(path, pieces)


def _each(path: Path, pieces: list[bytes]) -> None:
    with path.open("rb") as file:
        for index, piece in enumerate(pieces):
            same(f"piece {index}", file.read(len(piece)), piece)
        same("the end", file.read(1), b"")
