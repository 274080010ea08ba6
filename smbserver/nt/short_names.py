"""Short (8.3) names made of long ones: a pure function, so that nothing has to be stored ([MS-FSCC] 2.1.5.2.1).

They are for programs that still ask; a listing does not show them. One letter of the name, six of a hash around a
tilde, and the beginning of the extension: what Samba's look like, but not the same ones.
"""

import re
import zlib
from typing import Final

from smbserver.nt.names import fold_case, is_short

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LEGAL: Final = frozenset(_DIGITS + "_$-")
_HASHES: Final = len(_DIGITS) ** 6
_looks_made: Final = re.compile(r"[0-9A-Z_$-][0-9A-Z]{5}~[0-9A-Z](\.[0-9A-Z_$-]{1,3})?", re.IGNORECASE).fullmatch
# How Macintosh clients write a space or dot at the end; the same file, so the same short name.
_AT_THE_END: Final = {"\uf028": " ", "\uf029": "."}


def short_name(name: str) -> str:
    """A name that is short already, else one made of it, in capitals; empty for the empty name of a root."""
    if not name or is_short(name):
        return name
    upper = fold_case(name[:-1] + _AT_THE_END.get(name[-1], name[-1]))
    base, _, extension = upper.rpartition(".")
    first = next((char for char in base or upper if char in _LEGAL), "_")
    end = "".join(char for char in extension if char in _LEGAL)[:3] if base else ""
    number = zlib.crc32(upper.encode("utf-16-le", "surrogatepass")) % _HASHES
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, len(_DIGITS))
        digits += _DIGITS[digit]
    return f"{first}{digits[:5]}~{digits[5]}" + (f".{end}" if end else "")


def looks_made(name: str) -> bool:
    """Whether this could be a name that `short_name` made."""
    return "~" in name and _looks_made(name) is not None
