"""A request's Work: every field of the header is where its name says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smbserver.connection.connection import Connection
from smbserver.connection.work import Work
from smbserver.wire import header
from tests.harness import World

if TYPE_CHECKING:
    from pathlib import Path

FIELDS = (header.PROTOCOL_ID, 64, 1, 0x20003, 8, 32, 0xC, 0x70, 5, 0xFEFF, 7, 9, bytes(range(16)))


def test_each_field_of_the_header_is_where_its_name_says(tmp_path: Path) -> None:
    world = World(tmp_path)
    connection = Connection(world.state, "client")
    message = memoryview(header.LAYOUT.pack(*FIELDS) + b"\x31\0")
    work = Work(connection, header.fields(message, 0), message, None)
    named = header.decode(message, 0)
    assert work.connection is connection
    assert work.message == message
    assert work.credit_charge == named.credit_charge == 1
    assert work.channel_sequence == 3  # the low half of what is `status` in a reply
    assert work.command == named.command == 8
    assert work.credits_requested == named.credits == 32
    assert work.flags == named.flags == 0xC
    assert work.next_command == named.next_command == 0x70
    assert work.message_id == named.message_id == 5
    assert work.tree_id == named.tree_id == 7
    assert work.session_id == named.session_id == 9
    assert work.header_async_id == named.async_id == 0x70000FEFF
    assert work.signature == named.signature == bytes(range(16))
    assert work.body_size == 49
    world.close()


@pytest.mark.parametrize("behind", [b"", b"\x31"])
def test_a_header_without_a_body_has_none(behind: bytes) -> None:
    message = memoryview(header.LAYOUT.pack(*FIELDS) + behind)
    assert header.fields(message, 0)[-1] == 0
    assert header.decode(message, 0) == FIELDS
