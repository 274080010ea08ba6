"""MD4 (RFC 1320), because NTLM's password hash is MD4 and OpenSSL 3 no longer offers it. Not for anything else."""

from struct import Struct
from typing import Final

_BLOCK: Final = Struct("<16I")
_STATE: Final = Struct("<4I")
_MASK: Final = 0xFFFFFFFF

# (word, rotation) of the 16 steps of each round, RFC 1320 section 3.4.
_ROUNDS: Final = (
    tuple((i, (3, 7, 11, 19)[i % 4]) for i in range(16)),
    tuple(((i % 4) * 4 + i // 4, (3, 5, 9, 13)[i % 4]) for i in range(16)),
    tuple(((0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)[i], (3, 9, 11, 15)[i % 4]) for i in range(16)),
)


def md4(message: bytes) -> bytes:
    """The 16-byte MD4 digest of `message`."""
    padded = (
        message + b"\x80" + bytes((55 - len(message)) % 64) + (8 * len(message) & (2**64 - 1)).to_bytes(8, "little")
    )
    a, b, c, d = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476
    for words in _BLOCK.iter_unpack(padded):
        saved = a, b, c, d
        for word, rotation in _ROUNDS[0]:
            a = _rotate(a + (b & c | ~b & d) + words[word], rotation)
            a, b, c, d = d, a, b, c
        for word, rotation in _ROUNDS[1]:
            a = _rotate(a + (b & c | b & d | c & d) + words[word] + 0x5A827999, rotation)
            a, b, c, d = d, a, b, c
        for word, rotation in _ROUNDS[2]:
            a = _rotate(a + (b ^ c ^ d) + words[word] + 0x6ED9EBA1, rotation)
            a, b, c, d = d, a, b, c
        a, b, c, d = ((x + y) & _MASK for x, y in zip(saved, (a, b, c, d), strict=True))
    return _STATE.pack(a, b, c, d)


def _rotate(value: int, count: int) -> int:
    value &= _MASK
    return (value << count | value >> 32 - count) & _MASK
