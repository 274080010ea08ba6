"""What no server can do without: the kernel's copies of a MiB and the cipher's work on it, in a loop of one thread.

    python conformance/bench/floors.py [--mib 512] [--rounds 5] [--folder /dev/shm]

Reading is `preadv` of a file in memory and `send` to a client on this machine, writing is `recv` and `pwrite` into a
new file, with one pass of the cipher between the two: no headers, no requests, nothing of ours. One at a time the
client waits for each, and somebody is woken for each; with always one more under way nobody sleeps, and that is the
floor of a deep queue, a tenth up or down from hour to hour. Below it no server with one thread and these calls can be.
Plain reads have none: `sendfile` does not copy.
"""

import argparse
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

if __name__ == "__main__":  # Started as a file: the repository is not on the path then.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from smbserver.transport.pacing import unpaced

MIB: Final = 1 << 20
TAG: Final = 16
KEY: Final = bytes(range(16))
ASSOCIATED: Final = bytes(32)
GO: Final = b"g"

Pass = Callable[[memoryview], object]
"""The cipher's work on a MiB that has room for a tag behind it."""


def nothing(_: memoryview) -> None:
    """Plain."""


def gmac(room: memoryview) -> None:
    """All of it is associated data."""
    AESGCM(KEY).encrypt(bytes(12), b"", room[:MIB])


def cmac(room: memoryview) -> None:
    """One chain of AES."""
    mac = CMAC(AES(KEY))
    mac.update(room[:MIB])  # type: ignore[arg-type]  # it takes any buffer
    mac.finalize()


def hmac(room: memoryview) -> None:
    """SHA-256."""
    mac = HMAC(KEY, SHA256())
    mac.update(room[:MIB])
    mac.finalize()


def gcm(room: memoryview) -> None:
    """Where it is."""
    AESGCM(KEY).encrypt_into(bytes(12), room[:MIB], ASSOCIATED, room)


def ccm(room: memoryview) -> None:
    """Where it is; a chain of AES and a pass of it beside that."""
    AESCCM(KEY).encrypt_into(bytes(11), room[:MIB], ASSOCIATED, room)


PASSES: Final[dict[str, Pass]] = {
    "plain": nothing,
    "AES-GMAC": gmac,
    "AES-CMAC": cmac,
    "HMAC-SHA256": hmac,
    "AES-GCM": gcm,
    "AES-CCM": ccm,
}


@contextmanager
def peer(act: Callable[[socket.socket], None]) -> Iterator[socket.socket]:
    """Our end of a connection whose other end a process of its own has, which ends when it has acted."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    unpaced(ours)  # as the server has it
    pid = os.fork()
    if not pid:
        try:
            ours.close()
            act(theirs)
        finally:  # whatever happens, nothing of what called us is done a second time here
            os._exit(0)
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        os.waitpid(pid, 0)


@contextmanager
def new_file(folder: str) -> Iterator[int]:
    """A descriptor of a file without a name."""
    fd = os.open(folder, os.O_TMPFILE | os.O_RDWR)
    try:
        yield fd
    finally:
        os.close(fd)


def receive(sock: socket.socket, room: memoryview) -> None:
    """A MiB."""
    have = 0
    while have < MIB:
        count = sock.recv_into(room[have:MIB])
        if not count:
            sys.exit("the other end is gone")
        have += count


def reading(folder: str, mib: int, work: Pass, waits: bool) -> float:
    """CPU seconds of this thread for a GiB that a client takes, a MiB at a time; `waits`: asks for each by itself."""

    def ask(sock: socket.socket) -> None:
        room = memoryview(bytearray(MIB))
        for _ in range(mib):
            if waits:
                sock.send(GO)
            receive(sock, room)

    room = memoryview(bytearray(MIB + TAG))
    with new_file(folder) as fd:
        for index in range(mib):
            os.pwrite(fd, room[:MIB], index * MIB)
        with peer(ask) as sock:
            begun = time.thread_time()
            for index in range(mib):
                if waits:
                    sock.recv(1)
                os.preadv(fd, [room[:MIB]], index * MIB)
                work(room)
                sock.sendall(room[:MIB])
            return (time.thread_time() - begun) * 1024 / mib


def writing(folder: str, mib: int, work: Pass, waits: bool) -> float:
    """CPU seconds of this thread for a GiB that a client brings, a MiB at a time; `waits`: for each to be taken."""

    def bring(sock: socket.socket) -> None:
        data = bytes(MIB)
        for _ in range(mib):
            sock.sendall(data)
            if waits:
                sock.recv(1)

    room = memoryview(bytearray(MIB + TAG))
    with new_file(folder) as fd, peer(bring) as sock:
        begun = time.thread_time()
        for index in range(mib):
            receive(sock, room)
            work(room)
            os.pwrite(fd, room[:MIB], index * MIB)
            if waits:
                sock.send(GO)
        return (time.thread_time() - begun) * 1024 / mib


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=512, help="how much a run moves; default 512")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, of which the median counts; default 5")
    parser.add_argument("--folder", default="/dev/shm", help="where the file is; default /dev/shm, in memory")
    arguments = parser.parse_args()
    print("CPU of one thread, s/GiB    one at a time    always one more")
    print("                              read   write       read   write")
    for name, work in PASSES.items():
        line = name.ljust(26)
        for waits in (True, False):
            for move in (reading, writing):
                runs = [move(arguments.folder, arguments.mib, work, waits) for _ in range(arguments.rounds)]
                line += f"{statistics.median(runs):8.2f}"
            line += "   "
        print(line, flush=True)


if __name__ == "__main__":
    main()
