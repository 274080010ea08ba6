"""The preauthentication integrity hash of 3.1.1 ([MS-SMB2] 3.3.5.4, 3.3.5.5.3)."""

import hashlib
from collections.abc import Iterable

EMPTY = bytes(64)


def extend(value: bytes, parts: Iterable[bytes | bytearray | memoryview]) -> bytes:
    """The hash of the value so far and a message given in parts."""
    digest = hashlib.sha512(value)
    for part in parts:
        digest.update(part)
    return digest.digest()
