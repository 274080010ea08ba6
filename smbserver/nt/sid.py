"""Security identifiers ([MS-DTYP] 2.4.2): checked bytes, as they stand in descriptors; and the ones everybody knows.

They stay bytes: they are compared and hashed, never computed with.
"""

import re
from typing import Final

from smbserver.errors import WireError

REVISION: Final = 1
MAX_SUB_AUTHORITIES: Final = 15  # [MS-DTYP] 2.4.2.2
HEAD: Final = 8  # revision, count, authority
_TEXT: Final = re.compile(r"S-1-(\d{1,15}|0x[0-9a-fA-F]{12})((?:-\d{1,10}){0,15})")


def sid(authority: int, *sub_authorities: int) -> bytes:
    """A binary SID ([MS-DTYP] 2.4.2.2)."""
    head = bytes((REVISION, len(sub_authorities))) + authority.to_bytes(6, "big")
    return head + b"".join(part.to_bytes(4, "little") for part in sub_authorities)


def read_sid(data: bytes, offset: int, end: int) -> bytes:
    """The SID at `offset`, all of it below `end`. Raises WireError."""
    if offset < 0 or offset + HEAD > end or end > len(data):
        raise WireError("a SID outside its structure")
    count = data[offset + 1]
    if data[offset] != REVISION or count > MAX_SUB_AUTHORITIES:
        raise WireError(f"not a SID: revision {data[offset]}, {count} sub-authorities")
    size = HEAD + 4 * count
    if offset + size > end:
        raise WireError("a SID cut short")
    return data[offset : offset + size]


def to_text(who: bytes) -> str:
    """S-1-... ([MS-DTYP] 2.4.2.1); an authority of 2**32 and more in hexadecimal."""
    authority = int.from_bytes(who[2:8], "big")
    head = f"S-1-{authority}" if authority < 1 << 32 else f"S-1-0x{authority:012x}"
    return head + "".join(f"-{int.from_bytes(who[at : at + 4], 'little')}" for at in range(HEAD, len(who), 4))


def from_text(text: str) -> bytes:
    """The SID that `to_text` shows so. Raises ValueError."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"not a SID: {text!r}")
    authority = int(match[1], 16 if match[1].startswith("0x") else 10)
    parts = [int(part) for part in match[2].split("-")[1:]]
    if authority >= 1 << 48 or any(part >= 1 << 32 for part in parts):
        raise ValueError(f"not a SID: {text!r}")
    return sid(authority, *parts)


NOBODY: Final = sid(0, 0)
EVERYONE: Final = sid(1, 0)
CREATOR_OWNER: Final = sid(3, 0)
CREATOR_GROUP: Final = sid(3, 1)
OWNER_RIGHTS: Final = sid(3, 4)
NETWORK: Final = sid(5, 2)
ANONYMOUS: Final = sid(5, 7)
AUTHENTICATED_USERS: Final = sid(5, 11)
SYSTEM: Final = sid(5, 18)
BUILTIN_USERS: Final = sid(5, 32, 545)
BUILTIN_GUESTS: Final = sid(5, 32, 546)


def unix_user(uid: int) -> bytes:
    """S-1-22-1-uid: the name Samba and Windows tools know for a local uid without an account."""
    return sid(22, 1, uid)


def unix_group(gid: int) -> bytes:
    """S-1-22-2-gid."""
    return sid(22, 2, gid)
