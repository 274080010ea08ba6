"""Extended attributes of a file: the record, what a name may be, and what a change makes of a list ([MS-FSCC] 2.4.16).

Names are bytes: the specification says 8-bit ASCII, and Linux clients send UTF-8. Only ASCII letters have a case.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from smbserver.errors import StatusError
from smbserver.nt import status

FILE_NEED_EA: Final = 0x80
# [MS-FSCC] 2.4.16 allows 254 bytes; Linux has room for 255 with the "user." in front. One number for all stores.
MAX_NAME: Final = 250
MAX_VALUE: Final = 0xFFFF  # EaValueLength has 16 bits
MAX_LIST: Final = 64 * 1024 - 5  # [MS-FSA] 2.1.5.15.6
_FORBIDDEN: Final = frozenset(b'\\/:*?"<>|,+=[];') | frozenset(range(0x20))
_HEAD: Final = 4  # of a list that is not empty
_PER_ENTRY: Final = 5  # flags, two lengths, and the NUL behind the name


class Ea(NamedTuple):
    """One EA. To set one without a value deletes it; `flags` is 0 or FILE_NEED_EA."""

    name: bytes
    value: bytes
    flags: int = 0


def is_name(name: bytes) -> bool:
    """Whether a client may call an EA so."""
    return 0 < len(name) <= MAX_NAME and _FORBIDDEN.isdisjoint(name)


def list_size(eas: Iterable[Ea]) -> int:
    """EaSize of a file with these EAs, as Windows and Samba count it; 0 for none ([MS-FSA] 2.1.5.12.10)."""
    size = sum(_PER_ENTRY + len(ea.name) + len(ea.value) for ea in eas)
    return size + _HEAD if size else 0


def fits(eas: Iterable[Ea]) -> bool:
    """Whether a file may have all of these."""
    return list_size(eas) <= MAX_LIST


def check(changes: Sequence[Ea]) -> None:
    """Refuse a name or flags that no EA has. Raises StatusError INVALID_EA_NAME."""
    for ea in changes:
        if not is_name(ea.name) or ea.flags & ~FILE_NEED_EA:
            raise StatusError(status.INVALID_EA_NAME)


def changed(stored: Sequence[Ea], changes: Sequence[Ea]) -> list[Ea]:
    """The list after the changes; a name that is there already keeps its spelling.

    Raises StatusError EA_TOO_LARGE when it becomes too large after any of them.
    """
    result = {ea.name.upper(): ea for ea in stored}
    size = list_size(stored)
    for ea in changes:
        key = ea.name.upper()
        before = result.pop(key, None)
        if ea.value:
            result[key] = ea if before is None else Ea(before.name, ea.value, ea.flags)
        size = list_size(result.values())
        if size > MAX_LIST:
            raise StatusError(status.EA_TOO_LARGE)
    return list(result.values())
