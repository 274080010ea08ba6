"""QUERY_INFO of the volume that an open is on ([MS-FSA] 2.1.5.13)."""

from collections.abc import Callable

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.metadata import VolumeFeatures
from smbserver.nt.names import MAX_COMPONENT_UNITS
from smbserver.objects.open import Open
from smbserver.wire import fs_info
from smbserver.wire import query_info as wire


def _features(features: VolumeFeatures) -> int:
    """What is told of the data of files: what was found true when the share was opened."""
    return (
        (fs_info.FILE_SUPPORTS_SPARSE_FILES if features.sparse_files else 0)
        | (fs_info.FILE_SUPPORTS_BLOCK_REFCOUNTING if features.block_refcounting else 0)
        | (fs_info.FILE_FILE_COMPRESSION if features.compression else 0)
    )


def query_volume(request: wire.QueryInfoRequest, opened: Open) -> bytes:
    """The bytes of the class. Raises StatusError INVALID_INFO_CLASS."""
    backend = opened.backend
    share = opened.tree.share
    makers: dict[int, Callable[[], bytes]] = {
        fs_info.VOLUME: lambda: fs_info.volume(backend.creation_time, backend.serial_number, share.name),
        fs_info.SIZE: lambda: fs_info.size(backend.space()),
        fs_info.FULL_SIZE: lambda: fs_info.full_size(backend.space()),
        fs_info.DEVICE: fs_info.device,
        fs_info.CONTROL: fs_info.control,
        fs_info.OBJECT_ID: lambda: fs_info.object_id(backend.serial_number.to_bytes(4, "little").rjust(16, b"\0")),
        fs_info.SECTOR_SIZE: lambda: fs_info.sector_size(backend.space(), backend.features.trim),
        fs_info.ATTRIBUTE: lambda: fs_info.attribute(
            fs_info.FILE_CASE_PRESERVED_NAMES
            | (fs_info.FILE_CASE_SENSITIVE_SEARCH if opened.is_posix else 0)
            | fs_info.FILE_UNICODE_ON_DISK
            | (fs_info.FILE_PERSISTENT_ACLS if backend.keeps_descriptors else 0)
            | (fs_info.FILE_SUPPORTS_EXTENDED_ATTRIBUTES if backend.supports_eas else 0)
            | (fs_info.FILE_NAMED_STREAMS if share.has_streams else 0)
            | (fs_info.FILE_READ_ONLY_VOLUME if share.read_only or backend.read_only else 0)
            | (fs_info.FILE_SUPPORTS_REPARSE_POINTS if backend.links is not None else 0)
            | _features(backend.features),
            MAX_COMPONENT_UNITS,
            # The name under which Windows and macOS believe a volume to be a real one.
            "NTFS",
        ),
    }
    maker = makers.get(request.file_info_class)
    if maker is None:
        known = request.file_info_class in fs_info.LOCAL
        raise StatusError(status.NOT_SUPPORTED if known else status.INVALID_INFO_CLASS)
    return maker()
