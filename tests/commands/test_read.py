"""READ of files: ends, minimum counts, rights, sizes, and what waits for a disk."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from conformance.client import commands
from conformance.client.protocol import (
    AES_128_CCM,
    AES_128_GCM,
    AES_256_CCM,
    AES_256_GCM,
    AES_CMAC,
    AES_GMAC,
    DIRECTORY_FILE,
    GENERIC_READ,
    GENERIC_WRITE,
    HMAC_SHA256,
    SMB_2_0_2,
    NoAnswer,
)
from conformance.client.session import File, Options, Tree
from smbserver.backend.posix.handle import PosixHandle
from smbserver.commands.read import TAIL_FROM, WHOLE_FROM
from smbserver.nt import status
from smbserver.objects.server_state import Policy
from tests.harness import LocalFrames, World, frames_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def file(world: World) -> File:
    file = world.tree().create("file")
    file.write(0, b"0123456789")
    return file


def asked(file: File, offset: int, length: int, minimum: int = 0) -> int:
    return file.tree.call(commands.read(file.file_id, offset, length, minimum)).status


def test_up_to_the_end(file: File) -> None:
    assert file.read(0, 4) == b"0123"
    assert file.read(8, 100) == b"89"
    assert file.read(3, 0) == b""
    assert commands.decode_read(file.tree.call(commands.read(file.file_id, 99, 0)).check()) == b""


def test_behind_the_end(file: File) -> None:
    assert asked(file, 10, 1) == status.END_OF_FILE
    assert asked(file, 8, 10, minimum=3) == status.END_OF_FILE
    assert asked(file, 8, 10, minimum=2) == 0
    assert asked(file, 0, 0, minimum=1) == status.END_OF_FILE


def test_places_that_do_not_exist(file: File) -> None:
    assert asked(file, 0x7FFFFFFFFFFFFFFF, 1) == status.INVALID_PARAMETER
    assert asked(file, 0xFFFFFFFFFFFFFFFF, 1) == status.INVALID_PARAMETER
    assert asked(file, 0x7FFFFFFFFFFFFFF0, 8) == status.END_OF_FILE


def test_more_than_was_negotiated(world: World, file: File) -> None:
    small = world.tree("data", Options(dialects=(SMB_2_0_2,))).open("file")
    assert asked(small, 0, 65537) == status.INVALID_PARAMETER
    assert asked(file, 0, (8 << 20) + 1) == status.INVALID_PARAMETER
    cheap = commands.read(file.file_id, 0, 65537)
    cheap.charge, cheap.span = 1, 0
    assert file.tree.call(cheap).status == status.INVALID_PARAMETER


def test_rights_and_kinds(file: File) -> None:
    assert asked(file.tree.open("file", access=GENERIC_WRITE), 0, 1) == status.ACCESS_DENIED
    folder = file.tree.open("folder", access=GENERIC_READ, disposition=2, options=DIRECTORY_FILE)
    assert asked(folder, 0, 1) == status.INVALID_DEVICE_REQUEST


def test_bytes_on_a_cold_disk_come_from_a_thread(world: World, file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PosixHandle, "read", lambda self, length, offset: None)  # as if nothing were in the cache
    world.runtime.hold_offloaded = True
    message = file.tree.submit(commands.read(file.file_id, 8, 100, minimum=1))
    connection = file.tree.session.connection
    with pytest.raises(NoAnswer):
        connection.wait(message)
    closing = file.tree.submit(commands.close(file.file_id))
    connection.wait(closing).check()  # the descriptor outlives the close: the thread has it still
    world.runtime.run_offloaded()
    assert commands.decode_read(connection.wait(message).check()) == b"89"


def test_a_closed_file(file: File) -> None:
    file.close()
    assert asked(file, 0, 1) == status.FILE_CLOSED


# --- large plain reads from the page cache ---


@pytest.fixture
def tails(share_folder: Path) -> Iterator[tuple[LocalFrames, Tree]]:
    """A client whose transport sends what is still in a file."""
    world = World(share_folder, policy=Policy(signing_required=False))
    (world.data / "large").write_bytes(bytes(range(256)) * 4096)
    session = world.log_on()
    frames = frames_of(session.connection)
    frames.server.sends_tails = True
    yield frames, session.tree("data")
    world.close()


def test_a_large_read_leaves_its_data_in_the_file(tails: tuple[LocalFrames, Tree]) -> None:
    frames, tree = tails
    file = tree.open("large")
    number = tree.submit(commands.read(file.file_id, 256, 1024 * 1024))
    if not frames.transport.tails:
        pytest.skip("this kernel does not say what is in its page cache")
    close = tree.submit(commands.close(file.file_id))  # the open ends, its descriptor waits
    frames.transport.send_tails()
    assert commands.decode_read(tree.session.connection.wait(number)) == bytes(range(256)) * 4095
    tree.session.connection.wait(close).check()


def test_a_small_read_and_one_in_a_compound_are_copied(tails: tuple[LocalFrames, Tree]) -> None:
    frames, tree = tails
    file = tree.open("large")
    assert len(file.read(0, TAIL_FROM - 1)) == TAIL_FROM - 1
    assert len(file.read(1024 * 1024 - 100, TAIL_FROM)) == 100
    replies = tree.call_compound([commands.read(file.file_id, 0, TAIL_FROM) for _ in range(2)], related=False)
    assert [len(commands.decode_read(reply)) for reply in replies] == [TAIL_FROM] * 2
    assert not frames.transport.tails


def test_a_signed_read_is_copied(world: World) -> None:
    (world.data / "large").write_bytes(bytes(TAIL_FROM))
    session = world.log_on()
    frames_of(session.connection).server.sends_tails = True
    assert len(session.tree("data").open("large").read(0, TAIL_FROM)) == TAIL_FROM


# --- large reads that are signed or sealed: in one piece with their header ---

SIGNED = [Options(signing=True, signing_algorithms=(algorithm,)) for algorithm in (AES_GMAC, AES_CMAC, HMAC_SHA256)]
SEALED = [
    Options(encryption=True, ciphers=(cipher,)) for cipher in (AES_128_GCM, AES_256_GCM, AES_128_CCM, AES_256_CCM)
]


@pytest.mark.parametrize("options", SIGNED + SEALED)
def test_a_large_protected_read_alone_and_in_a_compound(world: World, options: Options) -> None:
    """The client checks signatures and tags; what is read again is what was there: nothing was sealed in the file."""
    content = random.Random(1).randbytes(2 * WHOLE_FROM)
    (world.data / "large").write_bytes(content)
    tree = world.tree(options=options)
    file = tree.open("large")
    for _ in range(2):
        for offset, length in ((0, WHOLE_FROM), (77, WHOLE_FROM + 1), (5, WHOLE_FROM - 1), (0, 2 * WHOLE_FROM)):
            assert file.read(offset, length) == content[offset : offset + length]
    requests = [commands.read(file.file_id, offset, WHOLE_FROM + offset) for offset in range(9)]
    for related in (False, True):
        for offset, reply in enumerate(tree.call_compound(requests[: 9 if related else 3], related=related)):
            assert commands.decode_read(reply) == content[offset : 2 * offset + WHOLE_FROM]
    one_alone = [commands.read(file.file_id, 1, WHOLE_FROM + 7)]
    assert commands.decode_read(tree.call_compound(one_alone)[0]) == content[1 : WHOLE_FROM + 8]
    assert (world.data / "large").read_bytes() == content


@pytest.mark.parametrize("options", [SIGNED[0], SEALED[0]])
def test_at_the_end_of_the_file_nothing_else_is_shown(world: World, options: Options) -> None:
    (world.data / "large").write_bytes(bytes(WHOLE_FROM))
    file = world.tree(options=options).open("large")
    assert file.read(0, WHOLE_FROM + 1) == bytes(WHOLE_FROM)
    assert file.read(WHOLE_FROM - 3, WHOLE_FROM) == bytes(3)
    assert asked(file, 0, WHOLE_FROM, WHOLE_FROM + 1) == status.END_OF_FILE
    assert asked(file, WHOLE_FROM, WHOLE_FROM) == status.END_OF_FILE


def test_a_store_that_reads_in_no_given_buffer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (world.data / "large").write_bytes(bytes(WHOLE_FROM))
    file = world.tree(options=SEALED[0]).open("large")
    monkeypatch.delattr(PosixHandle, "read_between")
    assert file.read(0, WHOLE_FROM) == bytes(WHOLE_FROM)
