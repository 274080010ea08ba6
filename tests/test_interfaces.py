"""What clients are told of this host's interfaces: nothing that they cannot reach."""

from __future__ import annotations

import pytest

from smbserver import interfaces
from smbserver.interfaces import LOOPBACK_SPEED, UNKNOWN_SPEED, listening_interfaces
from smbserver.objects.interface import Interface

LOOPBACK = Interface(1, LOOPBACK_SPEED, "127.0.0.1")
SLOW = Interface(2, UNKNOWN_SPEED, "192.0.2.7")
FAST = Interface(3, 10 * UNKNOWN_SPEED, "198.51.100.7")
SIX = Interface(3, 10 * UNKNOWN_SPEED, "2001:db8::7")
LINK_LOCAL = Interface(3, 10 * UNKNOWN_SPEED, "fe80::1")


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces, "_all", lambda: [LOOPBACK, SLOW, FAST, SIX, LINK_LOCAL])


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["127.0.0.1"], [LOOPBACK]),
        (["127.0.0.45"], [Interface(1, LOOPBACK_SPEED, "127.0.0.45")]),
        (["192.0.2.7"], [SLOW]),
        (["192.0.2.7", "127.0.0.1"], [SLOW]),
        (["0.0.0.0"], [FAST, SLOW]),
        (["::"], [SIX]),
        (["0.0.0.0", "::"], [FAST, SIX, SLOW]),
        (["203.0.113.1"], []),
        ([], []),
    ],
)
def test_only_what_is_listened_on(hosts: list[str], expected: list[Interface]) -> None:
    assert listening_interfaces([(host, 445) for host in hosts]) == expected


def test_the_real_host_has_a_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    (only,) = listening_interfaces([("127.0.0.1", 445)])
    assert only.address == "127.0.0.1"
    assert only.if_index
    assert only.speed == LOOPBACK_SPEED
