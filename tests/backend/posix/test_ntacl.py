"""Samba's blobs: bytes that smbd wrote, their hashes made again, and anything else a disk can hold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.backend.posix import ntacl
from smbserver.errors import WireError
from smbserver.nt import sid
from smbserver.nt.descriptor import SE_DACL_PRESENT, Ace, Descriptor, build
from tests.nt.descriptors import descriptors

# Taken with getfattr from a file and a folder of a Samba 4.17.12 share (`vfs objects = acl_xattr`), both owned by
# root:root, after smbclient's `put` and `mkdir`; with their POSIX ACLs and st_mode.
POSIX_ACL = bytes.fromhex(
    "0200000001000700ffffffff020007000000000004000500ffffffff080005000000000010000700ffffffff20000500ffffffff"
)
FILE_BLOB = bytes.fromhex(
    "04000400000002000400020001004743f9387773365bd0f51f265cb3173ceac18b584f2debc2376fcc02192f5707"
    "0000000000000000000000000000000000000000000000000000000000000000706f7369785f61636c0008970e9a187add01"
    "5dd2b193e43b4dc35157ee98c7526c731dd3e007cf250e67358da2c7ca90748e"
    "0000000000000000000000000000000000000000000000000000000000000000"
    "01000480b4000000c400000000000000d4000000"
    "01020000000000160100000000000000010200000000001602000000000000000200"
    "4c000300000000001800ff011f00010200000000001601000000000000000000"
    "1800a90012000102000000000016020000000000000000001400a9001200010100000000000100000000"
)
FILE_MODE = 0o100775
FOLDER_HASH = "0da4270ae6b917c1692ed2e29bf473082239edf9883d68cb10aecc5e00e7ee07"
FOLDER_MODE = 0o040775
ROOT_USER, ROOT_GROUP = sid.unix_user(0), sid.unix_group(0)
FILE_DESCRIPTOR = Descriptor(
    SE_DACL_PRESENT,
    ROOT_USER,
    ROOT_GROUP,
    (Ace(0, 0, 0x1F01FF, ROOT_USER), Ace(0, 0, 0x1200A9, ROOT_GROUP), Ace(0, 0, 0x1200A9, sid.EVERYONE)),
)
ENTRIES = ntacl.posix_entries(POSIX_ACL)


def test_what_samba_wrote_for_a_file() -> None:
    stored = ntacl.decode(FILE_BLOB)
    assert stored.descriptor == FILE_DESCRIPTOR
    assert stored.hash == ntacl.permissions_hash(ENTRIES, None, 0, 0, FILE_MODE)


def test_the_hash_of_a_folder() -> None:
    assert ntacl.permissions_hash(ENTRIES, ENTRIES, 0, 0, FOLDER_MODE)[:32].hex() == FOLDER_HASH


def test_written_as_samba_does_but_for_the_time_and_the_first_hash() -> None:
    ours = ntacl.encode(FILE_DESCRIPTOR, ntacl.permissions_hash(ENTRIES, None, 0, 0, FILE_MODE))
    assert ours[:14] == FILE_BLOB[:14]
    assert ours[14:78] == bytes(64)
    assert ours[78:88] == FILE_BLOB[78:88]
    assert ours[88:96] == bytes(8)
    assert ours[96:] == FILE_BLOB[96:]


def test_each_permission_is_in_the_hash() -> None:
    minimal = ntacl.minimal_entries(0o640)
    hashes = {
        ntacl.permissions_hash(minimal, None, 1, 2, 0o100640),
        ntacl.permissions_hash(minimal, (), 1, 2, 0o100640),
        ntacl.permissions_hash(minimal, None, 2, 2, 0o100640),
        ntacl.permissions_hash(minimal, None, 1, 1, 0o100640),
        ntacl.permissions_hash(ntacl.minimal_entries(0o644), None, 1, 2, 0o100644),
        ntacl.permissions_hash(ENTRIES, None, 1, 2, 0o100640),
    }
    assert len(hashes) == 6


@given(descriptors(), st.binary(min_size=64, max_size=64))
def test_read_back(value: Descriptor, digest: bytes) -> None:
    assert ntacl.decode(ntacl.encode(value, digest)) == (value, digest)


def head(version: int) -> bytes:
    return bytes((version, 0, version, 0)) + bytes.fromhex("00000200")


def test_older_versions() -> None:
    """From the layout in xattr.idl. 1 and 2 have no hash, 3 has one that only Samba can make."""
    assert ntacl.decode(head(1) + build(FILE_DESCRIPTOR, start=8)) == (FILE_DESCRIPTOR, None)
    second = bytes.fromhex("04000200")
    assert ntacl.decode(head(2) + second + bytes(16) + build(FILE_DESCRIPTOR, start=28)) == (FILE_DESCRIPTOR, None)
    for digest, expected in ((bytes(64), None), (b"\1" * 64, b"")):
        third = head(3) + second + b"\1\0" + digest + bytes(2)
        assert ntacl.decode(third + build(FILE_DESCRIPTOR, start=80)) == (FILE_DESCRIPTOR, expected)


def test_an_unknown_hash_is_not_believed() -> None:
    blob = FILE_BLOB[:12] + b"\2" + FILE_BLOB[13:]
    assert ntacl.decode(blob).hash == b""


def test_a_description_of_any_length() -> None:
    for text in (b"", b"x", b"zfsacl"):
        start = FILE_BLOB[:78] + text + b"\0"
        start += bytes(-len(start) % 4) + bytes(8) + bytes(64)
        assert ntacl.decode(start + build(FILE_DESCRIPTOR, start=len(start))) == (FILE_DESCRIPTOR, bytes(64))


@settings(max_examples=300)
@given(st.binary(max_size=300) | st.integers(0, len(FILE_BLOB)).map(lambda length: FILE_BLOB[:length]))
def test_damage_is_told(blob: bytes) -> None:
    try:
        ntacl.decode(blob)
    except WireError:
        return


@given(st.data())
def test_one_changed_byte(data: st.DataObject) -> None:
    blob = bytearray(FILE_BLOB)
    blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    try:
        ntacl.decode(bytes(blob))
    except WireError:
        return


@pytest.mark.parametrize(
    "raw", ["", "02", "0300000001000700ffffffff", "0200000001000700ffffff", "0200000003000700ffffffff"]
)
def test_no_posix_acl(raw: str) -> None:
    with pytest.raises(WireError):
        ntacl.posix_entries(bytes.fromhex(raw))
