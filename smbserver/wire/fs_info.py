"""File system information classes ([MS-FSCC] 2.5)."""

from struct import Struct
from typing import Final

from smbserver.nt.metadata import VolumeSpace

VOLUME: Final = 1
SIZE: Final = 3
DEVICE: Final = 4
ATTRIBUTE: Final = 5
FULL_SIZE: Final = 7
SECTOR_SIZE: Final = 11

FILE_CASE_SENSITIVE_SEARCH: Final = 0x00000001
FILE_CASE_PRESERVED_NAMES: Final = 0x00000002
FILE_UNICODE_ON_DISK: Final = 0x00000004
FILE_READ_ONLY_VOLUME: Final = 0x00080000

FILE_DEVICE_DISK: Final = 0x07
FILE_REMOTE_DEVICE: Final = 0x10

FIXED_SIZE: Final = {VOLUME: 24, SIZE: 24, DEVICE: 8, ATTRIBUTE: 16, FULL_SIZE: 32, SECTOR_SIZE: 28}

_VOLUME = Struct("<QIIBB")
_SIZE = Struct("<QQII")
_FULL_SIZE = Struct("<QQQII")
_DEVICE = Struct("<II")
_ATTRIBUTE = Struct("<III")
_SECTOR_SIZE = Struct("<IIIIIII")

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


def sector_size(space: VolumeSpace) -> bytes:
    """FileFsSectorSizeInformation (2.5.7): aligned, no seek penalty known."""
    physical = max(SECTOR, min(space.unit, 4096))
    return _SECTOR_SIZE.pack(SECTOR, physical, physical, physical, 0x3, 0, 0)
