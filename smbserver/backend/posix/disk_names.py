"""Names on the wire and names on the disk: what may be stored, and the characters macOS sends in disguise."""

import re
from typing import Final

from smbserver.backend.posix.raw_names import decode_name, encode_name
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.disguises import LAST_TO_DISGUISED, LAST_TO_PLAIN, TO_DISGUISED, TO_PLAIN
from smbserver.nt.names import fold

LINK_PREFIX: Final = ".smbserver-link-"  # a name that exists for a moment, while one thing takes another's place
MAX_NAME_BYTES: Final = 255  # NAME_MAX of the file systems in use

# What `nt.names.check_component` lets through. Asked again here: these names go to the kernel, whoever the caller is.
_forbidden: Final = re.compile(r'[\x00-\x1f"*/:<>?\\|]').search

# What the server keeps for itself in a share's root. No client can name it, in any spelling, nor see it in a listing.
STORE_NAME: Final = ".smbserver-streams"
_FOLDED_STORE_NAME: Final = fold(STORE_NAME)


def to_disk(name: str) -> str:
    """A wire component as the `os` module wants it. Raises StatusError OBJECT_NAME_INVALID when it cannot be stored."""
    if not name or _forbidden(name) is not None:
        raise StatusError(status.OBJECT_NAME_INVALID)
    if name[0] == "." and (name in (".", "..") or fold(name) == _FOLDED_STORE_NAME):
        raise StatusError(status.OBJECT_NAME_INVALID)
    if not name.isascii():
        name = name.translate(TO_PLAIN)
        name = name[:-1] + LAST_TO_PLAIN.get(name[-1], name[-1])
        raw = encode_name(name)
        if raw is None or len(raw) > MAX_NAME_BYTES or raw in (b".", b".."):
            raise StatusError(status.OBJECT_NAME_INVALID)
        return raw.decode("utf-8", "surrogateescape")
    if len(name) > MAX_NAME_BYTES:
        raise StatusError(status.OBJECT_NAME_INVALID)
    return name


def spelling(name: str) -> str:
    """The form in which `to_wire` gives a name from the wire back: with its last space or dot in disguise."""
    return name[:-1] + LAST_TO_DISGUISED[name[-1]] if name and name[-1] in LAST_TO_DISGUISED else name


def to_wire(name: str) -> str | None:
    """A name from the disk as a client may see it; None when it has no form that leads back to it."""
    if name.isascii():
        if name == STORE_NAME:
            return None
        if name and _forbidden(name) is None and name[-1] not in " .":
            return name
    else:
        raw = name.encode("utf-8", "surrogateescape")
        name = decode_name(raw)
    if not name or "/" in name or "\0" in name:
        return None  # no disk should say so; a network file system can say anything
    mapped = name.translate(TO_DISGUISED)
    return mapped[:-1] + LAST_TO_DISGUISED.get(mapped[-1], mapped[-1])
