"""SMB 3 key derivation: SP800-108 in counter mode with HMAC-SHA256 ([MS-SMB2] 3.1.4.2)."""

import hmac
from typing import NamedTuple


def derive(key: bytes, label: bytes, context: bytes, length: int = 16) -> bytes:
    """`length` bytes (16 or 32) for a label and a context, both with their terminating zero where they have one."""
    message = b"\0\0\0\x01" + label + b"\0" + context + (8 * length).to_bytes(4, "big")
    return hmac.digest(key, message, "sha256")[:length]


class SessionKeys(NamedTuple):
    """The keys of one session on one connection; encryption keys are as the server uses them."""

    signing: bytes
    encryption: bytes
    decryption: bytes
    application: bytes


def keys_2x(session_key: bytes) -> SessionKeys:
    """2.0.2 and 2.1 sign with the session key itself and do not seal."""
    return SessionKeys(session_key, b"", b"", session_key)


def keys_300(session_key: bytes) -> SessionKeys:
    """3.0 and 3.0.2: constant contexts."""
    return SessionKeys(
        derive(session_key, b"SMB2AESCMAC\0", b"SmbSign\0"),
        derive(session_key, b"SMB2AESCCM\0", b"ServerOut\0"),
        derive(session_key, b"SMB2AESCCM\0", b"ServerIn \0"),
        derive(session_key, b"SMB2APP\0", b"SmbRpc\0"),
    )


def keys_311(session_key: bytes, preauth_hash: bytes, cipher_key_length: int) -> SessionKeys:
    """3.1.1: the context is the preauthentication hash; cipher keys are 16 or 32 bytes."""
    return SessionKeys(
        derive(session_key, b"SMBSigningKey\0", preauth_hash),
        derive(session_key, b"SMBS2CCipherKey\0", preauth_hash, cipher_key_length),
        derive(session_key, b"SMBC2SCipherKey\0", preauth_hash, cipher_key_length),
        derive(session_key, b"SMBAppKey\0", preauth_hash),
    )
