"""File system information classes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.nt.metadata import VolumeSpace
from smbserver.wire import fs_info as wire
from tests.wire import captured
from tests.wire.checks import accepted, quick, tolerate, up_to
from tests.wire.strategies import TEXT, U32, U64, VOLUME_SPACES

Decode = Callable[[memoryview], object]


def test_captured() -> None:
    assert wire.decode_volume(memoryview(captured.FS_VOLUME)) == wire.Volume(0x01DD7A07A331C843, 0xEAD63C3D, "share")
    assert wire.volume(0x01DD7A07A331C843, 0xEAD63C3D, "share") == captured.FS_VOLUME
    # smbd counts units of two sectors of 512 bytes.
    assert wire.decode_size(memoryview(captured.FS_SIZE)) == wire.Sizes(0x0178A640, 0x013E6B00, 0x013E6B00, 2, 512)
    assert wire.size(VolumeSpace(1024, 0x0178A640, 0x013E6B00, 0)) == captured.FS_SIZE
    full = wire.Sizes(0x0178A640, 0x013E6974, 0x013E6974, 2, 512)
    assert wire.decode_full_size(memoryview(captured.FS_FULL_SIZE)) == full
    assert wire.full_size(VolumeSpace(1024, 0x0178A640, 0x013E6974, 0x013E6974)) == captured.FS_FULL_SIZE
    assert wire.decode_device(memoryview(captured.FS_DEVICE)) == wire.Device(wire.FILE_DEVICE_DISK, 0x20)
    flags = (
        wire.FILE_CASE_SENSITIVE_SEARCH
        | wire.FILE_CASE_PRESERVED_NAMES
        | wire.FILE_UNICODE_ON_DISK
        | wire.FILE_PERSISTENT_ACLS
        | wire.FILE_VOLUME_QUOTAS
        | wire.FILE_SUPPORTS_SPARSE_FILES
        | wire.FILE_SUPPORTS_OBJECT_IDS
    )
    assert wire.decode_attribute(memoryview(captured.FS_ATTRIBUTE)) == wire.Attribute(flags, 255, "NTFS")
    assert wire.attribute(flags, 255, "NTFS") == captured.FS_ATTRIBUTE
    assert wire.decode_sector_size(memoryview(captured.FS_SECTOR_SIZE)) == (512, 512, 512, 512, 3, 0, 0)


def test_device_says_disk_and_remote() -> None:
    """[MS-FSCC] 2.5.10."""
    assert wire.device() == bytes.fromhex("07000000 10000000")
    assert wire.decode_device(memoryview(wire.device())) == wire.Device(wire.FILE_DEVICE_DISK, wire.FILE_REMOTE_DEVICE)


@pytest.mark.parametrize(("unit", "physical"), [(512, 512), (4096, 4096), (65536, 4096), (1, 512)])
def test_sector_size_is_plausible(unit: int, physical: int) -> None:
    decoded = wire.decode_sector_size(memoryview(wire.sector_size(VolumeSpace(unit, 1, 1, 1), trim=False)))
    assert decoded == wire.SectorSize(512, physical, physical, physical, 3, 0, 0)


@pytest.mark.parametrize(
    ("decode", "data", "first"),
    [
        (wire.decode_volume, captured.FS_VOLUME, 28),
        (wire.decode_size, captured.FS_SIZE, 24),
        (wire.decode_full_size, captured.FS_FULL_SIZE, 32),
        (wire.decode_device, captured.FS_DEVICE, 8),
        (wire.decode_attribute, captured.FS_ATTRIBUTE, 20),
        (wire.decode_sector_size, captured.FS_SECTOR_SIZE, 28),
    ],
)
def test_prefixes(decode: Decode, data: bytes, first: int) -> None:
    whole = memoryview(data + b"\0\0")  # more than the structure is nobody's harm
    assert accepted(decode, whole) == up_to(first, whole)


@pytest.mark.parametrize(
    ("decode", "data", "place"),
    [(wire.decode_volume, captured.FS_VOLUME, 12), (wire.decode_attribute, captured.FS_ATTRIBUTE, 8)],
)
@pytest.mark.parametrize("length", [1, 12, 0x7FFFFFFE, 0xFFFFFFFE])
def test_lengths_that_lie_are_refused(decode: Decode, data: bytes, place: int, length: int) -> None:
    with pytest.raises(WireError):
        decode(memoryview(data[:place] + length.to_bytes(4, "little") + data[place + 4 :]))


def test_fixed_sizes_are_not_above_what_is_sent() -> None:
    """A client that asks for the fixed part alone must not be refused for its size ([MS-SMB2] 3.3.5.20.2)."""
    space = VolumeSpace(4096, 1, 1, 1)
    assert wire.FIXED_SIZE[wire.SIZE] == len(wire.size(space))
    assert wire.FIXED_SIZE[wire.FULL_SIZE] == len(wire.full_size(space))
    assert wire.FIXED_SIZE[wire.DEVICE] == len(wire.device())
    assert wire.FIXED_SIZE[wire.SECTOR_SIZE] == len(wire.sector_size(space, trim=True))


@quick
@given(VOLUME_SPACES)
def test_sizes_round_trip(space: VolumeSpace) -> None:
    sizes = wire.decode_size(memoryview(wire.size(space)))
    assert (sizes.total_units, sizes.caller_available_units) == (space.total_units, space.available_units)
    assert sizes.sectors_per_unit * sizes.bytes_per_sector == space.unit
    full = wire.decode_full_size(memoryview(wire.full_size(space)))
    assert full[:3] == (space.total_units, space.available_units, space.free_units)
    assert full[3:] == sizes[3:]


@quick
@given(U64, U32, TEXT)
def test_names_round_trip(number: int, small: int, name: str) -> None:
    assert wire.decode_volume(memoryview(wire.volume(number, small, name))) == (number, small, name)
    assert wire.decode_attribute(memoryview(wire.attribute(small, 255, name))) == (small, 255, name)


@quick
@given(st.binary(max_size=60))
def test_rubbish(junk: bytes) -> None:
    for decode in (
        wire.decode_volume,
        wire.decode_size,
        wire.decode_full_size,
        wire.decode_device,
        wire.decode_attribute,
        wire.decode_sector_size,
    ):
        tolerate(decode, memoryview(junk))
