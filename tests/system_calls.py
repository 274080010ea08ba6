"""Counts the system calls of a child process by ptrace, as strace does; and the script that this child runs.

`python -m tests.system_calls FOLDER` is the child: requests of one kind between two marks, on a server without network.
The tracer needs nothing but Linux's permission to trace an own child.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
from collections import Counter
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.client.message import Request
    from conformance.client.session import Tree

REPEATS: Final = 20  # of each kind between its marks: what happens once in a while then counts for little
ENTRIES: Final = 100  # of the folder that is listed

_TRACEME, _SYSCALL, _SETOPTIONS, _GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420E
_TRACESYSGOOD: Final = 1
_EXITKILL: Final = 0x100000
_SYSCALL_STOP: Final = signal.SIGTRAP | 0x80
_INFO = Struct("=B3xIQQ7Q")  # struct ptrace_syscall_info of an entry: op, arch, ip, sp, nr, six arguments
_ENTRY: Final = 1
_MARK: Final = 0x5EED0000  # lseek of descriptor -1 to this and the number of a kind
_BAD: Final = 0xFFFFFFFF
# Of the allocator, which calls when it likes: mmap, mprotect, munmap, brk, mremap, madvise, futex.
_NOT_COUNTED: Final = {
    "x86_64": {9, 10, 11, 12, 25, 28, 202},
    "aarch64": {222, 226, 215, 214, 216, 233, 98},
}
_NAMES: Final = {
    "x86_64": {
        0: "read", 1: "write", 3: "close", 4: "stat", 5: "fstat", 8: "lseek", 16: "ioctl", 17: "pread64",
        18: "pwrite64", 32: "dup", 72: "fcntl", 74: "fsync", 77: "ftruncate", 78: "getdents", 87: "unlink",
        190: "fsetxattr", 188: "setxattr", 191: "getxattr", 192: "lgetxattr", 193: "fgetxattr", 194: "listxattr",
        195: "llistxattr", 196: "flistxattr", 217: "getdents64", 257: "openat", 258: "mkdirat", 262: "newfstatat",
        263: "unlinkat", 285: "fallocate", 295: "preadv", 316: "renameat2", 327: "preadv2", 332: "statx",
        437: "openat2", 451: "cachestat", 464: "getxattrat", 465: "listxattrat", 439: "faccessat2", 269: "faccessat",
    },
    "aarch64": {},
}  # fmt: skip


class CannotTraceError(Exception):
    """This machine does not let a process trace its own child; the text says why."""


def counts(folder: Path) -> dict[str, Counter[str]]:
    """System calls of REPEATS requests of each kind, by name (or number)."""
    machine = platform.machine()
    if machine not in _NOT_COUNTED:
        raise CannotTraceError(f"the numbers of the calls are not known for {machine}")
    command = [sys.executable, "-m", "tests.system_calls", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    child = os.posix_spawn(sys.executable, command, environment)
    try:
        return _traced(child, machine)
    finally:
        try:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        except (ProcessLookupError, ChildProcessError):
            pass  # it has ended as it should


def _traced(child: int, machine: str) -> dict[str, Counter[str]]:
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    found: dict[str, Counter[str]] = {}
    current: Counter[str] | None = None
    info = ctypes.create_string_buffer(_INFO.size)
    _, status = os.waitpid(child, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        raise CannotTraceError(f"the child ended with {os.waitstatus_to_exitcode(status)} before it could be traced")
    if ptrace(_SETOPTIONS, child, None, _TRACESYSGOOD | _EXITKILL) != 0:
        raise CannotTraceError(os.strerror(ctypes.get_errno()))
    deliver = 0
    while True:
        ptrace(_SYSCALL, child, None, deliver)
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            code = os.waitstatus_to_exitcode(status)
            if code != 0:
                raise AssertionError(f"the traced script ended with {code}")
            return found
        stop = os.WSTOPSIG(status)
        deliver = 0 if stop == _SYSCALL_STOP else stop
        if stop != _SYSCALL_STOP:
            continue
        if ptrace(_GET_SYSCALL_INFO, child, _INFO.size, ctypes.addressof(info)) <= 0:
            raise CannotTraceError("the kernel does not tell which call it is (Linux before 5.3)")
        op, _, _, _, number, first, second, *_ = _INFO.unpack(info)
        if op != _ENTRY:
            continue
        if first & _BAD == _BAD and second & ~0xFFFF == _MARK:
            current = found.setdefault(KINDS[second & 0xFFFF], Counter()) if current is None else None
        elif current is not None and number not in _NOT_COUNTED[machine]:
            current[_NAMES[machine].get(number, str(number))] += 1


def _mark(kind: int) -> None:
    try:
        os.lseek(-1, _MARK + kind, os.SEEK_SET)
    except OSError:
        pass  # it only shows the tracer where we are


def _script(folder: Path) -> None:
    from smbserver.objects.server_state import Policy
    from tests.harness import World

    (folder / "world").mkdir()
    world = World(folder / "world", policy=Policy(signing_required=False))
    tree = world.tree()
    (world.data / "file").write_bytes(bytes(8192))
    (world.data / "many").mkdir()
    for number in range(ENTRIES):
        (world.data / "many" / f"{number}").touch()
    for number in range(REPEATS + 1):
        (world.data / f"doomed {number}").touch()
    if ctypes.CDLL(None, use_errno=True).ptrace(_TRACEME, 0, None, None) != 0:
        sys.exit(1)
    os.kill(os.getpid(), signal.SIGSTOP)
    for kind, make in enumerate(_MAKERS.values()):
        requests = make(tree)
        sent = [requests(number) for number in range(REPEATS + 1)]
        _answered(tree, sent[0])  # what is made once is made now
        _mark(kind)
        for each in sent[1:]:
            _answered(tree, each)
        _mark(kind)
    world.close()


def _answered(tree: Tree, requests: list[Request]) -> None:
    for reply in tree.call_compound(requests):
        reply.check()


def _read(tree: Tree) -> Callable[[int], list[Request]]:
    from conformance.client import commands

    file = tree.open("file")
    return lambda number: [commands.read(file.file_id, 0, 4096)]


def _write(tree: Tree) -> Callable[[int], list[Request]]:
    from conformance.client import commands

    file = tree.create("file", disposition=3)
    return lambda number: [commands.write(file.file_id, 0, bytes(4096))]


def _look(tree: Tree) -> Callable[[int], list[Request]]:
    from conformance.client import commands, queries
    from conformance.client.protocol import OPEN, READ_ATTRIBUTES, RELATED_FILE_ID

    return lambda number: [
        commands.create("file", access=READ_ATTRIBUTES, disposition=OPEN),
        queries.query_info(RELATED_FILE_ID, 1, queries.FILE_NETWORK_OPEN, 56),
        commands.close(RELATED_FILE_ID),
    ]


def _make(tree: Tree) -> Callable[[int], list[Request]]:
    from conformance.client import commands
    from conformance.client.protocol import GENERIC_WRITE, RELATED_FILE_ID

    return lambda number: [
        commands.create(f"new {number}", access=GENERIC_WRITE, disposition=2),
        commands.write(RELATED_FILE_ID, 0, bytes(1024)),
        commands.close(RELATED_FILE_ID),
    ]


def _delete(tree: Tree) -> Callable[[int], list[Request]]:
    from conformance.client import commands
    from conformance.client.protocol import DELETE, DELETE_ON_CLOSE, OPEN, RELATED_FILE_ID

    return lambda number: [
        commands.create(f"doomed {number}", access=DELETE, disposition=OPEN, options=DELETE_ON_CLOSE),
        commands.close(RELATED_FILE_ID),
    ]


def _list(tree: Tree) -> Callable[[int], list[Request]]:
    from conformance.client import queries
    from conformance.client.protocol import DIRECTORY_FILE

    folder = tree.open("many", options=DIRECTORY_FILE)
    return lambda number: [queries.query_directory(folder.file_id, length=65536, flags=queries.RESTART_SCANS)]


_MAKERS: Final[dict[str, Callable[[Tree], Callable[[int], list[Request]]]]] = {
    "read": _read,
    "write": _write,
    "look": _look,
    "make": _make,
    "delete": _delete,
    "list": _list,
}
KINDS: Final = tuple(_MAKERS)

if __name__ == "__main__":
    _script(Path(sys.argv[1]))
