"""A password change as samr carries it: proof of the old password, and the new one. [MS-SAMR] 3.1.5.10.3"""

import hmac
from typing import Final

from smbserver.auth.accounts import nt_hash
from smbserver.crypto.des import encrypt_hash
from smbserver.crypto.rc4 import RC4

ENCRYPTED_SIZE: Final = (
    516  # SAMPR_ENCRYPTED_USER_PASSWORD (2.2.6.21): 512 bytes, the password at their end, its length
)
HASH_SIZE: Final = 16
_BUFFER: Final = 512

_UNKEEPABLE: Final = frozenset("\0\r\n")  # a password is the rest of a line
MAX_PASSWORD: Final = 256  # characters: what the buffer holds


class WrongPassword(Exception):
    """The old password is not the one that was proven."""


class UnusablePassword(Exception):
    """The new password cannot be a password here."""


def open_change(stored_hash: bytes, encrypted: bytes, old_hash: bytes) -> str:
    """The new password in clear, once the client has shown that it knows the old one.

    Raises WrongPassword, also when the sizes are wrong, and UnusablePassword.
    """
    if len(encrypted) != ENCRYPTED_SIZE or len(old_hash) != HASH_SIZE:
        raise WrongPassword
    plain = RC4(stored_hash).update(encrypted)
    length = int.from_bytes(plain[_BUFFER:], "little")
    if length > _BUFFER or length % 2:
        raise WrongPassword  # deciphered with another hash, most likely
    password = plain[_BUFFER - length : _BUFFER].decode("utf-16-le", "surrogatepass")
    if not hmac.compare_digest(encrypt_hash(stored_hash, nt_hash(password)), old_hash):
        raise WrongPassword
    check_password(password)
    return password


def check_password(password: str) -> None:
    """Whether this can be kept in a password file. Raises UnusablePassword."""
    if not password or len(password) > MAX_PASSWORD or not _UNKEEPABLE.isdisjoint(password):
        raise UnusablePassword
    if any("\ud800" <= char <= "\udfff" for char in password):
        raise UnusablePassword  # half a character: it has no UTF-8
