"""DES: vectors of others, and the hash under a hash."""

from __future__ import annotations

import pytest

from smbserver.crypto.des import encrypt_block, encrypt_hash


@pytest.mark.parametrize(
    ("block", "key", "expected"),
    [
        # [MS-NLMP] 4.2.2.2.1: "KGS!@#$%" under the two halves of "PASSWORD", the LM hash
        (b"KGS!@#$%", b"PASSWOR", "e52cac67419a9a22"),
        (b"KGS!@#$%", b"D" + bytes(6), "4a3b108f3fa6cb6d"),
    ],
)
def test_blocks(block: bytes, key: bytes, expected: str) -> None:
    assert encrypt_block(block, key).hex() == expected


def test_a_hash_is_two_blocks_under_two_keys() -> None:
    value, key = bytes(range(16)), bytes(range(100, 116))
    assert encrypt_hash(value, key) == encrypt_block(value[:8], key[:7]) + encrypt_block(value[8:], key[7:14])
