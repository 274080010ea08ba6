"""Access masks and generic rights."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.nt import access

GENERIC = access.GENERIC_READ | access.GENERIC_WRITE | access.GENERIC_EXECUTE | access.GENERIC_ALL


@pytest.mark.parametrize(
    ("generic", "rights"),
    [
        (access.GENERIC_READ, 0x00120089),
        (access.GENERIC_WRITE, 0x00120116),
        (access.GENERIC_EXECUTE, 0x001200A0),
        (access.GENERIC_ALL, 0x001F01FF),
        (access.GENERIC_READ | access.GENERIC_WRITE, 0x0012019F),
    ],
)
def test_generic_rights(generic: int, rights: int) -> None:
    """The well-known numbers of FILE_GENERIC_READ, _WRITE, _EXECUTE and FILE_ALL_ACCESS."""
    assert access.expand_generic(generic) == rights


def test_all_access_is_every_right_of_a_file_and_the_standard_ones() -> None:
    """[MS-SMB2] 2.2.13.1.1."""
    file_rights = (
        access.FILE_READ_DATA
        | access.FILE_WRITE_DATA
        | access.FILE_APPEND_DATA
        | access.FILE_READ_EA
        | access.FILE_WRITE_EA
        | access.FILE_EXECUTE
        | access.FILE_DELETE_CHILD
        | access.FILE_READ_ATTRIBUTES
        | access.FILE_WRITE_ATTRIBUTES
    )
    standard = access.DELETE | access.READ_CONTROL | access.WRITE_DAC | access.WRITE_OWNER | access.SYNCHRONIZE
    assert file_rights | standard == access.FILE_ALL_ACCESS


def test_names_of_directories_are_the_same_bits() -> None:
    """[MS-SMB2] 2.2.13.1.2."""
    assert access.FILE_LIST_DIRECTORY == access.FILE_READ_DATA
    assert access.FILE_ADD_FILE == access.FILE_WRITE_DATA
    assert access.FILE_ADD_SUBDIRECTORY == access.FILE_APPEND_DATA


def test_a_read_only_share_keeps_all_that_reads() -> None:
    assert not access.MODIFYING & (access.FILE_GENERIC_READ | access.FILE_GENERIC_EXECUTE)
    assert access.FILE_GENERIC_WRITE & ~access.MODIFYING == access.READ_CONTROL | access.SYNCHRONIZE


@settings(deadline=None)
@given(st.integers(0, 0xFFFFFFFF))
def test_expansion_leaves_no_generic_bit_and_takes_nothing_away(mask: int) -> None:
    expanded = access.expand_generic(mask)
    assert not expanded & GENERIC
    assert expanded & mask == mask & ~GENERIC
    assert access.expand_generic(expanded) == expanded
    if not mask & GENERIC:
        assert expanded == mask
    if not mask & ~access.VALID:
        assert not expanded & ~access.VALID
