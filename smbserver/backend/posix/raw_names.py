"""Names as the disk's bytes and as text: Unicode, and undecodable bytes."""

import codecs
import re
from typing import Final

_RAW_BYTE: Final = re.compile("[\udc80-\udcff]")
_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_SURROGATE: Final = re.compile(b"\xed[\xa0-\xbf][\x80-\xbf]")
_HANDLER: Final = "smbserver-surrogates"


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
