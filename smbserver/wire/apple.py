"""Apple's create context AAPL, and the listing entries it turns on.

There is no specification; what Apple's client sends and takes is in its public source (smb_smb_2.c).
"""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError

CONTEXT: Final = b"AAPL"
SERVER_QUERY: Final = 1

# What a query asks for, and the reply says of itself.
SERVER_CAPS: Final = 0x1
VOLUME_CAPS: Final = 0x2
MODEL_INFO: Final = 0x4

SUPPORTS_READ_DIR_ATTR: Final = 0x1
SUPPORTS_OSX_COPYFILE: Final = 0x2
UNIX_BASED: Final = 0x4
SUPPORTS_NFS_ACE: Final = 0x8

CASE_SENSITIVE: Final = 0x2
SUPPORTS_FULL_SYNC: Final = 0x4

QUERY: Final = Struct("<IIQQ")  # command, reserved, what is asked for, the client's capabilities
_REPLY: Final = Struct("<IIQ")
_U64: Final = Struct("<Q")
_MODEL: Final = Struct("<II")
ENTRY: Final = Struct("<Q16s")  # in place of a short name: length of the resource fork, FinderInfo in short


class Query(NamedTuple):
    """`asked` and `client_capabilities` are bits as above."""

    asked: int
    client_capabilities: int


class Answer(NamedTuple):
    """What the server can do, what this volume can do, and the machine that Finder shall draw."""

    server_capabilities: int
    volume_capabilities: int
    model: str


def decode_query(data: bytes) -> Query:
    """Read a query. Raises WireError when it is none: there is a second command, which is not answered."""
    if len(data) != QUERY.size:
        raise WireError(f"AAPL of {len(data)} bytes, {QUERY.size} needed")
    command, _, asked, capabilities = QUERY.unpack(data)
    if command != SERVER_QUERY:
        raise WireError("not a server query")
    return Query(asked, capabilities)


def encode_answer(asked: int, answer: Answer) -> bytes:
    """The context of the reply: only what was asked for, in the order of the bits."""
    asked &= SERVER_CAPS | VOLUME_CAPS | MODEL_INFO
    parts = [_REPLY.pack(SERVER_QUERY, 0, asked)]
    if asked & SERVER_CAPS:
        parts.append(_U64.pack(answer.server_capabilities))
    if asked & VOLUME_CAPS:
        parts.append(_U64.pack(answer.volume_capabilities))
    if asked & MODEL_INFO:
        model = answer.model.encode("utf-16-le")
        parts += [_MODEL.pack(0, len(model)), model]
    return b"".join(parts)
