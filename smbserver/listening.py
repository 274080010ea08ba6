"""Listening sockets: every address that was asked for, the port that can be had, errors a person can act on."""

import errno
import socket
from typing import Final

from smbserver.config.settings import DEFAULT_PORT, FALLBACK_PORT
from smbserver.errors import ConfigError

BACKLOG: Final = 128
_NO_IPV6: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def listen(
    hosts: tuple[str, ...], port: int | None, default: int = DEFAULT_PORT, fallback: int = FALLBACK_PORT
) -> tuple[list[socket.socket], str | None]:
    """Sockets on `port`; None means `default`, or `fallback` and a sentence that says why. Raises ConfigError."""
    if port is not None:
        return _listen_on(hosts, port), None
    try:
        return _listen_on(hosts, default), None
    except ConfigError as problem:
        try:
            return _listen_on(hosts, fallback), f"{problem}: this is port {fallback}"
        except ConfigError as second:
            raise ConfigError(f"{problem}; {second}") from None


def _listen_on(hosts: tuple[str, ...], port: int) -> list[socket.socket]:
    listeners: list[socket.socket] = []
    host = ""
    try:
        for host in hosts:
            try:
                listeners.append(_bind(host, listeners[0].getsockname()[1] if listeners else port))
            except OSError as error:
                if host == "::" and listeners and error.errno in _NO_IPV6:
                    continue  # a machine without IPv6
                raise
    except OSError as error:
        for listener in listeners:
            listener.close()
        raise ConfigError(_explain(error, host, port)) from None
    return listeners


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken by another program (ss -ltnp 'sport = :{port}' tells which; --port takes another)"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} may only be used by root"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"--bind {host}: this machine has no such address"
    return f"cannot listen on {host}, port {port}: {error.strerror}"


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock
