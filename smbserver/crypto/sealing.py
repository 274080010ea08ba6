"""Message encryption: AES-128/256 in CCM and GCM ([MS-SMB2] 3.1.4.3)."""

from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from smbserver.errors import ProtocolViolation

AES_128_CCM: Final = 1
AES_128_GCM: Final = 2
AES_256_CCM: Final = 3
AES_256_GCM: Final = 4
KEY_LENGTH: Final = {AES_128_CCM: 16, AES_128_GCM: 16, AES_256_CCM: 32, AES_256_GCM: 32}
NONCE_LENGTH: Final = {AES_128_CCM: 11, AES_128_GCM: 12, AES_256_CCM: 11, AES_256_GCM: 12}

_GCM: Final = (AES_128_GCM, AES_256_GCM)

# A nonce is never used twice under one key: a counter, and an end to it long before it could wrap.
MAX_MESSAGES: Final = 2**48


_IN_PLACE_FROM: Final = 32 * 1024  # from here on a message is decrypted where it is, and a sealed one is not copied
# From here on a message is sealed where it is, with GCM part by part and not joined. The context that takes parts costs
# 15 us to make, and 100 with cold caches: more than the joining of a shorter message (transcript 0040).
_SEAL_IN_PLACE_FROM: Final = 384 * 1024
_TAG: Final = 16
# Results into a given buffer; without it (older cryptography) each is a new one that is cleared first.
_INTO: Final = hasattr(AESCCM, "decrypt_into") and hasattr(AESGCM, "decrypt_into")

Buffer = bytes | bytearray | memoryview


class Sealer:
    """Encrypts with one key. Nonces are a counter, so no two messages share one."""

    __slots__ = ("_algorithm", "_cipher", "_count", "_nonce_length")

    def __init__(self, cipher: int, key: bytes) -> None:
        self._cipher = _new(cipher, key)
        self._algorithm = AES(key) if cipher in _GCM else None
        self._nonce_length = NONCE_LENGTH[cipher]
        self._count = 0

    def seal(
        self, parts: Sequence[Buffer], size: int, tail: bytes, whole: memoryview | None = None
    ) -> tuple[bytes, bytes, list[Buffer]]:
        """(signature, associated data, ciphertext in parts) of a message of `size` bytes under the next nonce.

        The associated data are the nonce, padded to the 16 bytes of the transform header, and `tail`. A large
        `bytearray` among the parts is encrypted where it is: whoever made it has given it away. So is the message as
        `whole`, the one part once more with room for the tag behind it. Raises ProtocolViolation when the key is used
        up.
        """
        self._count += 1
        if self._count >= MAX_MESSAGES:
            raise ProtocolViolation("session key used up")
        padded = self._count.to_bytes(16, "little")
        nonce, associated = padded[: self._nonce_length], padded + tail
        if whole is not None and _INTO:
            text = whole[:size]
            self._cipher.encrypt_into(nonce, text, associated, whole[: size + _TAG])
            return bytes(whole[size : size + _TAG]), associated, [text]
        if self._algorithm is not None and size >= _SEAL_IN_PLACE_FROM:
            signature, ciphertext = self._seal_in_place(nonce, parts, associated)
            return signature, associated, ciphertext
        if _INTO and size >= _SEAL_IN_PLACE_FROM:
            joined = memoryview(bytearray().join((*parts, bytes(_TAG))))
            plain = joined[:size]
            self._cipher.encrypt_into(nonce, plain, associated, joined)
            return bytes(joined[size:]), associated, [plain]
        sealed = self._cipher.encrypt(nonce, b"".join(parts), associated)
        # A short text is copied for less than a view costs.
        return sealed[size:], associated, [sealed[:size] if size < _IN_PLACE_FROM else memoryview(sealed)[:size]]

    def _seal_in_place(self, nonce: bytes, parts: Sequence[Buffer], associated: bytes) -> tuple[bytes, list[Buffer]]:
        assert self._algorithm is not None
        encryptor = Cipher(self._algorithm, GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated)
        sealed: list[Buffer] = []
        for part in parts:
            if isinstance(part, bytearray):
                encryptor.update_into(part, part)
                sealed.append(part)
            else:
                sealed.append(encryptor.update(part))
        encryptor.finalize()
        return encryptor.tag, sealed


class Opener:
    """Decrypts with one key."""

    __slots__ = ("_cipher", "_nonce_length")

    def __init__(self, cipher: int, key: bytes) -> None:
        self._cipher = _new(cipher, key)
        self._nonce_length = NONCE_LENGTH[cipher]

    def open(
        self, nonce: bytes, signature: bytes, sealed: memoryview, associated: bytes, wider: memoryview | None = None
    ) -> memoryview:
        """The plain message. Raises ProtocolViolation when it was not sealed with this key.

        A large message is decrypted where it is if `wider` is given, the same with room for the tag behind it; nobody
        sees it before its tag was found right.
        """
        nonce = nonce[: self._nonce_length]
        try:
            if _INTO and len(sealed) >= _IN_PLACE_FROM:
                size = len(sealed)
                if wider is None:
                    joined = memoryview(bytearray().join((sealed, signature)))
                else:
                    joined = wider[: size + _TAG]
                    joined[size:] = signature
                plain = joined[:size]
                self._cipher.decrypt_into(nonce, joined, associated, plain)
                return plain
            return memoryview(self._cipher.decrypt(nonce, b"".join((sealed, signature)), associated))
        except InvalidTag:
            raise ProtocolViolation("a sealed message does not decrypt") from None


def _new(cipher: int, key: bytes) -> AESCCM | AESGCM:
    if len(key) != KEY_LENGTH[cipher]:
        raise ValueError("key length does not fit the cipher")
    if cipher in _GCM:
        return AESGCM(key)
    return AESCCM(key, tag_length=16)
