"""What a request costs, counted: calls of Python and C functions, which no busy machine moves.

A limit is what was measured with Python 3.11 and a few on top, for what another version of Python counts otherwise.
Lower it when a request has become cheaper; raise it only with the reason in the commit that needs it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import pytest

from conformance.client import commands, queries
from conformance.client.protocol import GENERIC_WRITE, OPEN, RELATED_FILE_ID
from conformance.client.session import Options
from smbserver.driver import Driver
from smbserver.objects.server_state import Policy
from tests.harness import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

    from conformance.client.message import Request
    from conformance.client.session import Tree

PROTECTIONS: Final = {
    "plain": Options(signing=False, encryption=False),
    "signed": Options(signing=True, encryption=False),
    "sealed": Options(encryption=True),
}
REPEATS: Final = 50  # what happens once in a while then counts for little


class Counter:
    """Counts while a frame is handled."""

    def __init__(self) -> None:
        self.calls = 0

    def profile(self, frame: FrameType, event: str, argument: object) -> None:
        """For sys.setprofile."""
        self.calls += event in ("call", "c_call")


@pytest.fixture
def open_world(share_folder: Path) -> Iterator[World]:
    """A server that does not insist on signatures."""
    world = World(share_folder, policy=Policy(signing_required=False))
    yield world
    world.close()


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """Counts what every Driver does from now on."""
    counter = Counter()
    handle = Driver.frame_received

    def counted(self: Driver, frame: memoryview) -> None:
        sys.setprofile(counter.profile)
        try:
            handle(self, frame)
        finally:
            sys.setprofile(None)

    monkeypatch.setattr(Driver, "frame_received", counted)
    return counter


def echo(tree: Tree) -> Callable[[], list[Request]]:
    """The general way of a request and nothing else."""
    return lambda: [commands.echo()]


def read(tree: Tree) -> Callable[[], list[Request]]:
    """4 KiB of an open file."""
    file = tree.open("file")
    return lambda: [commands.read(file.file_id, 0, 4096)]


def write(tree: Tree) -> Callable[[], list[Request]]:
    """4 KiB into an open file."""
    file = tree.open("file", access=GENERIC_WRITE)
    return lambda: [commands.write(file.file_id, 0, bytes(4096))]


def look(tree: Tree) -> Callable[[], list[Request]]:
    """Open, FileAllInformation, close, in one frame."""
    return lambda: [
        commands.create("file", access=0x80, disposition=OPEN),
        queries.query_info(RELATED_FILE_ID, 1, 18, 4096),
        commands.close(RELATED_FILE_ID),
    ]


@pytest.mark.parametrize(
    ("make", "protection", "limit"),
    [
        (echo, "plain", 43),
        (read, "plain", 63),
        (read, "signed", 81),
        (read, "sealed", 82),
        (write, "plain", 67),
        (look, "plain", 243),
    ],
)
def test_calls_per_frame(
    open_world: World,
    counter: Counter,
    make: Callable[[Tree], Callable[[], list[Request]]],
    protection: str,
    limit: int,
) -> None:
    (open_world.data / "file").write_bytes(bytes(8192))
    tree = open_world.tree(options=PROTECTIONS[protection])
    requests = make(tree)
    tree.call_compound(requests())  # what is made once is made now
    counter.calls = 0
    for _ in range(REPEATS):
        replies = tree.call_compound(requests())
        assert all(reply.status == 0 for reply in replies)
    per_frame = counter.calls / REPEATS
    assert per_frame <= limit, f"{per_frame} calls, {limit} are allowed"
