"""Ports that are taken, forbidden or on no address of ours; the fallback says why."""

from __future__ import annotations

import errno
import socket

import pytest

from smbserver import listening
from smbserver.config.settings import ALL_ADDRESSES
from smbserver.errors import ConfigError
from smbserver.listening import listen

LOCAL = ("127.0.0.1",)


def ended(listeners: list[socket.socket]) -> list[int]:
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def test_any_free_port_is_the_same_on_all_addresses() -> None:
    listeners, note = listen(ALL_ADDRESSES, 0)
    ports = ended(listeners)
    assert len(set(ports)) == 1
    assert note is None


def test_a_taken_port_is_an_error_when_it_was_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} is taken by another program .*--port"):
            listen(LOCAL, port)


def test_the_default_falls_back_and_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        listeners, note = listen(LOCAL, None, default=port, fallback=0)
        assert ended(listeners) != [port]
        assert note is not None
        assert note.startswith(f"port {port} is taken")
        with pytest.raises(ConfigError, match=f"port {port} is taken.*; port {port} is taken"):
            listen(LOCAL, None, default=port, fallback=port)


def test_a_forbidden_port_falls_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    bind = listening._bind

    def refuse_low(host: str, port: int) -> socket.socket:
        if port == 445:
            raise PermissionError(errno.EACCES, "Permission denied")
        return bind(host, port)

    monkeypatch.setattr(listening, "_bind", refuse_low)
    listeners, note = listen(LOCAL, None, fallback=0)
    ended(listeners)
    assert note == "port 445 may only be used by root: this is port 0"
    with pytest.raises(ConfigError, match="only be used by root"):
        listen(LOCAL, 445)


@pytest.mark.parametrize("host", ["198.51.100.9", "no-such-host.invalid", "2001:db8::ffff"])
def test_an_address_that_is_not_ours(host: str) -> None:
    with pytest.raises(ConfigError, match="this machine has no such address"):
        listen((host,), 0)


def test_a_machine_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    bind = listening._bind

    def no_ipv6(host: str, port: int) -> socket.socket:
        if ":" in host:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported")
        return bind(host, port)

    monkeypatch.setattr(listening, "_bind", no_ipv6)
    listeners, _ = listen(ALL_ADDRESSES, 0)
    assert len(ended(listeners)) == 1
    with pytest.raises(ConfigError):
        listen(("::",), 0)
