"""File attributes, dispositions and options against the tables of [MS-FSCC] 2.6 and [MS-SMB2] 2.2.13, 2.2.14."""

from __future__ import annotations

from smbserver.nt import attributes

OPTIONS = {
    name: value
    for name, value in vars(attributes).items()
    if name.startswith("FILE_")
    and name
    not in ("FILE_SUPERSEDE", "FILE_OPEN", "FILE_CREATE", "FILE_OPEN_IF", "FILE_OVERWRITE", "FILE_OVERWRITE_IF")
}


def test_attribute_values() -> None:
    assert {
        "READONLY": attributes.READONLY,
        "HIDDEN": attributes.HIDDEN,
        "SYSTEM": attributes.SYSTEM,
        "DIRECTORY": attributes.DIRECTORY,
        "ARCHIVE": attributes.ARCHIVE,
        "NORMAL": attributes.NORMAL,
        "TEMPORARY": attributes.TEMPORARY,
        "SPARSE_FILE": attributes.SPARSE_FILE,
        "REPARSE_POINT": attributes.REPARSE_POINT,
        "COMPRESSED": attributes.COMPRESSED,
        "OFFLINE": attributes.OFFLINE,
        "NOT_CONTENT_INDEXED": attributes.NOT_CONTENT_INDEXED,
        "ENCRYPTED": attributes.ENCRYPTED,
    } == {
        "READONLY": 0x0001,
        "HIDDEN": 0x0002,
        "SYSTEM": 0x0004,
        "DIRECTORY": 0x0010,
        "ARCHIVE": 0x0020,
        "NORMAL": 0x0080,
        "TEMPORARY": 0x0100,
        "SPARSE_FILE": 0x0200,
        "REPARSE_POINT": 0x0400,
        "COMPRESSED": 0x0800,
        "OFFLINE": 0x1000,
        "NOT_CONTENT_INDEXED": 0x2000,
        "ENCRYPTED": 0x4000,
    }


def test_what_may_be_set_is_known_and_says_nothing_of_the_kind_of_file() -> None:
    assert not attributes.SETTABLE & ~attributes.KNOWN
    stored = attributes.DIRECTORY | attributes.SPARSE_FILE | attributes.REPARSE_POINT | attributes.NORMAL
    assert not attributes.SETTABLE & stored
    assert not attributes.KNOWN & 0x8  # was the volume label


def test_dispositions_and_actions_count_up() -> None:
    assert (
        attributes.FILE_SUPERSEDE,
        attributes.FILE_OPEN,
        attributes.FILE_CREATE,
        attributes.FILE_OPEN_IF,
        attributes.FILE_OVERWRITE,
        attributes.FILE_OVERWRITE_IF,
    ) == (0, 1, 2, 3, 4, 5)
    assert (attributes.SUPERSEDED, attributes.OPENED, attributes.CREATED, attributes.OVERWRITTEN) == (0, 1, 2, 3)


def test_every_option_is_one_bit_of_its_own() -> None:
    assert all(value.bit_count() == 1 for value in OPTIONS.values())
    assert len(set(OPTIONS.values())) == len(OPTIONS)
    assert not any(value & ~attributes.OPTIONS_KNOWN for value in OPTIONS.values())
    assert OPTIONS["FILE_DELETE_ON_CLOSE"] == 0x1000
    assert OPTIONS["FILE_OPEN_REPARSE_POINT"] == 0x200000


def test_mode_reports_what_the_specification_lists() -> None:
    """[MS-FSCC] 2.4.31: write-through, sequential, no buffering, both kinds of synchronous, delete on close."""
    assert attributes.MODE_OPTIONS == 0x0000103E
