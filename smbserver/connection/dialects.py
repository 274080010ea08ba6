"""What differs between the dialects, as values chosen once at NEGOTIATE."""

from typing import Final, NamedTuple

SMALL: Final = 64 * 1024  # without LARGE_MTU ([MS-SMB2] 3.3.5.4)
LARGE: Final = 8 * 1024 * 1024


class Dialect(NamedTuple):
    """`max_size` bounds READ, WRITE and transactions, in bytes; `error_contexts`: error data goes in one (2.2.2.1)."""

    revision: int
    name: str
    max_size: int
    multi_credit: bool
    derives_keys: bool
    preauth: bool
    can_encrypt: bool
    error_contexts: bool


DIALECTS: Final = {
    dialect.revision: dialect
    for dialect in (
        Dialect(0x0202, "2.0.2", SMALL, False, False, False, False, False),
        Dialect(0x0210, "2.1", LARGE, True, False, False, False, False),
        Dialect(0x0300, "3.0", LARGE, True, True, False, True, False),
        Dialect(0x0302, "3.0.2", LARGE, True, True, False, True, False),
        Dialect(0x0311, "3.1.1", LARGE, True, True, True, True, True),
    )
}
