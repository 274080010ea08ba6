"""File information classes, as read and as set."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.nt.metadata import Metadata
from smbserver.wire import file_info as wire
from smbserver.wire import query_info
from tests.records import varied
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damaged, damages, linked, message, quick, tolerate, up_to
from tests.wire.strategies import BASIC_CHANGES, METADATA, OPEN_VIEWS, RENAMES, STREAMS, U32

Decode = Callable[[memoryview], object]

ALL_DATA = captured.QUERY_INFO_ALL_RESPONSE[8:]  # of the file "hello.txt"
META = Metadata(1, 2, 3, 4, 0x1000, 7, 0x20, 3, 9, False)
VIEW = wire.OpenView("dir\\file", 0x120089, 0x20, 5, False, short_name="file")
# [MS-FSCC] 2.4.49: NextEntryOffset, StreamNameLength, sizes, name. The first is padded from 24 + 14 to 40.
STREAM_LIST = bytes.fromhex(
    "28000000 0e000000 0600000000000000 0010000000000000 3a003a00240044004100540041000000"
    "00000000 10000000 0100000000000000 0010000000000000 3a0078003a0024004400410054004100"
)


def test_captured_basic_standard_network_open() -> None:
    basic = wire.decode_basic(memoryview(captured.FILE_BASIC))
    assert basic.attributes == 0x80
    assert wire.encode_basic(basic) == captured.FILE_BASIC
    standard = wire.decode_standard(memoryview(captured.FILE_STANDARD))
    assert standard == wire.Standard(0x1000, 7, 1, False, False)
    opened = wire.decode_network_open(memoryview(captured.FILE_NETWORK_OPEN))
    assert opened == wire.NetworkOpen(*basic[:4], 0x1000, 7, 0x80)
    meta = Metadata(*basic[:4], 0x1000, 7, 0x80, 1, 0, False)
    assert wire.basic(meta) == captured.FILE_BASIC
    assert wire.standard(meta, VIEW) == captured.FILE_STANDARD
    assert wire.network_open(meta) == captured.FILE_NETWORK_OPEN
    assert wire.decode_compression(memoryview(captured.FILE_COMPRESSION)) == wire.Compression(7, 0, 0, 0, 0)
    assert wire.encode(wire.COMPRESSION, meta, VIEW) == captured.FILE_COMPRESSION
    assert wire.decode_attribute_tag(memoryview(captured.FILE_ATTRIBUTE_TAG)) == wire.AttributeTag(0x80, 0)
    assert wire.encode(wire.ATTRIBUTE_TAG, meta, VIEW) == captured.FILE_ATTRIBUTE_TAG


def test_captured_all() -> None:
    """Our FileAllInformation of the same file is the same byte for byte."""
    data = query_info.decode_response(message(captured.QUERY_INFO_ALL_RESPONSE))
    whole = wire.decode_all(data)
    assert (whole.name, whole.index_number, whole.access_flags) == ("\\hello.txt", 0x12816E, 0x120089)
    assert whole.standard == wire.Standard(0x1000, 6, 1, False, False)
    meta = Metadata(*whole.basic[:4], 0x1000, 6, 0x80, 1, 0x12816E, False)
    view = wire.OpenView("hello.txt", whole.access_flags, whole.mode, whole.position, False)
    assert wire.all_information(meta, view) == data


def test_captured_streams() -> None:
    assert wire.decode_streams(memoryview(captured.FILE_STREAM)) == (wire.Stream("::$DATA", 6, 0x1000),)
    assert wire.stream_information(varied(META, end_of_file=6)) == captured.FILE_STREAM
    assert wire.stream_information(varied(META, is_directory=True)) == b""


def test_a_list_of_streams() -> None:
    streams = (wire.Stream("::$DATA", 6, 0x1000), wire.Stream(":x:$DATA", 1, 0x1000))
    assert wire.encode_streams(streams) == STREAM_LIST
    assert wire.decode_streams(memoryview(STREAM_LIST)) == streams


def test_a_file_that_is_going_has_one_link_less() -> None:
    going = wire.OpenView(VIEW.name, VIEW.granted_access, VIEW.mode, VIEW.position, True)
    assert wire.decode_standard(memoryview(wire.standard(META, going))) == wire.Standard(0x1000, 7, 2, True, False)
    none = wire.decode_standard(memoryview(wire.standard(varied(META, number_of_links=0), going)))
    assert none.number_of_links == 0


@pytest.mark.parametrize("info_class", sorted(wire.FIXED_SIZE))
def test_every_class_is_answered_and_not_shorter_than_its_fixed_part(info_class: int) -> None:
    data = wire.encode(info_class, META, VIEW)
    assert data is not None
    assert len(data) >= wire.FIXED_SIZE[info_class]
    assert wire.encode(200, META, VIEW) is None


@pytest.mark.parametrize(
    ("info_class", "expected"),
    [
        (wire.INTERNAL, "0900000000000000"),
        (wire.EA, "00000000"),
        (wire.ACCESS, "89001200"),
        (wire.POSITION, "0500000000000000"),
        (wire.MODE, "20000000"),
        (wire.ALIGNMENT, "00000000"),
        (wire.NAME, "12000000 5c00 640069007200 5c00 660069006c006500"),
        (wire.NORMALIZED_NAME, "10000000 640069007200 5c00 660069006c006500"),
    ],
)
def test_small_classes(info_class: int, expected: str) -> None:
    assert wire.encode(info_class, META, VIEW) == bytes.fromhex(expected)


def test_name_is_read_back() -> None:
    assert wire.decode_name(memoryview(wire.name_information("dir\\file"))) == "dir\\file"


def test_rename_golden() -> None:
    """[MS-FSCC] 2.4.42.2: ReplaceIfExists, 7 reserved, RootDirectory, FileNameLength, FileName; at least 24 bytes."""
    target = wire.RenameTarget(True, 0, "a")
    assert wire.encode_rename(target) == bytes.fromhex("01 00000000000000 0000000000000000 02000000 6100 0000")
    assert wire.decode_rename(memoryview(wire.encode_rename(target))) == target


@pytest.mark.parametrize(
    "tail",
    ["00000000 6100", "04000000 6100", "01000000 61", "ffffffff 6100", "", "020000"],
    ids=lambda tail: tail or "-",
)
def test_rename_lengths_that_lie_are_refused(tail: str) -> None:
    with pytest.raises(WireError):
        wire.decode_rename(memoryview(bytes(16) + bytes.fromhex(tail)))


@pytest.mark.parametrize("place", [0, 8, 16, 24])
def test_times_below_minus_two_are_refused(place: int) -> None:
    for value, taken in ((-1, True), (-2, True), (-3, False), (-(2**63), False)):
        data = memoryview(bytes(place) + value.to_bytes(8, "little", signed=True) + bytes(32 - place))
        if taken:
            assert value in wire.decode_basic(data)
        else:
            with pytest.raises(WireError):
                wire.decode_basic(data)


@pytest.mark.parametrize(
    ("decode", "data", "first"),
    [
        (wire.decode_basic, captured.FILE_BASIC, 40),
        (wire.decode_standard, captured.FILE_STANDARD, 24),
        (wire.decode_network_open, captured.FILE_NETWORK_OPEN, 56),
        (wire.decode_compression, captured.FILE_COMPRESSION, 16),
        (wire.decode_attribute_tag, captured.FILE_ATTRIBUTE_TAG, 8),
        (wire.decode_all, ALL_DATA, 120),
        (wire.decode_rename, bytes(16) + b"\x02\0\0\0a\0", 22),
        (wire.decode_name, b"\x02\0\0\0a\0", 6),
        (wire.decode_u8, b"\1", 1),
        (wire.decode_u32, bytes(4), 4),
        (wire.decode_u64, bytes(8), 8),
    ],
)
def test_prefixes(decode: Decode, data: bytes, first: int) -> None:
    whole = memoryview(data + b"\0")  # more than the structure is nobody's harm
    assert accepted(decode, whole) == up_to(first, whole)


def test_prefixes_of_a_list() -> None:
    whole = memoryview(wire.encode_streams((wire.Stream(":a", 1, 2), wire.Stream(":b", 3, 4))))
    assert accepted(wire.decode_streams, whole) == [0, len(whole)]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(linked((24, bytes(20))), id="next at the end"),
        pytest.param(linked((16, bytes(44))), id="next in its own entry"),
        pytest.param(linked((28, bytes(44))), id="next unaligned"),
        pytest.param(linked((24, b"\x02\0\0\0" + bytes(16)), (0, bytes(20))), id="name in the next"),
        pytest.param(linked((0, b"\xff\xff\xff\xff" + bytes(16))), id="name of 4 GiB"),
    ],
)
def test_stream_lists_that_lie_are_refused(data: memoryview) -> None:
    with pytest.raises(WireError):
        wire.decode_streams(data)


@quick
@given(METADATA, OPEN_VIEWS)
def test_all_round_trip(meta: Metadata, view: wire.OpenView) -> None:
    whole = wire.decode_all(memoryview(wire.all_information(meta, view)))
    assert whole.basic == (*meta.times, meta.attributes)
    links = meta.number_of_links - view.delete_pending
    assert whole.standard == (meta.allocation_size, meta.end_of_file, links, view.delete_pending, meta.is_directory)
    parts = (
        wire.basic(meta),
        wire.standard(meta, view),
        *(wire.encode(each, meta, view) or b"" for each in (wire.INTERNAL, wire.EA, wire.ACCESS, wire.POSITION)),
        *(wire.encode(each, meta, view) or b"" for each in (wire.MODE, wire.ALIGNMENT, wire.NAME)),
    )
    assert wire.all_information(meta, view) == b"".join(parts)
    assert whole[2:] == (meta.file_id, view.ea_size, view.granted_access, view.position, view.mode, 0, "\\" + view.name)


@quick
@given(METADATA)
def test_network_open_round_trip(meta: Metadata) -> None:
    assert wire.decode_network_open(memoryview(wire.network_open(meta))) == (
        *meta.times,
        meta.allocation_size,
        meta.end_of_file,
        meta.attributes,
    )


@quick
@given(BASIC_CHANGES)
def test_basic_round_trip(change: wire.BasicChange) -> None:
    assert wire.decode_basic(memoryview(wire.encode_basic(change))) == change


@quick
@given(RENAMES)
def test_rename_round_trip(target: wire.RenameTarget) -> None:
    assert wire.decode_rename(memoryview(wire.encode_rename(target))) == target


@quick
@given(RENAMES, U32)
def test_rename_ex_round_trip(target: wire.RenameTarget, flags: int) -> None:
    target = target._replace(flags=flags, replace_if_exists=flags & wire.RENAME_REPLACE_IF_EXISTS != 0)
    assert wire.decode_rename_ex(memoryview(wire.encode_rename_ex(target))) == target


@quick
@given(STREAMS)
def test_streams_round_trip(streams: tuple[wire.Stream, ...]) -> None:
    assert wire.decode_streams(memoryview(wire.encode_streams(streams))) == streams


@quick
@given(damages(), st.binary(max_size=130))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    for decode in (
        wire.decode_basic,
        wire.decode_standard,
        wire.decode_network_open,
        wire.decode_all,
        wire.decode_name,
        wire.decode_rename,
        wire.decode_streams,
        wire.decode_compression,
        wire.decode_attribute_tag,
    ):
        tolerate(decode, memoryview(junk))
        tolerate(decode, damaged(memoryview(ALL_DATA), damage, 0))
    tolerate(wire.decode_streams, damaged(memoryview(STREAM_LIST), damage, 0))
