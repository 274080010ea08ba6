"""SMB2 OPLOCK_BREAK acknowledgement ([MS-SMB2] 2.2.24)."""

from struct import Struct
from typing import NamedTuple

from smbserver.errors import WireError
from smbserver.wire.header import SIZE as HEADER_SIZE

ACKNOWLEDGEMENT = Struct("<HBBIQQ")


class OplockBreakAcknowledgement(NamedTuple):
    """A client says what it keeps. A lease acknowledgement has StructureSize 36 and other fields."""

    structure_size: int
    oplock_level: int


def decode(message: memoryview) -> OplockBreakAcknowledgement:
    """Read the part that both kinds of acknowledgement share. Raises WireError."""
    if len(message) < HEADER_SIZE + ACKNOWLEDGEMENT.size:
        raise WireError("short OPLOCK_BREAK")
    size, level, *_ = ACKNOWLEDGEMENT.unpack_from(message, HEADER_SIZE)
    return OplockBreakAcknowledgement(size, level)
