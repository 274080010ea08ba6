"""The reply to a CREATE, with what its contexts asked for ([MS-SMB2] 2.2.14)."""

from struct import Struct
from typing import Final

from smbserver.nt import status
from smbserver.nt.metadata import Metadata
from smbserver.objects.open import Open
from smbserver.wire import create as wire

_MXAC: Final = Struct("<II")
_TIMESTAMP: Final = 8  # bytes of the FILETIME in the request, which may be left out
_QFID: Final = Struct("<QQ16x")


def create_response(
    request: wire.CreateRequest,
    opened: Open,
    action: int,
    meta: Metadata,
    level: int,
    contexts: list[tuple[bytes, bytes]],
) -> bytes:
    """The body: fields from `meta`, and `contexts` with the maximal access and the id on disk if they were wanted."""
    asked = request.contexts
    if asked:
        if wire.QUERY_MAXIMAL_ACCESS in asked:
            contexts.append((wire.QUERY_MAXIMAL_ACCESS, _maximal_access(request, opened, meta)))
        if wire.QUERY_ON_DISK_ID in asked:
            on_disk = _QFID.pack(opened.shown_file_id(meta), opened.backend.serial_number)
            contexts.append((wire.QUERY_ON_DISK_ID, on_disk))
    chain = wire.encode_contexts(contexts) if contexts else b""
    return wire.encode_response(level, action, meta, opened.volatile_id, opened.volatile_id, chain)


def _maximal_access(request: wire.CreateRequest, opened: Open, meta: Metadata) -> bytes:
    """[MS-SMB2] 3.3.5.9.5. Who says what he knows from when is told nothing when nothing has changed since."""
    known = request.contexts[wire.QUERY_MAXIMAL_ACCESS]
    if len(known) == _TIMESTAMP and int.from_bytes(known, "little") == meta.change_time:
        return _MXAC.pack(status.NONE_MAPPED, 0)
    return _MXAC.pack(status.SUCCESS, opened.maximal_access)
