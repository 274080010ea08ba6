"""The table of opens without a connection, and the one of create guids."""

from __future__ import annotations

import pytest

from smbserver.sharing import detached
from smbserver.sharing.detached import MILLISECOND, CreateGuids, DetachedOpens
from smbserver.sharing.durable import NO_GUID, CreateKey, Durability
from smbserver.sharing.holder import Holder

CLIENT = bytes(15) + b"\1"
GUID = b"\7" * 16


def durability(client: bytes = CLIENT, timeout: int = 1000) -> Durability:
    made = Durability(CreateKey(client, GUID), "ann", 1)
    made.is_durable, made.timeout = True, timeout
    return made


def holder() -> Holder:
    return Holder(0, 0, (), None)


def test_an_open_is_kept_until_its_deadline() -> None:
    table = DetachedOpens()
    kept, opened = durability(timeout=2000), holder()
    assert table.add(7, opened, kept, now=100)
    assert kept.is_detached
    assert table.find(7) is opened
    deadline = 100 + 2000 * MILLISECOND
    assert table.next_deadline() == deadline
    assert table.due(deadline - 1) == []
    assert table.due(deadline) == [opened]
    assert len(table) == 1, "due says who, and takes nobody away"
    table.remove(7)
    assert not kept.is_detached
    assert (len(table), table.find(7), table.next_deadline()) == (0, None, None)
    table.remove(7)


def test_the_earliest_deadline_counts() -> None:
    table = DetachedOpens()
    late, soon = holder(), holder()
    table.add(1, late, durability(timeout=5000), now=0)
    table.add(2, soon, durability(timeout=1000), now=0)
    assert table.next_deadline() == 1000 * MILLISECOND
    assert table.due(1000 * MILLISECOND) == [soon]
    assert table.all() == [late, soon]


def test_a_client_has_its_share_of_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detached, "MAX_DETACHED_PER_CLIENT", 2)
    monkeypatch.setattr(detached, "MAX_DETACHED", 3)
    table = DetachedOpens()
    refused = durability()
    assert [table.add(n, holder(), durability(), 0) for n in (1, 2)] == [True, True]
    assert not table.add(3, holder(), refused, 0)
    assert not refused.is_detached
    assert table.add(4, holder(), durability(client=bytes(16)), 0)
    assert not table.add(5, holder(), durability(client=b"\2" * 16), 0), "the server's own bound"
    table.remove(1)
    assert table.add(3, holder(), refused, 0)


def test_a_create_is_known_while_it_waits_and_while_it_can_be_replayed() -> None:
    table = CreateGuids()
    key = CreateKey(CLIENT, GUID)
    table.begin(key)
    assert table.is_under_way(key)
    assert not table.is_under_way(CreateKey(bytes(16), GUID)), "another client's guid is another guid"
    table.end(key)
    table.end(key)
    assert not table.is_under_way(key)
    first, second = holder(), holder()
    table.add(key, first)
    table.add(key, second)
    table.remove(key, first)
    assert table.find(key) is second
    table.remove(key, second)
    assert len(table) == 0


def test_no_guid_is_no_key() -> None:
    table = CreateGuids()
    key = CreateKey(CLIENT, NO_GUID)
    table.begin(key)
    table.add(key, holder())
    assert (len(table), table.find(key), table.is_under_way(key)) == (0, None, False)
