"""The descriptor made of a mode, read back by a reader written from [MS-DTYP] 2.4 alone."""

from __future__ import annotations

from struct import unpack_from
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.nt import access, descriptor, security, sid
from smbserver.nt.descriptor import build

ID = st.integers(0, 0xFFFFFFFF)
MODE = st.integers(0, 0o7777)


class Ace(NamedTuple):
    """An entry of an ACL: what is allowed to whom."""

    kind: int
    flags: int
    mask: int
    sid: str


class Descriptor(NamedTuple):
    """A descriptor as its reader sees it; an absent part is None."""

    control: int
    owner: str | None
    group: str | None
    dacl: list[Ace] | None
    size: int


def read_sid(data: bytes, at: int) -> tuple[str, int]:
    """The SID at `at` in its S-1-... form, and its length in bytes (2.4.2.2, 2.4.2.1)."""
    revision, count = data[at], data[at + 1]
    assert (revision, count <= 15) == (1, True)
    authority = int.from_bytes(data[at + 2 : at + 8], "big")
    parts = unpack_from(f"<{count}I", data, at + 8)
    return "-".join(map(str, ("S", 1, authority, *parts))), 8 + 4 * count


def read_dacl(data: bytes, at: int) -> tuple[list[Ace], int]:
    """The ACL at `at` and its length (2.4.5, 2.4.4.2)."""
    revision, zero, size, count, zeros = unpack_from("<BBHHH", data, at)
    assert (revision, zero, zeros) == (2, 0, 0)
    aces = []
    place = at + 8
    for _ in range(count):
        kind, flags, length, mask = unpack_from("<BBHI", data, place)
        sid, sid_length = read_sid(data, place + 8)
        assert length == 8 + sid_length
        assert length % 4 == 0
        aces.append(Ace(kind, flags, mask, sid))
        place += length
    assert place == at + size
    return aces, size


def read_descriptor(data: bytes) -> Descriptor:
    """A self-relative descriptor whose parts lie behind each other without gaps (2.4.6)."""
    revision, zero, control, owner_at, group_at, sacl_at, dacl_at = unpack_from("<BBHIIII", data)
    assert (revision, zero, sacl_at) == (1, 0, 0)
    owner = group = dacl = None
    end = 20
    if owner_at:
        assert owner_at == end
        owner, size = read_sid(data, owner_at)
        end += size
    if group_at:
        assert group_at == end
        group, size = read_sid(data, group_at)
        end += size
    if dacl_at:
        assert dacl_at == end
        dacl, size = read_dacl(data, dacl_at)
        end += size
    assert end == len(data)
    return Descriptor(control, owner, group, dacl, end)


def bytes_of(uid: int, gid: int, mode: int) -> bytes:
    """The synthesized descriptor of a file, as it goes to a client."""
    return build(security.descriptor_from_mode(sid.unix_user(uid), sid.unix_group(gid), mode))


def test_sid_golden() -> None:
    """2.4.2.2: S-1-5-32-544, and the well-known Everyone."""
    assert sid.sid(5, 32, 544) == bytes.fromhex("01 02 000000000005 20000000 20020000")
    assert bytes.fromhex("01 01 000000000001 00000000") == sid.EVERYONE
    assert read_sid(sid.unix_user(1000), 0) == ("S-1-22-1-1000", 16)
    assert read_sid(sid.unix_group(100), 0) == ("S-1-22-2-100", 16)


def test_descriptor_golden() -> None:
    """Owner only: revision 1, control SELF_RELATIVE, owner at 20."""
    assert build(descriptor.Descriptor(0, sid.unix_user(1000), None, None)) == bytes.fromhex(
        "01 00 0080 14000000 00000000 00000000 00000000 01 02 000000000016 01000000 e8030000"
    )


def test_a_usual_file() -> None:
    read = read_descriptor(bytes_of(1000, 100, 0o640))
    assert (read.owner, read.group) == ("S-1-22-1-1000", "S-1-22-2-100")
    assert read.dacl is not None
    assert [ace.sid for ace in read.dacl] == ["S-1-22-1-1000", "S-1-22-2-100", "S-1-1-0"]
    owner, group, others = (ace.mask for ace in read.dacl)
    assert owner & access.FILE_GENERIC_READ == access.FILE_GENERIC_READ
    assert owner & access.FILE_GENERIC_WRITE == access.FILE_GENERIC_WRITE
    assert owner & (access.WRITE_DAC | access.WRITE_OWNER) == access.WRITE_DAC | access.WRITE_OWNER
    assert group == access.FILE_GENERIC_READ
    assert not others & (access.FILE_READ_DATA | access.MODIFYING)


@settings(deadline=None)
@given(ID, ID, MODE)
def test_every_descriptor_is_read_back(uid: int, gid: int, mode: int) -> None:
    read = read_descriptor(bytes_of(uid, gid, mode))
    assert read.owner == f"S-1-22-1-{uid}"
    assert read.group == f"S-1-22-2-{gid}"
    assert read.dacl is not None
    assert read.control == 0x8004  # SELF_RELATIVE, DACL_PRESENT


@settings(deadline=None)
@given(ID, ID, MODE)
def test_the_dacl_says_what_the_mode_says(uid: int, gid: int, mode: int) -> None:
    read = read_descriptor(bytes_of(uid, gid, mode))
    assert read.dacl is not None
    for ace, bits in zip(read.dacl, (mode >> 6 & 7, mode >> 3 & 7, mode & 7), strict=True):
        assert (ace.kind, ace.flags) == (0, 0)  # ACCESS_ALLOWED, not inherited
        assert not ace.mask & ~access.FILE_ALL_ACCESS
        assert bool(ace.mask & access.FILE_READ_DATA) == bool(bits & 4)
        assert bool(ace.mask & access.FILE_WRITE_DATA) == bool(bits & 2)
        assert bool(ace.mask & access.FILE_APPEND_DATA) == bool(bits & 2)
        assert bool(ace.mask & access.FILE_EXECUTE) == bool(bits & 1)


@pytest.mark.parametrize("bits", range(8))
def test_the_owner_never_has_less_than_others(bits: int) -> None:
    theirs = security.rights_of_mode(bits, is_owner=False)
    assert security.rights_of_mode(bits, is_owner=True) & theirs == theirs
    assert theirs & (access.WRITE_DAC | access.WRITE_OWNER) == 0
