"""The memory backend beyond the contract: its bound, its identities, room that comes back."""

import errno
from collections.abc import Callable

import pytest

from smbserver.backend.memory import MemoryBackend
from smbserver.backend.memory_handle import MemoryHandle
from smbserver.backend.memory_nodes import UNIT

CREATED = 132_000_000_000_000_000
Clock = Callable[[], int]


def make(backend: MemoryBackend, *path: str) -> MemoryHandle:
    """A new file, open."""
    return backend.create_file(backend.locate(path), 0, CREATED)


def free(backend: MemoryBackend) -> int:
    """Units that are left."""
    return backend.space().available_units


def expect_full(call: Callable[[], object]) -> None:
    """Whatever takes room is refused."""
    with pytest.raises(OSError) as caught:
        call()
    assert caught.value.errno == errno.ENOSPC


def test_exactly_what_is_free_can_be_written(clock: Clock) -> None:
    backend = MemoryBackend(clock, 8 * UNIT)
    handle = make(backend, "a")
    left = free(backend) * UNIT
    assert left == 7 * UNIT
    handle.write(bytes(left), 0)
    assert free(backend) == 0
    expect_full(lambda: handle.write(b"x", left))
    assert handle.metadata().end_of_file == left
    assert handle.metadata().allocation_size == left
    handle.write(b"x", left - 1)
    expect_full(lambda: make(backend, "b"))
    handle.truncate(0)
    assert free(backend) == 7


@pytest.mark.parametrize("size", [9 * UNIT, 1 << 62])
def test_nothing_grows_past_the_bound(clock: Clock, size: int) -> None:
    """Also what would end the process if memory were taken before the bound is asked."""
    backend = MemoryBackend(clock, 8 * UNIT)
    handle = make(backend, "a")
    handle.write(b"12", 0)
    before = free(backend)
    expect_full(lambda: handle.truncate(size))
    expect_full(lambda: handle.allocate(size))
    expect_full(lambda: handle.write(b"x", size))
    assert free(backend) == before
    assert handle.read(10, 0) == b"12"


def test_entries_meet_the_bound(clock: Clock) -> None:
    backend = MemoryBackend(clock, 4 * UNIT)
    make(backend, "a").close()
    backend.create_directory(backend.locate(("d",)), 0, CREATED).close()
    located = backend.locate(("a",))
    assert located.identity is not None
    backend.link(("a",), located.identity, backend.locate(("b",)), False)
    backend.link(("a",), located.identity, backend.locate(("c",)), False)
    expect_full(lambda: make(backend, "e"))
    expect_full(lambda: backend.create_directory(backend.locate(("e",)), 0, CREATED))
    expect_full(lambda: backend.link(("a",), (located.identity or (0, 0)), backend.locate(("e",)), False))
    assert backend.locate(("e",)).identity is None
    # A rename needs no room, and neither does a link in another's place.
    backend.rename(("c",), located.identity, backend.locate(("d", "x")), False)
    assert free(backend) == 0


def test_reserved_room_is_taken_and_comes_back(clock: Clock) -> None:
    backend = MemoryBackend(clock, 8 * UNIT)
    handle = make(backend, "a")
    handle.allocate(3 * UNIT)
    assert free(backend) == 4
    handle.write(bytes(2 * UNIT), 0)
    assert free(backend) == 4
    handle.truncate(UNIT)
    assert free(backend) == 6
    backend.remove(("a",), handle.identity)
    assert free(backend) == 7  # the data, until the last handle is closed
    handle.close()
    assert free(backend) == 8


def test_replaced_file_gives_its_room_back(clock: Clock) -> None:
    backend = MemoryBackend(clock, 16 * UNIT)
    for name in ("a", "b"):
        handle = make(backend, name)
        handle.write(bytes(3 * UNIT), 0)
        handle.close()
    located = backend.locate(("a",))
    assert located.identity is not None
    backend.rename(("a",), located.identity, backend.locate(("b",)), True)
    assert free(backend) == 12


def test_identities_never_meet(clock: Clock) -> None:
    first, second = MemoryBackend(clock), MemoryBackend(clock)
    identities = {backend.locate(()).identity for backend in (first, second)}
    identities |= {make(backend, name).identity for backend in (first, second) for name in ("a", "b")}
    assert len(identities) == 6
    assert all(identity is not None and identity[0] < 0 for identity in identities)  # no disk's device is


def test_the_change_time_can_be_set_here(clock: Clock) -> None:
    backend = MemoryBackend(clock)
    handle = make(backend, "a")
    handle.set_times(1, 2, 3, 4)
    assert handle.metadata().times == (1, 2, 3, 4)


def test_names_are_kept_as_they_were_given(clock: Clock) -> None:
    backend = MemoryBackend(clock)
    for name in ("a\uf022b", "dot\uf029", "\udc80"):
        make(backend, name).close()
        assert backend.locate((name,)).path == (name,)
