"""The host's network interfaces, as far as this server listens on them: index, addresses, speed of the link."""

import fcntl
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from struct import pack
from typing import Final

from smbserver.objects.interface import Interface

_SIOCGIFADDR: Final = 0x8915  # Linux; elsewhere the call fails, and there is nothing to tell
_ADDRESS_AT: Final = 20  # in struct ifreq: 16 bytes of name, family and port of a sockaddr_in
_IPV6_TABLE: Final = "/proc/net/if_inet6"
_MEGABIT: Final = 1_000_000  # bits per second; the kernel counts in these
UNKNOWN_SPEED: Final = 1_000 * _MEGABIT  # of a virtual or wireless card: the kernel does not say
LOOPBACK_SPEED: Final = 10_000 * _MEGABIT  # there is no link: a number above most, as no other path is shorter


def listening_interfaces(listening: Sequence[tuple[str, int]]) -> list[Interface]:
    """What can be reached of `listening`, (host, port) pairs: fastest first; loopback only if there is nothing else.

    Link-local IPv6 is left out: it means nothing without the client's own scope.
    """
    hosts = {host for host, _ in listening}
    found = [
        each
        for each in _all()
        if (each.address in hosts or ("::" if ":" in each.address else "0.0.0.0") in hosts)
        and not ip_address(each.address).is_link_local
    ]
    known = {each.address for each in found}
    loopback = next((each.if_index for each in _all() if ip_address(each.address).is_loopback), 1)
    found += [
        Interface(loopback, LOOPBACK_SPEED, host)
        for host in sorted(hosts - known)
        if ip_address(host).is_loopback  # all of 127.0.0.0/8 is this host
    ]
    outside = [each for each in found if not ip_address(each.address).is_loopback]
    return sorted(outside or found, key=lambda each: -each.speed)


def _all() -> list[Interface]:
    found = []
    try:
        names = socket.if_nameindex()
    except OSError:
        return []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for index, name in names:
            try:
                answer = fcntl.ioctl(sock, _SIOCGIFADDR, pack("256s", name.encode()[:15]))
            except OSError:
                continue  # an interface without IPv4
            address = socket.inet_ntoa(answer[_ADDRESS_AT : _ADDRESS_AT + 4])
            found.append(Interface(index, _speed(name, address), address))
    indices = {name: index for index, name in names}
    found += [
        Interface(indices[name], _speed(name, address), address)
        for address, name in _ipv6_addresses()
        if name in indices
    ]
    return found


def _ipv6_addresses() -> list[tuple[str, str]]:
    try:
        with open(_IPV6_TABLE, encoding="ascii") as table:
            rows = [line.split() for line in table]
    except OSError:  # no IPv6
        return []
    return [(str(ip_address(bytes.fromhex(row[0]))), row[-1]) for row in rows]


def _speed(name: str, address: str) -> int:
    """Bits per second. The kernel's number is -1, or an error, where the link has none."""
    if ip_address(address).is_loopback:
        return LOOPBACK_SPEED
    try:
        with open(f"/sys/class/net/{name}/speed", encoding="ascii") as file:
            megabits = int(file.read())
    except (OSError, ValueError):
        return UNKNOWN_SPEED
    return megabits * _MEGABIT if megabits > 0 else UNKNOWN_SPEED
