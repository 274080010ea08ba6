"""The send buffer of a connection: small to a client on this machine until a reply is large, the kernel's otherwise."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from smbserver.transport import send_room, tcp
from smbserver.transport.buffer_pool import BufferPool
from smbserver.transport.send_room import narrow, widen
from smbserver.transport.tcp import TcpTransport
from tests.transport.test_tcp import Receiver, StepLoop, framed, payload

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

ROOM = 64 * 1024  # within every machine's limit
FIXED = 1  # of SO_BUF_LOCK, the send buffer


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    """What the machine allows is asked once, but here each test has another wish."""
    send_room._is_allowed.cache_clear()
    yield
    send_room._is_allowed.cache_clear()


@pytest.fixture
def small_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send_room, "LOCAL_ROOM", ROOM)


@contextmanager
def connected(client: str, server: str = "127.0.0.1") -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's end and the client's of a connection over TCP."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.create_server((server, 0), family=family) as listener, socket.socket(family) as peer:
        peer.bind((client, 0))
        peer.connect(listener.getsockname())
        ours, _ = listener.accept()
        with ours:
            yield ours, peer


def room(sock: socket.socket) -> int:
    """Bytes of its send buffer."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)


def is_fixed(sock: socket.socket) -> bool:
    """Whether the kernel leaves it at that."""
    return bool(sock.getsockopt(socket.SOL_SOCKET, send_room._SO_BUF_LOCK) & FIXED)


@pytest.mark.usefixtures("small_room")
def test_a_client_on_this_machine_gets_a_small_one() -> None:
    with connected("127.0.0.1") as (ours, _):
        assert narrow(ours)
        assert room(ours) == ROOM
        assert is_fixed(ours)
        widen(ours)
        assert not is_fixed(ours)


@pytest.mark.usefixtures("small_room")
def test_by_ipv6_as_well() -> None:
    try:
        made = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as error:  # a host, or a container, whose kernel has no IPv6: there is nothing to test with
        pytest.skip(f"no IPv6 here: {error.strerror}")
    made.close()
    with connected("::1", "::1") as (ours, _):
        assert narrow(ours)


@pytest.mark.usefixtures("small_room")
def test_a_client_with_another_address_keeps_the_kernels() -> None:
    with connected("127.0.0.2") as (ours, _):
        before = room(ours)
        assert not narrow(ours)
        assert (room(ours), is_fixed(ours)) == (before, False)


def test_with_a_limit_below_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = int(Path("/proc/sys/net/core/wmem_max").read_text(encoding="ascii"))
    monkeypatch.setattr(send_room, "LOCAL_ROOM", 4 * limit)
    with connected("127.0.0.1") as (ours, _):
        before = room(ours)
        assert not narrow(ours)
        assert (room(ours), is_fixed(ours)) == (before, False)


@pytest.mark.usefixtures("small_room")
def test_where_it_could_not_be_given_back_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send_room, "_SO_BUF_LOCK", 9999)  # an older kernel does not know the option
    with connected("127.0.0.1") as (ours, _):
        before = room(ours)
        assert not narrow(ours)
        assert room(ours) == before
        widen(ours)


def test_sockets_without_addresses_and_ended_ones_are_left_alone() -> None:
    ours, peer = socket.socketpair()
    with ours, peer:
        assert not narrow(ours)
    with connected("127.0.0.1") as (ended, _):
        ended.close()
        assert not narrow(ended)
        widen(ended)


@pytest.mark.usefixtures("small_room")
def test_a_large_reply_ends_it_and_everything_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "WIDE_FROM", 2 * ROOM)
    with connected("127.0.0.1") as (ours, peer):
        ours.setblocking(False)
        peer.setblocking(False)
        loop = StepLoop()
        transport = TcpTransport(cast("asyncio.AbstractEventLoop", loop), ours, BufferPool())
        transport.start(Receiver())
        replies = [payload(index, size) for index, size in enumerate((100, 2 * ROOM, 2 * ROOM + 1, 100))]
        found = b""
        for reply, fixed in zip(replies, (True, True, False, False), strict=True):
            transport.send([reply])
            assert is_fixed(ours) == fixed
        while len(found) < len(framed(*replies)):
            loop.run()
            try:
                found += peer.recv(ROOM)
            except BlockingIOError:
                continue
        assert found == framed(*replies)
        transport.abort("the test is over")
        loop.run()
