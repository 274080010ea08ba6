"""Derives keys, signs and seals messages, and checks what the server signed or sealed ([MS-SMB2] 3.1.4)."""

import hashlib
import hmac
from dataclasses import dataclass
from struct import Struct
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from .message import TRANSFORM, Buffer
from .protocol import (
    AES_128_CCM,
    AES_128_GCM,
    AES_256_CCM,
    AES_256_GCM,
    AES_CMAC,
    AES_GMAC,
    HMAC_SHA256,
    SMB_3_0,
    SMB_3_1_1,
    ProtocolFailure,
)

TRANSFORM_HEADER: Final = Struct("<4s16s16sIHHQ")
"""ProtocolId, Signature, Nonce, OriginalMessageSize, Reserved, Flags, SessionId (section 2.2.41)."""
TRANSFORM_SIZE: Final = 52
TAG_SIZE: Final = 16
ENCRYPTED: Final = 1
_GMAC_NONCE: Final = Struct("<QI")


def derive_key(key: bytes, label: bytes, context: bytes, length: int = 16) -> bytes:
    """SP800-108 in counter mode with HMAC-SHA256 (section 3.1.4.2). Label and context with their terminating zeros."""
    data = b"\0\0\0\1" + label + b"\0" + context + (length * 8).to_bytes(4, "big")
    return hmac.digest(key, data, "sha256")[:length]


def extend_preauth(digest: bytes, message: Buffer) -> bytes:
    """The preauthentication integrity hash value after one more message (section 3.2.5.2)."""
    state = hashlib.sha512(digest)
    state.update(message)
    return state.digest()


class Signer:
    """Computes signatures with one key and one algorithm (section 3.1.4.1)."""

    def __init__(self, algorithm: int, key: bytes) -> None:
        self.algorithm = algorithm
        self._key = key
        self._gcm = AESGCM(key) if algorithm == AES_GMAC else None
        if algorithm not in (HMAC_SHA256, AES_CMAC, AES_GMAC):
            raise ProtocolFailure(f"signing algorithm {algorithm}")

    def signature(self, message: Buffer, message_id: int, from_server: bool, cancel: bool = False) -> bytes:
        """The 16 bytes for a message whose signature field is zero."""
        if self._gcm is not None:
            return self._gcm.encrypt(_GMAC_NONCE.pack(message_id, from_server | cancel << 1), b"", bytes_like(message))
        if self.algorithm == AES_CMAC:
            mac = CMAC(AES(self._key))
            mac.update(bytes_like(message))
            return mac.finalize()
        return hmac.digest(self._key, bytes_like(message), "sha256")[:16]


def bytes_like(buffer: Buffer) -> bytes:
    """The same buffer, not a copy: the libraries accept any buffer, their type annotations only bytes."""
    return buffer  # type: ignore[return-value]


class Sealer:
    """Seals with one key and unseals with the other (section 3.1.4.3)."""

    def __init__(self, cipher: int, seal_key: bytes, unseal_key: bytes) -> None:
        self.cipher = cipher
        self._seal: AESGCM | AESCCM
        self._unseal: AESGCM | AESCCM
        if cipher in (AES_128_GCM, AES_256_GCM):
            self._nonce_size = 12
            self._seal, self._unseal = AESGCM(seal_key), AESGCM(unseal_key)
        elif cipher in (AES_128_CCM, AES_256_CCM):
            self._nonce_size = 11
            self._seal, self._unseal = AESCCM(seal_key, TAG_SIZE), AESCCM(unseal_key, TAG_SIZE)
        else:
            raise ProtocolFailure(f"cipher {cipher}")
        self._count = 0

    def seal(self, message: Buffer, session_id: int) -> tuple[bytes, memoryview]:
        """The transform header and the ciphertext."""
        self._count += 1
        nonce = self._count.to_bytes(self._nonce_size, "little")
        header = TRANSFORM_HEADER.pack(
            TRANSFORM, bytes(16), nonce.ljust(16, b"\0"), len(message), 0, ENCRYPTED, session_id
        )
        sealed = memoryview(self._seal.encrypt(nonce, bytes_like(message), header[20:]))
        return header[:4] + bytes(sealed[-TAG_SIZE:]) + header[20:], sealed[:-TAG_SIZE]

    def unseal(self, view: memoryview, begin: int, end: int) -> bytes:
        """The message in `view[begin:end]`, a whole transform; the 16 bytes behind it are used and restored.

        Raises ProtocolFailure when the tag is wrong or the header states another size.
        """
        if end - begin < TRANSFORM_SIZE:
            raise ProtocolFailure("a transform shorter than its header")
        _, tag, nonce, size, _, flags, _ = TRANSFORM_HEADER.unpack_from(view, begin)
        if size != end - begin - TRANSFORM_SIZE or flags != ENCRYPTED:
            raise ProtocolFailure(f"a transform states {size} bytes and flags {flags}, and has {end - begin}")
        behind = bytes(view[end : end + TAG_SIZE])
        view[end : end + TAG_SIZE] = tag
        try:
            return self._unseal.decrypt(
                nonce[: self._nonce_size],
                bytes_like(view[begin + TRANSFORM_SIZE : end + TAG_SIZE]),
                bytes(view[begin + 20 : begin + TRANSFORM_SIZE]),
            )
        except InvalidTag:
            raise ProtocolFailure("an encrypted message has a wrong tag") from None
        finally:
            view[end : end + TAG_SIZE] = behind


@dataclass(slots=True)
class Protection:
    """What protects the messages of one session, and whether it is used."""

    signer: Signer | None = None
    sealer: Sealer | None = None
    sign: bool = False
    encrypt: bool = False


def session_signer(dialect: int, algorithm: int, session_key: bytes, preauth: bytes) -> Signer:
    """The signer of a session. Below 3.1.1 the dialect decides the algorithm (section 3.2.5.3)."""
    if dialect < SMB_3_0:
        return Signer(HMAC_SHA256, session_key)
    if dialect < SMB_3_1_1:
        return Signer(AES_CMAC, derive_key(session_key, b"SMB2AESCMAC\0", b"SmbSign\0"))
    return Signer(algorithm, derive_key(session_key, b"SMBSigningKey\0", preauth))


def session_sealer(dialect: int, cipher: int, session_key: bytes, preauth: bytes) -> Sealer:
    """The sealer of a session of a 3.x dialect (section 3.2.5.3)."""
    length = 32 if cipher in (AES_256_CCM, AES_256_GCM) else 16
    if dialect < SMB_3_1_1:
        keys = [derive_key(session_key, b"SMB2AESCCM\0", context) for context in (b"ServerIn \0", b"ServerOut\0")]
        return Sealer(AES_128_CCM, *keys)
    keys = [derive_key(session_key, label, preauth, length) for label in (b"SMBC2SCipherKey\0", b"SMBS2CCipherKey\0")]
    return Sealer(cipher, *keys)
