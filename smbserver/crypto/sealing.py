"""Message encryption: AES-128/256 in CCM and GCM ([MS-SMB2] 3.1.4.3)."""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM

from smbserver.errors import ProtocolViolation

AES_128_CCM: Final = 1
AES_128_GCM: Final = 2
AES_256_CCM: Final = 3
AES_256_GCM: Final = 4
KEY_LENGTH: Final = {AES_128_CCM: 16, AES_128_GCM: 16, AES_256_CCM: 32, AES_256_GCM: 32}
NONCE_LENGTH: Final = {AES_128_CCM: 11, AES_128_GCM: 12, AES_256_CCM: 11, AES_256_GCM: 12}

# A nonce is never used twice under one key: a counter, and an end to it long before it could wrap.
MAX_MESSAGES: Final = 2**48


class Sealer:
    """Encrypts with one key. Nonces are a counter, so no two messages share one."""

    __slots__ = ("_cipher", "_count", "_nonce_length")

    def __init__(self, cipher: int, key: bytes) -> None:
        self._cipher = _new(cipher, key)
        self._nonce_length = NONCE_LENGTH[cipher]
        self._count = 0

    def next_nonce(self) -> bytes:
        """The next nonce, padded to the 16 bytes of the transform header. Raises ProtocolViolation at the limit."""
        self._count += 1
        if self._count >= MAX_MESSAGES:
            raise ProtocolViolation("session key used up")
        return self._count.to_bytes(16, "little")

    def seal(self, nonce: bytes, plain: bytes | bytearray, associated: bytes) -> tuple[bytes, memoryview]:
        """(signature of 16 bytes, ciphertext) for a nonce from `next_nonce`."""
        sealed = memoryview(self._cipher.encrypt(nonce[: self._nonce_length], plain, associated))
        return bytes(sealed[-16:]), sealed[:-16]


class Opener:
    """Decrypts with one key."""

    __slots__ = ("_cipher", "_nonce_length")

    def __init__(self, cipher: int, key: bytes) -> None:
        self._cipher = _new(cipher, key)
        self._nonce_length = NONCE_LENGTH[cipher]

    def open(self, nonce: bytes, signature: bytes, sealed: memoryview, associated: memoryview) -> bytes:
        """The plain message. Raises ProtocolViolation when it was not sealed with this key."""
        try:
            return self._cipher.decrypt(nonce[: self._nonce_length], b"".join((sealed, signature)), associated)
        except InvalidTag:
            raise ProtocolViolation("a sealed message does not decrypt") from None


def _new(cipher: int, key: bytes) -> AESCCM | AESGCM:
    if len(key) != KEY_LENGTH[cipher]:
        raise ValueError("key length does not fit the cipher")
    if cipher in (AES_128_GCM, AES_256_GCM):
        return AESGCM(key)
    return AESCCM(key, tag_length=16)
