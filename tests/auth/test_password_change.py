"""The bytes of a password change, made as a client makes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.auth.accounts import nt_hash
from smbserver.auth.password_change import UnusablePassword, WrongPassword, open_change
from smbserver.crypto.des import encrypt_hash
from smbserver.crypto.rc4 import RC4


def change(old: str, new: str, *, length: int | None = None) -> tuple[bytes, bytes]:
    """What a client sends ([MS-SAMR] 2.2.6.21, 2.2.7.3); `length` is a lie about the new password's."""
    encoded = new.encode("utf-16-le", "surrogatepass")
    buffer = encoded.rjust(512, b"\xa5") + (len(encoded) if length is None else length).to_bytes(4, "little")
    return RC4(nt_hash(old)).update(buffer), encrypt_hash(nt_hash(old), nt_hash(new))


PASSWORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1, max_size=128)


@given(PASSWORDS, PASSWORDS)
def test_who_knows_the_old_password_can_say_the_new_one(old: str, new: str) -> None:
    assert open_change(nt_hash(old), *change(old, new)) == new


@given(PASSWORDS, PASSWORDS, PASSWORDS)
def test_who_does_not_know_it_cannot(stored: str, old: str, new: str) -> None:
    if stored != old:
        with pytest.raises(WrongPassword):
            open_change(nt_hash(stored), *change(old, new))


@given(st.binary(min_size=516, max_size=516), st.binary(min_size=16, max_size=16))
def test_random_bytes(encrypted: bytes, old_hash: bytes) -> None:
    with pytest.raises(WrongPassword):
        open_change(nt_hash("old"), encrypted, old_hash)


@pytest.mark.parametrize("length", [1, 513, 514, 600, 0xFFFFFFFF])
def test_a_length_that_lies(length: int) -> None:
    with pytest.raises(WrongPassword):
        open_change(nt_hash("old"), *change("old", "new", length=length))


@pytest.mark.parametrize("sizes", [(515, 16), (517, 16), (516, 15), (0, 0)])
def test_wrong_sizes(sizes: tuple[int, int]) -> None:
    with pytest.raises(WrongPassword):
        open_change(nt_hash("old"), bytes(sizes[0]), bytes(sizes[1]))


@pytest.mark.parametrize("new", ["", "a\nmallory:x", "a\r", "a\0b", "a\ud800"])
def test_what_cannot_stand_in_a_line(new: str) -> None:
    with pytest.raises(UnusablePassword):
        open_change(nt_hash("old"), *change("old", new))
