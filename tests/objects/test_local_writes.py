"""Local programs change what clients cache: who caches is told, and nobody is told of what the server did."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.client import contexts, queries
from conformance.client.protocol import (
    DELETE,
    GENERIC_READ,
    GENERIC_WRITE,
    INFO_FILE,
    OPEN_IF,
    OPLOCK_BATCH,
    OPLOCK_II,
    OVERWRITE_IF,
)
from conformance.client.session import File, Options
from smbserver.nt.filetime import from_unix_ns
from smbserver.objects.local_writes import AT_ONCE, LOOK_SECONDS
from tests.cachers import READ_WRITE, RH, RW, RWH, Cacher, R, granted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness import World

LONG_AGO = 1_000_000_000
# [MS-FSCC] 2.4, 2.3
FILE_BASIC, FILE_RENAME, FILE_ALLOCATION, FILE_END_OF_FILE = 4, 10, 19, 20
FSCTL_SET_ZERO_DATA = 0x000980C8


def stands(path: Path, content: bytes = b"content") -> Path:
    """A file that was changed long ago."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def overwrite_in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"C")


def replace(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(path.read_bytes())
    new.rename(path)


CHANGES: tuple[Callable[[Path], None], ...] = (
    append,
    overwrite_in_place,
    replace,
    lambda path: path.unlink(),
    lambda path: os.truncate(path, 3),
    lambda path: os.utime(path),
)


@pytest.mark.parametrize("change", CHANGES)
def test_who_caches_is_told(world: World, share_folder: Path, change: Callable[[Path], None]) -> None:
    path = stands(share_folder / "data" / "file")
    one = Cacher(world)
    one.open("file", lease=1, wanted=RWH)
    world.runtime.advance(LOOK_SECONDS)
    assert not one.is_told()
    change(path)
    world.runtime.advance(LOOK_SECONDS)
    told = one.next_break()
    assert (told.current_state, told.new_state) == (RWH, 0)
    assert one.answer_lease(1, 0) == 0
    world.runtime.advance(10 * LOOK_SECONDS)
    assert not one.is_told()


def test_what_changed_before_the_first_look(world: World, share_folder: Path) -> None:
    path = stands(share_folder / "data" / "file")
    one = Cacher(world)
    one.open("file", lease=1, wanted=RH)
    append(path)
    world.runtime.advance(LOOK_SECONDS)
    assert one.next_break().new_state == 0


def test_every_client_is_told_in_its_way(world: World, share_folder: Path) -> None:
    path = stands(share_folder / "data" / "file")
    leased, level_two = Cacher(world), Cacher(world)
    leased.open("file", lease=1, wanted=R, access=GENERIC_READ)
    level_two.open("file", oplock=OPLOCK_II, access=GENERIC_READ)
    append(path)
    world.runtime.advance(LOOK_SECONDS)
    assert leased.next_break().new_state == 0
    assert level_two.next_oplock_break().level == 0


def test_a_new_lease_after_the_break_is_looked_after_as_well(world: World, share_folder: Path) -> None:
    path = stands(share_folder / "data" / "file")
    one = Cacher(world)
    file = one.open("file", oplock=OPLOCK_BATCH)
    append(path)
    world.runtime.advance(LOOK_SECONDS)
    one.next_oplock_break()
    assert one.answer_oplock(file, 0) == 0
    file.close()
    assert granted(one.open("file", lease=2, wanted=RWH)).state == RWH
    os.utime(path, (LONG_AGO, LONG_AGO))
    world.runtime.advance(LOOK_SECONDS)
    assert one.next_break().new_state == 0


def test_who_has_lost_its_line_is_told_when_it_is_back(world: World, share_folder: Path) -> None:
    options = Options(client_guid=bytes(range(16)))
    path = stands(share_folder / "data" / "file")
    away = world.tree(options=options)
    file = away.open(
        "file",
        disposition=OPEN_IF,
        access=GENERIC_READ | GENERIC_WRITE,
        oplock=OPLOCK_BATCH,
        contexts=[contexts.durable_v1()],
    )
    away.session.connection.close()
    append(path)
    world.runtime.advance(3 * LOOK_SECONDS)
    assert len(world.state.durables.all()) == 1, "what it has not written yet is not thrown away"
    back = Cacher(world, options)
    back.tree.open("file", oplock=OPLOCK_BATCH, contexts=[contexts.durable_reconnect_v1(file.file_id)])
    assert not back.is_told()
    world.runtime.advance(LOOK_SECONDS)
    assert back.next_oplock_break().level == 0


def test_nothing_is_looked_at_when_nothing_is_cached(world: World, share_folder: Path) -> None:
    stands(share_folder / "data" / "file")
    one = Cacher(world)
    file = one.open("file", lease=1, wanted=RWH)
    one.open("other")
    file.close()
    assert world.runtime.looks == 1
    world.runtime.advance(LOOK_SECONDS)
    assert world.runtime.looks == 0


def test_many_files_take_several_turns(world: World, share_folder: Path) -> None:
    count = 2 * AT_ONCE + 1
    one = Cacher(world)
    for number in range(count):
        stands(share_folder / "data" / str(number))
        one.open(str(number), lease=number + 1, wanted=R, access=GENERIC_READ)
    append(share_folder / "data" / str(count - 1))
    world.runtime.advance(LOOK_SECONDS)
    assert one.next_break().new_state == 0
    assert not one.is_told()


# --- moved ---


def move_within(data: Path) -> None:
    (data / "folder" / "file").rename(data / "folder" / "file.1")


def move_away(data: Path) -> None:
    (data / "folder" / "file").rename(data / "file")


def move_folder(data: Path) -> None:
    (data / "folder").rename(data / "other")
    (data / "folder").mkdir()


@pytest.mark.parametrize("move", [move_within, move_away, move_folder])
def test_a_moved_file_is_not_kept_open_for_its_name(
    world: World, share_folder: Path, move: Callable[[Path], None]
) -> None:
    """As logs are rotated: the next open by that name is of what stands there, the old content stays cached."""
    (share_folder / "data" / "folder").mkdir()
    stands(share_folder / "data" / "folder" / "file")
    one = Cacher(world)
    one.open("folder\\file", lease=1, wanted=RWH)
    world.runtime.advance(LOOK_SECONDS)
    move(share_folder / "data")
    stands(share_folder / "data" / "folder" / "file", b"new")
    world.runtime.advance(LOOK_SECONDS)
    told = one.next_break()
    assert (told.current_state, told.new_state) == (RWH, RW)
    assert one.answer_lease(1, RW) == 0
    world.runtime.advance(3 * LOOK_SECONDS)
    assert not one.is_told()
    assert one.open("folder\\file", lease=2, wanted=RWH).read(0, 10) == b"new"


def test_nobody_is_told_of_what_a_client_has_renamed(world: World, share_folder: Path) -> None:
    stands(share_folder / "data" / "file")
    one = Cacher(world)
    file = one.open("file", lease=1, wanted=RWH, access=READ_WRITE | DELETE)
    world.runtime.advance(LOOK_SECONDS)
    for name in ("renamed", "once more"):
        file.set(INFO_FILE, FILE_RENAME, queries.rename_data(name))
        world.runtime.advance(LOOK_SECONDS)
        assert not one.is_told()
        world.runtime.advance(LOOK_SECONDS)
        assert not one.is_told()
    (share_folder / "data" / "once more").rename(share_folder / "data" / "by somebody else")
    world.runtime.advance(LOOK_SECONDS)
    assert one.next_break().new_state == RW


def test_without_proc_nothing_is_known_of_places(
    world: World, share_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands(share_folder / "data" / "file")
    one = Cacher(world)
    one.open("file", lease=1, wanted=RWH)
    world.runtime.advance(LOOK_SECONDS)
    readlink = os.readlink

    def refused(path: str, **_: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(os, "readlink", refused)
    (share_folder / "data" / "file").rename(share_folder / "data" / "file.1")
    world.runtime.advance(LOOK_SECONDS)
    monkeypatch.setattr(os, "readlink", readlink)
    world.runtime.advance(LOOK_SECONDS)
    assert not one.is_told()


def act(action: str, number: int, one: Cacher, file: File) -> File | None:
    """One thing that the client does; the open it made, if any."""
    if action == "write":
        file.write(number, b"x" * number)
    elif action == "large write":
        file.write(number, bytes(700_000))
    elif action == "size":
        file.set(INFO_FILE, FILE_END_OF_FILE, struct.pack("<Q", number * 100))
    elif action == "room":
        file.set(INFO_FILE, FILE_ALLOCATION, struct.pack("<Q", number * 5000))
    elif action == "time":
        file.set(INFO_FILE, FILE_BASIC, struct.pack("<4QII", 0, 0, from_unix_ns((LONG_AGO + number) * 10**9), 0, 0, 0))
    elif action == "attributes":
        file.set(INFO_FILE, FILE_BASIC, struct.pack("<4QII", 0, 0, 0, 0, 0x20 if number % 2 else 0x80, 0))
    elif action == "zeros":
        one.tree.call(queries.ioctl(FSCTL_SET_ZERO_DATA, struct.pack("<QQ", 0, number), file.file_id))
    elif action == "flush":
        file.flush()
    elif action == "overwrite":
        return one.open("file", lease=1, wanted=RWH, disposition=OVERWRITE_IF)
    elif action == "open":
        return one.open("file", lease=1, wanted=RWH, disposition=OPEN_IF)
    return None


ACTIONS = (
    "write", "large write", "size", "room", "time", "attributes", "zeros", "flush", "overwrite", "open", "read",
)  # fmt: skip


@given(st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nobody_is_told_of_what_a_client_did(world: World, share_folder: Path, actions: list[str]) -> None:
    one = Cacher(world)
    try:
        stands(share_folder / "data" / "file")
        file = one.open("file", lease=1, wanted=RWH)
        opens = [file]  # else nobody would hold them
        for number, action in enumerate(actions, 1):
            made = act(action, number, one, file)
            if made is not None:
                opens.append(made)
            world.runtime.advance(LOOK_SECONDS)
            assert not one.is_told(), action
            if number % 2:
                world.runtime.advance(LOOK_SECONDS)
                assert not one.is_told(), f"after {action}"
    finally:
        one.connection.close()
