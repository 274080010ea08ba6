"""The stored attributes: bytes that Samba wrote, bytes that Samba read, and anything a disk can hold."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.backend.posix import dos_attributes
from smbserver.backend.posix.dos_attributes import NONE, DosAttributes, decode, encode, load, store
from smbserver.nt.filetime import MAXIMUM

# Taken with getfattr from files of a Samba 4.17.12 share (`store dos attributes = yes`) after smbclient's `put`,
# `setmode` and `utimes`; the creation times are those that `allinfo` showed.
BY_SAMBA = [
    ("0000050005000000110000002200000050d0e59c087add01", 0x22, 134397741301616720),
    ("0000050005000000110000001700000027b1e69c087add01", 0x17, 134397741301674279),
    ("000005000500000011000000200000003cefe69c087add01", 0x20, 134397741301690172),
    ("000005000500000011000000240000000005b57d968dc001", 0x24, 126256467060000000),  # 2001-02-03 04:05:06
]


@pytest.mark.parametrize(("blob", "attributes", "created"), BY_SAMBA)
def test_what_samba_wrote(blob: str, attributes: int, created: int) -> None:
    assert decode(bytes.fromhex(blob)) == DosAttributes(attributes, created)
    assert encode(attributes, created).hex() == blob


def test_what_samba_read() -> None:
    """Samba showed this value as HSA, created 2019-04-17 18:40:00 UTC; its `setmode +r -h` then wrote the second."""
    assert encode(0x26, 132000000001234567).hex() == "0000050005000000110000002600000087d66cf64cf5d401"
    rewritten = bytes.fromhex("0000050005000000110000002500000087d66cf64cf5d401")
    assert decode(rewritten) == DosAttributes(0x25, 132000000001234567)


def test_older_versions() -> None:
    """Version 4 as published in getfattr listings of Samba shares; version 3 from the layout."""
    version_4 = bytes.fromhex("00000400040000005100000020000000b7daca9e2e9db501b7daca9e2e9db501")
    assert decode(version_4) == DosAttributes(0x20, 0x01B59D2E9ECADAB7)
    version_3 = bytes.fromhex("0000030003000000110000000200000000000000") + bytes(16) + (7).to_bytes(8, "little")
    assert decode(version_3 + bytes(8)) == DosAttributes(2, 7)


@pytest.mark.parametrize(
    ("blob", "expected"),
    [
        (b"", NONE),
        (b"0x20\0", DosAttributes(0x20, None)),
        (b"0x26", DosAttributes(0x26, None)),
        (b"0x", NONE),
        (b"0x2g", NONE),
        (b"0x123456789", NONE),
        (bytes.fromhex("0000020002000000ffffffff22000000"), DosAttributes(0x22, None)),
        (bytes.fromhex("000001000100000022000000") + bytes(20) + (7).to_bytes(16, "little"), DosAttributes(0x22, 7)),
        (bytes(300), NONE),
        (bytes.fromhex("000005000500000000000000220000000100000000000000"), DosAttributes(None, None)),
        (bytes.fromhex("000005000500000001000000220000000100000000000000"), DosAttributes(0x22, None)),
        (bytes.fromhex("000005000500000010000000220000000100000000000000"), DosAttributes(None, 1)),
        (bytes.fromhex("00000500050000001100000022000000ffffffffffffffff"), DosAttributes(0x22, None)),
        (bytes.fromhex("000005000400000011000000220000000100000000000000"), NONE),
        (bytes.fromhex("000009000900000011000000220000000100000000000000"), NONE),
        (bytes.fromhex("0000050005000000110000002200000001000000000000"), NONE),
    ],
)
def test_incomplete_and_foreign(blob: bytes, expected: DosAttributes) -> None:
    assert decode(blob) == expected


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.binary(max_size=60).map(lambda tail: bytes.fromhex("00000500") + tail)))
def test_hostile_blobs_never_raise(blob: bytes) -> None:
    attributes, created, _ = decode(blob)
    assert attributes is None or 0 <= attributes < 1 << 32
    assert created is None or 0 < created <= MAXIMUM


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 0xFFFFFFFF), st.integers(1, MAXIMUM))
def test_round_trip(attributes: int, created: int) -> None:
    assert decode(encode(attributes, created)) == DosAttributes(attributes, created)


def test_on_a_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.touch()
    assert load(str(path)) == NONE
    try:
        store(str(path), 2, 3)
    except OSError:
        pytest.skip("no user attributes on this file system")
    assert load(str(path)) == DosAttributes(2, 3)
    assert len(os.getxattr(path, dos_attributes.XATTR)) == 24
    os.setxattr(path, dos_attributes.XATTR, bytes(1000))
    assert load(str(path)) == NONE


def test_links_are_not_followed_when_told(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    (tmp_path / "l").symlink_to("f")
    try:
        store(str(tmp_path / "f"), 2, 3)
    except OSError:
        pytest.skip("no user attributes on this file system")
    assert load(str(tmp_path / "l"), follow=False) == NONE


@pytest.mark.parametrize("code", [errno.ENODATA, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES, errno.ENOENT])
def test_no_attributes_is_no_error(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "getxattr", fail)
    assert load("/x") == NONE


def test_a_broken_disk_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise OSError(errno.EIO, "I/O")

    monkeypatch.setattr(os, "getxattr", fail)
    with pytest.raises(OSError):
        load("/x")
