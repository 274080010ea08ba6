"""The SMB2 header ([MS-SMB2] 2.2.1), command codes and header flags."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError

PROTOCOL_ID: Final = b"\xfeSMB"
TRANSFORM_ID: Final = b"\xfdSMB"
COMPRESSION_ID: Final = b"\xfcSMB"
SMB1_ID: Final = b"\xffSMB"

NEGOTIATE: Final = 0
SESSION_SETUP: Final = 1
LOGOFF: Final = 2
TREE_CONNECT: Final = 3
TREE_DISCONNECT: Final = 4
CREATE: Final = 5
CLOSE: Final = 6
FLUSH: Final = 7
READ: Final = 8
WRITE: Final = 9
LOCK: Final = 10
IOCTL: Final = 11
CANCEL: Final = 12
ECHO: Final = 13
QUERY_DIRECTORY: Final = 14
CHANGE_NOTIFY: Final = 15
QUERY_INFO: Final = 16
SET_INFO: Final = 17
OPLOCK_BREAK: Final = 18
SERVER_TO_CLIENT_NOTIFICATION: Final = 19

SERVER_TO_REDIR: Final = 0x00000001
ASYNC_COMMAND: Final = 0x00000002
RELATED_OPERATIONS: Final = 0x00000004
SIGNED: Final = 0x00000008
PRIORITY_MASK: Final = 0x00000070
DFS_OPERATIONS: Final = 0x10000000
REPLAY_OPERATION: Final = 0x20000000

LAYOUT: Final = Struct("<4sHHIHHIIQIIQ16s")
SIZE: Final = LAYOUT.size
_WITH_BODY_SIZE: Final = Struct("<4sHHIHHIIQIIQ16sH")
END_OF_BODY_SIZE: Final = _WITH_BODY_SIZE.size
_ASYNC_ID_OFFSET: Final = 32
SIGNATURE_OFFSET: Final = 48
NO_SIGNATURE: Final = bytes(16)
PADDING: Final = tuple(bytes(count) for count in range(8))  # by how many bytes are missing to the next of a compound


class Header(NamedTuple):
    """Every field of the header, in order. `reserved` and `tree_id` are the AsyncId of an asynchronous message.

    `status` is ChannelSequence and Reserved in a request of the 3.x dialects, 0 in other requests.
    """

    protocol_id: bytes
    structure_size: int
    credit_charge: int
    status: int
    command: int
    credits: int
    flags: int
    next_command: int
    message_id: int
    reserved: int
    tree_id: int
    session_id: int
    signature: bytes

    @property
    def async_id(self) -> int:
        """The AsyncId; only meaningful when ASYNC_COMMAND is set."""
        return self.tree_id << 32 | self.reserved


Fields = tuple[bytes, int, int, int, int, int, int, int, int, int, int, int, bytes, int]
"""Those of Header, without their names, and the StructureSize of the body: a request's go straight into its Work."""


def fields(frame: memoryview, offset: int) -> Fields:
    """Read the header at `offset`; 0 for the body where nothing follows.

    Raises WireError when it is short or not an SMB2 header.
    """
    found: Fields
    room = len(frame) - offset
    if room >= END_OF_BODY_SIZE:
        found = _WITH_BODY_SIZE.unpack_from(frame, offset)
    elif room >= SIZE:
        found = (*LAYOUT.unpack_from(frame, offset), 0)
    else:
        raise WireError("shorter than an SMB2 header")
    if found[0] != PROTOCOL_ID or found[1] != SIZE:
        raise WireError("not an SMB2 header")
    return found


def async_id(message: memoryview) -> int:
    """The AsyncId of a message whose header was found right; only meaningful when ASYNC_COMMAND is set."""
    return int.from_bytes(message[_ASYNC_ID_OFFSET : _ASYNC_ID_OFFSET + 8], "little")


def decode(frame: memoryview, offset: int) -> Header:
    """The same with names. Raises WireError."""
    return Header._make(fields(frame, offset)[:-1])


def encode(header: Header) -> bytes:
    """The 64 bytes of a header."""
    return LAYOUT.pack(*header)
