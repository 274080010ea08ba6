"""File system information classes ([MS-FSCC] 2.5)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.nt.metadata import VolumeSpace
from smbserver.wire.bounds import counted_text

VOLUME: Final = 1
SIZE: Final = 3
DEVICE: Final = 4
ATTRIBUTE: Final = 5
CONTROL: Final = 6
FULL_SIZE: Final = 7
OBJECT_ID: Final = 8
SECTOR_SIZE: Final = 11

FILE_CASE_SENSITIVE_SEARCH: Final = 0x00000001
FILE_CASE_PRESERVED_NAMES: Final = 0x00000002
FILE_UNICODE_ON_DISK: Final = 0x00000004
FILE_PERSISTENT_ACLS: Final = 0x00000008
FILE_FILE_COMPRESSION: Final = 0x00000010
FILE_VOLUME_QUOTAS: Final = 0x00000020
FILE_SUPPORTS_SPARSE_FILES: Final = 0x00000040
FILE_SUPPORTS_REPARSE_POINTS: Final = 0x00000080
FILE_SUPPORTS_REMOTE_STORAGE: Final = 0x00000100
FILE_VOLUME_IS_COMPRESSED: Final = 0x00008000
FILE_SUPPORTS_OBJECT_IDS: Final = 0x00010000
FILE_SUPPORTS_ENCRYPTION: Final = 0x00020000
FILE_NAMED_STREAMS: Final = 0x00040000
FILE_READ_ONLY_VOLUME: Final = 0x00080000
FILE_SUPPORTS_BLOCK_REFCOUNTING: Final = 0x08000000
FILE_SUPPORTS_EXTENDED_ATTRIBUTES: Final = 0x00800000

FILE_DEVICE_DISK: Final = 0x07
FILE_REMOTE_DEVICE: Final = 0x10

# The label and the path of the driver are documented in [MS-FSCC] 2.5 and not for the network.
LOCAL: Final = frozenset({2, 9})
SETTABLE: Final = frozenset({CONTROL, OBJECT_ID})

FIXED_SIZE: Final = {
    VOLUME: 24,
    SIZE: 24,
    DEVICE: 8,
    ATTRIBUTE: 16,
    CONTROL: 48,
    OBJECT_ID: 64,
    FULL_SIZE: 32,
    SECTOR_SIZE: 28,
}

_VOLUME: Final = Struct("<QIIBB")
_SIZE: Final = Struct("<QQII")
_FULL_SIZE: Final = Struct("<QQQII")
_DEVICE: Final = Struct("<II")
_ATTRIBUTE: Final = Struct("<III")
_SECTOR_SIZE: Final = Struct("<IIIIIII")

_CONTROL: Final = Struct("<QQQQQII")
_NO_LIMIT: Final = 0xFFFFFFFFFFFFFFFF

SECTOR: Final = 512


def volume(creation_time: int, serial_number: int, label: str) -> bytes:
    """FileFsVolumeInformation (2.5.9)."""
    raw = label.encode("utf-16-le")
    return _VOLUME.pack(creation_time, serial_number, len(raw), 0, 0) + raw


def _sectors(space: VolumeSpace) -> tuple[int, int]:
    """Sectors per unit and bytes per sector."""
    if space.unit % SECTOR == 0:
        return space.unit // SECTOR, SECTOR
    return 1, space.unit


def size(space: VolumeSpace) -> bytes:
    """FileFsSizeInformation (2.5.8)."""
    return _SIZE.pack(space.total_units, space.available_units, *_sectors(space))


def full_size(space: VolumeSpace) -> bytes:
    """FileFsFullSizeInformation (2.5.4)."""
    return _FULL_SIZE.pack(space.total_units, space.available_units, space.free_units, *_sectors(space))


def device() -> bytes:
    """FileFsDeviceInformation (2.5.10): a disk, mounted from afar."""
    return _DEVICE.pack(FILE_DEVICE_DISK, FILE_REMOTE_DEVICE)


def attribute(flags: int, maximum_component_length: int, file_system_name: str) -> bytes:
    """FileFsAttributeInformation (2.5.1)."""
    raw = file_system_name.encode("utf-16-le")
    return _ATTRIBUTE.pack(flags, maximum_component_length, len(raw)) + raw


def control() -> bytes:
    """FileFsControlInformation (2.5.2): quotas are neither counted nor enforced, and limit nobody."""
    return _CONTROL.pack(0, 0, 0, _NO_LIMIT, _NO_LIMIT, 0, 0)


def object_id(volume_id: bytes) -> bytes:
    """FileFsObjectIdInformation (2.5.6): 16 bytes that name the volume, and nothing about it."""
    return volume_id + bytes(48)


SSINFO_FLAGS_ALIGNED: Final = 0x00000003  # ALIGNED_DEVICE and PARTITION_ALIGNED_ON_DEVICE
SSINFO_FLAGS_TRIM_ENABLED: Final = 0x00000008


def sector_size(space: VolumeSpace, trim: bool) -> bytes:
    """FileFsSectorSizeInformation (2.5.7): aligned, no seek penalty known."""
    physical = max(SECTOR, min(space.unit, 4096))
    flags = SSINFO_FLAGS_ALIGNED | (SSINFO_FLAGS_TRIM_ENABLED if trim else 0)
    return _SECTOR_SIZE.pack(SECTOR, physical, physical, physical, flags, 0, 0)


def _fixed(data: memoryview, layout: Struct) -> None:
    if len(data) < layout.size:
        raise WireError("file system information cut short")


class Volume(NamedTuple):
    """FileFsVolumeInformation; `creation_time` is a FILETIME."""

    creation_time: int
    serial_number: int
    label: str


def decode_volume(data: memoryview) -> Volume:
    """Read FileFsVolumeInformation. Raises WireError."""
    _fixed(data, _VOLUME)
    created, serial, length, _, _ = _VOLUME.unpack_from(data)
    return Volume(created, serial, counted_text(data, _VOLUME.size, length))


class Sizes(NamedTuple):
    """FileFsSizeInformation and FileFsFullSizeInformation in units; the first has only what the caller may use."""

    total_units: int
    caller_available_units: int
    available_units: int
    sectors_per_unit: int
    bytes_per_sector: int


def decode_size(data: memoryview) -> Sizes:
    """Read FileFsSizeInformation. Raises WireError."""
    _fixed(data, _SIZE)
    total, available, sectors, sector = _SIZE.unpack_from(data)
    return Sizes(total, available, available, sectors, sector)


def decode_full_size(data: memoryview) -> Sizes:
    """Read FileFsFullSizeInformation. Raises WireError."""
    _fixed(data, _FULL_SIZE)
    return Sizes._make(_FULL_SIZE.unpack_from(data))


class Device(NamedTuple):
    """FileFsDeviceInformation."""

    device_type: int
    characteristics: int


def decode_device(data: memoryview) -> Device:
    """Read FileFsDeviceInformation. Raises WireError."""
    _fixed(data, _DEVICE)
    return Device._make(_DEVICE.unpack_from(data))


class Attribute(NamedTuple):
    """FileFsAttributeInformation; the maximum is in UTF-16 units."""

    flags: int
    maximum_component_length: int
    file_system_name: str


def decode_attribute(data: memoryview) -> Attribute:
    """Read FileFsAttributeInformation. Raises WireError."""
    _fixed(data, _ATTRIBUTE)
    flags, maximum, length = _ATTRIBUTE.unpack_from(data)
    return Attribute(flags, maximum, counted_text(data, _ATTRIBUTE.size, length))


class SectorSize(NamedTuple):
    """FileFsSectorSizeInformation, all but `flags` in bytes."""

    logical: int
    physical_for_atomicity: int
    physical_for_performance: int
    effective_physical_for_atomicity: int
    flags: int
    sector_alignment: int
    partition_alignment: int


def decode_sector_size(data: memoryview) -> SectorSize:
    """Read FileFsSectorSizeInformation. Raises WireError."""
    _fixed(data, _SECTOR_SIZE)
    return SectorSize._make(_SECTOR_SIZE.unpack_from(data))
