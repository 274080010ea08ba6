"""Signs and seals messages with the key of an NTLM login, extended session security ([MS-NLMP] 3.4.4.2, 3.4.5.2)."""

import hashlib
import hmac
from typing import Final

from smbserver.crypto.rc4 import RC4

_CLIENT_SIGNING: Final = b"session key to client-to-server signing key magic constant\0"
_SERVER_SIGNING: Final = b"session key to server-to-client signing key magic constant\0"
_CLIENT_SEALING: Final = b"session key to client-to-server sealing key magic constant\0"
_SERVER_SEALING: Final = b"session key to server-to-client sealing key magic constant\0"
_VERSION: Final = b"\x01\0\0\0"
_WEAK_KEY: Final = 7  # bytes of the key that count where 128 bits were not agreed upon


class _Direction:
    """The messages one way, in order."""

    def __init__(
        self, key: bytes, signing: bytes, sealing: bytes, strong: bool, key_exchange: bool, first: int
    ) -> None:
        self._sign_key = hashlib.md5(key + signing, usedforsecurity=False).digest()
        weak = key if strong else key[:_WEAK_KEY]
        self._stream = RC4(hashlib.md5(weak + sealing, usedforsecurity=False).digest())
        self._key_exchange = key_exchange
        self._sequence = first

    def crypt(self, data: bytes) -> bytes:
        return self._stream.update(data)

    def signature(self, message: bytes) -> bytes:
        sequence = self._sequence.to_bytes(4, "little")
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        checksum = hmac.digest(self._sign_key, sequence + message, "md5")[:8]
        if self._key_exchange:
            checksum = self._stream.update(checksum)
        return _VERSION + checksum + sequence


class MessageSecurity:
    """Both directions of one login. Every call goes on where the last one of its direction stopped; what is sealed is
    sealed before it is signed.
    """

    def __init__(self, session_key: bytes, strong: bool, key_exchange: bool, first: int = 0) -> None:
        """`strong`: 128 bits were agreed upon; `key_exchange`: the client chose the key; `first`: the number of the
        next message.
        """
        self._client = _Direction(session_key, _CLIENT_SIGNING, _CLIENT_SEALING, strong, key_exchange, first)
        self._server = _Direction(session_key, _SERVER_SIGNING, _SERVER_SEALING, strong, key_exchange, first)

    def sign(self, message: bytes) -> bytes:
        """The signature of our next message, 16 bytes."""
        return self._server.signature(message)

    def is_signature(self, message: bytes, signature: bytes) -> bool:
        """Whether that signature is right for the client's next message."""
        return hmac.compare_digest(self._client.signature(message), signature)

    def seal(self, data: bytes) -> bytes:
        """Encrypt the next bytes to the client."""
        return self._server.crypt(data)

    def unseal(self, data: bytes) -> bytes:
        """Decrypt the next bytes from the client."""
        return self._client.crypt(data)
