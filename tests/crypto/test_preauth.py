"""The preauthentication hash; over real messages it is in tests/auth/test_windows_login.py."""

import hashlib

from smbserver.crypto import preauth


def test_it_begins_with_zeros_and_chains() -> None:
    first = hashlib.sha512(bytes(64) + b"one").digest()
    assert preauth.extend(preauth.EMPTY, [b"one"]) == first
    assert preauth.extend(first, [b"two"]) == hashlib.sha512(first + b"two").digest()


def test_parts_are_one_message() -> None:
    message = bytes(range(200))
    parts: list[bytes | bytearray | memoryview] = [message[:64], bytearray(message[64:70]), memoryview(message)[70:]]
    assert preauth.extend(bytes(64), parts) == hashlib.sha512(bytes(64) + message).digest()
