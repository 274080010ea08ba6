"""DES of one block, for the one use samr makes of it: a hash under another hash ([MS-SAMR] 2.2.11.1)."""

from cryptography.hazmat.primitives.ciphers import Cipher, modes

try:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
except ImportError:  # before cryptography 43
    from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES

KEY = 7  # bytes of a key, 56 bits
BLOCK = 8


def _spread(key: bytes) -> bytes:
    """Seven bytes to eight, each with seven bits; the eighth is parity, which nobody checks ([MS-SAMR] 2.2.11.1.2)."""
    bits = int.from_bytes(key, "big")
    return bytes((bits >> shift & 0x7F) << 1 for shift in range(49, -1, -7))


def encrypt_block(block: bytes, key: bytes) -> bytes:
    """Eight bytes under a key of seven."""
    # three times the same key is DES itself
    encryptor = Cipher(TripleDES(_spread(key) * 3), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def encrypt_hash(value: bytes, key: bytes) -> bytes:
    """A hash of 16 bytes under another one: two blocks, with the first and the next seven bytes as keys ([MS-SAMR]
    2.2.11.1.1, 2.2.11.1.4).
    """
    return encrypt_block(value[:BLOCK], key[:KEY]) + encrypt_block(value[BLOCK:], key[KEY : 2 * KEY])
