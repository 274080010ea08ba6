"""Congestion control: one that does not pace to a client on this machine, the machine's to all others."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smbserver.server import Server
from smbserver.transport import pacing
from smbserver.transport.pacing import UNPACED, unpaced
from smbserver.transport.tcp import TcpTransport
from tests.test_server import port_of, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME_SIZE = 16  # TCP_CA_NAME_MAX


def control(sock: socket.socket) -> bytes:
    """The name of its congestion control."""
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, NAME_SIZE).rstrip(b"\0")


@pytest.fixture
def other() -> bytes:
    """One that is not ours: without it a test would pass on a machine whose default is."""
    allowed = Path("/proc/sys/net/ipv4/tcp_allowed_congestion_control").read_bytes().split()
    names = [name for name in allowed if name != UNPACED]
    if not names:
        pytest.skip("this machine allows no second one")
    return names[0]


@contextmanager
def connected(begins_with: bytes, client: str, server: str = "127.0.0.1") -> Iterator[socket.socket]:
    """The server's end of a connection over TCP that begins with a congestion control."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.create_server((server, 0), family=family) as listener, socket.socket(family) as peer:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, begins_with)
        peer.bind((client, 0))
        peer.connect(listener.getsockname())
        ours, _ = listener.accept()
        with ours:
            yield ours


def test_a_client_on_this_machine_is_not_paced(other: bytes) -> None:
    with connected(other, "127.0.0.1") as ours:
        assert control(ours) == other
        assert unpaced(ours)
        assert control(ours) == UNPACED


def test_by_ipv6_as_well(other: bytes) -> None:
    try:
        made = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as error:  # a host, or a container, whose kernel has no IPv6: there is nothing to test with
        pytest.skip(f"no IPv6 here: {error.strerror}")
    made.close()
    with connected(other, "::1", "::1") as ours:
        assert unpaced(ours)
        assert control(ours) == UNPACED


def test_a_client_with_another_address_keeps_the_machines(other: bytes) -> None:
    with connected(other, "127.0.0.2") as ours:
        assert not unpaced(ours)
        assert control(ours) == other


def test_sockets_without_addresses_and_ended_ones_are_left_alone() -> None:
    ours, peer = socket.socketpair()
    with ours, peer:
        assert not unpaced(ours)
    ended = socket.socket()
    ended.close()
    assert not unpaced(ended)


def test_a_kernel_that_refuses_is_not_an_error(monkeypatch: pytest.MonkeyPatch, other: bytes) -> None:
    monkeypatch.setattr(pacing, "UNPACED", b"no such one")
    with connected(other, "127.0.0.1") as ours:
        assert not unpaced(ours)
        assert control(ours) == other


def test_who_connects_to_the_server_is_not_paced(tmp_path: Path, other: bytes) -> None:
    async def wait_for_one() -> None:
        async with Server(settings_for(tmp_path)) as server:
            for listener in server._listeners:
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, other)
            with socket.create_connection(("127.0.0.1", port_of(server)), 10):
                while not server._drivers:
                    await asyncio.sleep(0.001)
                (driver,) = server._drivers
                assert isinstance(driver.transport, TcpTransport)
                assert control(driver.transport._socket) == UNPACED

    asyncio.run(asyncio.wait_for(wait_for_one(), 20))
