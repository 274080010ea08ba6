"""One address of one network interface of this host, as clients are told of it ([MS-SMB2] 2.2.32.5)."""

from typing import NamedTuple


class Interface(NamedTuple):
    """`if_index` is the host's number of the interface, `speed` in bits per second, `address` IPv4 or IPv6 in text."""

    if_index: int
    speed: int
    address: str
