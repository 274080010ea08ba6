"""The addresses under which other machines may reach this one, best guess first."""

import fcntl
import ipaddress
import socket
import struct
from typing import Final

_SIOCGIFADDR: Final = 0x8915  # Linux; elsewhere the call fails, and the route alone is asked
_ADDRESS_AT: Final = 20  # in struct ifreq: 16 bytes of name, family and port of a sockaddr_in
_ANYWHERE: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))  # documentation networks


def own_addresses() -> list[str]:
    """IPv4 first, then global IPv6; without loopback and link-local. The one with the default route leads each."""
    found = [*_by_route(), *_ipv4_of_interfaces()]
    useful = [text for text in dict.fromkeys(found) if _is_useful(text)]
    return sorted(useful, key=lambda text: ":" in text)


def _is_useful(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)


def _by_route() -> list[str]:
    found = []
    for family, target in _ANYWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.connect((target, 9))  # of a datagram socket: looks up the route, sends nothing
                found.append(sock.getsockname()[0])
        except OSError:
            continue  # no such route, or no such family
    return found


def _ipv4_of_interfaces() -> list[str]:
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(sock, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue  # an interface without IPv4
            found.append(socket.inet_ntoa(answer[_ADDRESS_AT : _ADDRESS_AT + 4]))
    return found
