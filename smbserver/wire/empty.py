"""The bodies of four bytes: LOGOFF, TREE_DISCONNECT, ECHO, CANCEL, and the replies to FLUSH and LOCK.

[MS-SMB2] 2.2.7, 2.2.8, 2.2.11, 2.2.12, 2.2.18, 2.2.27 to 2.2.30: StructureSize 4 and two reserved bytes.
"""

from struct import Struct
from typing import Final

from smbserver.errors import WireError
from smbserver.wire.bounds import check_body
from smbserver.wire.header import SIZE as HEADER_SIZE

LAYOUT: Final = Struct("<HH")
BODY: Final = LAYOUT.pack(4, 0)


def decode(message: memoryview) -> None:
    """Nothing to read: dispatch has checked the structure size. Raises WireError when it is cut short."""
    if len(message) < HEADER_SIZE + LAYOUT.size:
        raise WireError("short empty body")


def decode_response(message: memoryview) -> None:
    """Check that a reply is one of these. Raises WireError."""
    check_body(message, LAYOUT, 4)
