"""NETWORK_INTERFACE_INFO ([MS-SMB2] 2.2.32.5): the addresses a client may use for further channels."""

from collections.abc import Sequence
from ipaddress import ip_address
from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError

HEAD: Final = Struct("<IIIIQ")
SOCKADDR_SIZE: Final = 128
SIZE: Final = HEAD.size + SOCKADDR_SIZE
INTER_NETWORK: Final = 0x0002
INTER_NETWORK_V6: Final = 0x0017
_IPV4: Final = Struct("<HH4s")  # family, port, address; the rest is reserved
_IPV6: Final = Struct("<HHI16s")  # family, port, flow, address; then the scope
_FAMILY: Final = Struct("<H")


class NetworkInterface(NamedTuple):
    """`capability`: RSS_CAPABLE 1, RDMA_CAPABLE 2. `speed` in bits per second, `address` in text."""

    if_index: int
    capability: int
    speed: int
    address: str


def encode(interfaces: Sequence[NetworkInterface]) -> bytes:
    """The list as FSCTL_QUERY_NETWORK_INTERFACE_INFO returns it. SIZE keeps each entry aligned to 8."""
    out = bytearray()
    for number, each in enumerate(interfaces, 1):
        following = SIZE if number < len(interfaces) else 0
        packed = ip_address(each.address).packed
        if len(packed) == 4:
            place = _IPV4.pack(INTER_NETWORK, 0, packed)
        else:
            place = _IPV6.pack(INTER_NETWORK_V6, 0, 0, packed)
        out += HEAD.pack(following, each.if_index, each.capability, 0, each.speed) + place.ljust(SOCKADDR_SIZE, b"\0")
    return bytes(out)


def decode(data: memoryview) -> list[NetworkInterface]:
    """Read a list; entries of other families are left out. Raises WireError."""
    found = []
    offset = 0
    while len(data) > 0:
        if len(data) - offset < SIZE:
            raise WireError("short NETWORK_INTERFACE_INFO")
        following, index, capability, _, speed = HEAD.unpack_from(data, offset)
        place = offset + HEAD.size
        (family,) = _FAMILY.unpack_from(data, place)
        packed = None
        if family == INTER_NETWORK:
            packed = _IPV4.unpack_from(data, place)[2]
        elif family == INTER_NETWORK_V6:
            packed = _IPV6.unpack_from(data, place)[3]
        if packed is not None:
            found.append(NetworkInterface(index, capability, speed, str(ip_address(packed))))
        if not following:
            break
        if following < SIZE or following % 8:
            raise WireError("NETWORK_INTERFACE_INFO entries overlap or are not aligned")
        offset += following
    return found
