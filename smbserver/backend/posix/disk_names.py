"""Names on the wire and names on the disk: Unicode, undecodable bytes, and the characters macOS sends in disguise."""

import codecs
import re
from typing import Final

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.disguises import LAST_TO_DISGUISED, LAST_TO_PLAIN, TO_DISGUISED, TO_PLAIN
from smbserver.nt.names import fold

LINK_PREFIX: Final = ".smbserver-link-"  # a name that exists for a moment, while one thing takes another's place
MAX_NAME_BYTES: Final = 255  # NAME_MAX of the file systems in use

# What `nt.names.check_component` lets through. Asked again here: these names go to the kernel, whoever the caller is.
_forbidden: Final = re.compile(r'[\x00-\x1f"*/:<>?\\|]').search
_RAW_BYTE: Final = re.compile("[\udc80-\udcff]")
_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_SURROGATE: Final = re.compile(b"\xed[\xa0-\xbf][\x80-\xbf]")
_HANDLER: Final = "smbserver-surrogates"

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


def encode_name(name: str) -> bytes | None:
    """UTF-8; lone surrogates U+DC80..DCFF are the raw bytes they stand for, other lone ones three bytes each.

    None for what no bytes are shown as: raw bytes that together are a character.
    """
    raw = name.encode("utf-8", _HANDLER)
    return raw if decode_name(raw) == name else None


def decode_name(raw: bytes) -> str:
    """Bytes of the disk as text; `encode_name` leads back."""
    name = raw.decode("utf-8", _HANDLER)
    if _PAIR.search(name) is None:
        return name
    return raw.decode("utf-8", "surrogateescape")  # on the wire the two would be one character


def _surrogates(error: UnicodeError) -> tuple[str | bytes, int]:
    """What UTF-8 has no place for, in both directions (see codecs.register_error)."""
    if isinstance(error, UnicodeEncodeError):
        text = error.object[error.start : error.end]
        raw = b"".join(
            bytes([ord(char) - 0xDC00]) if _RAW_BYTE.match(char) else char.encode("utf-8", "surrogatepass")
            for char in text
        )
        return raw, error.end
    if not isinstance(error, UnicodeDecodeError):
        raise error
    three = error.object[error.start : error.start + 3]
    if _SURROGATE.fullmatch(three) and not _RAW_BYTE.match(three.decode("utf-8", "surrogatepass")):
        return three.decode("utf-8", "surrogatepass"), error.start + 3
    return chr(0xDC00 + three[0]), error.start + 1


codecs.register_error(_HANDLER, _surrogates)
