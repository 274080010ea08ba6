"""Message signatures: HMAC-SHA256, AES-CMAC, AES-GMAC ([MS-SMB2] 3.1.4.1)."""

import hmac
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

Buffer = bytes | bytearray | memoryview
Signer = Callable[[Sequence[Buffer], int, bool, bool], bytes]
"""(message in parts with a zero signature, message id, from the server, is a CANCEL) -> 16 bytes."""

# Above this, feeding AES-GCM part by part is cheaper than joining the parts for the one-shot call (transcript 0040).
_JOIN_BELOW: Final = 384 * 1024

_GMAC_NONCE: Final = Struct("<QI")


def hmac_sha256(key: bytes) -> Signer:
    """The signer of 2.0.2 and 2.1, and of 3.1.1 where it was chosen."""
    keyed = HMAC(key, SHA256())  # the standard library's costs twice as much for a short message

    def sign(parts: Sequence[Buffer], message_id: int, from_server: bool, is_cancel: bool) -> bytes:
        mac = keyed.copy()
        for part in parts:
            mac.update(part)
        return mac.finalize()[:16]

    return sign


def aes_cmac(key: bytes) -> Signer:
    """The signer of 3.0 and 3.0.2, and of 3.1.1 without a signing context."""
    keyed = CMAC(AES(key))

    def sign(parts: Sequence[Buffer], message_id: int, from_server: bool, is_cancel: bool) -> bytes:
        mac = keyed.copy()
        for part in parts:
            mac.update(part)  # type: ignore[arg-type]  # it takes any buffer; a copy would cost a twelfth of the MAC
        return mac.finalize()

    return sign


def aes_gmac(key: bytes) -> Signer:
    """AES-GMAC: GCM with everything as associated data; the nonce is made of the message id and two role bits."""
    cipher = AESGCM(key)
    algorithm = AES(key)

    def sign(parts: Sequence[Buffer], message_id: int, from_server: bool, is_cancel: bool) -> bytes:
        nonce = _GMAC_NONCE.pack(message_id, (1 if from_server else 0) | (2 if is_cancel else 0))
        if len(parts) == 1:
            return cipher.encrypt(nonce, b"", parts[0])
        size = 0
        for part in parts:
            size += len(part)
        if size < _JOIN_BELOW:
            return cipher.encrypt(nonce, b"", b"".join(parts))
        encryptor = Cipher(algorithm, GCM(nonce)).encryptor()
        for part in parts:
            encryptor.authenticate_additional_data(part)
        encryptor.finalize()
        return encryptor.tag

    return sign


def equal(one: Buffer, other: Buffer) -> bool:
    """Compare two signatures in constant time."""
    return hmac.compare_digest(one, other)
