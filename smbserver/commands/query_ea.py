"""QUERY_INFO of FileFullEaInformation: all EAs, those named, or those from an index on ([MS-SMB2] 3.3.5.20.1)."""

from smbserver.connection.work import Buffer, Reply
from smbserver.errors import StatusError
from smbserver.nt import access, status
from smbserver.nt.extended_attributes import Ea, check
from smbserver.objects.open import Open
from smbserver.wire import ea as ea_wire
from smbserver.wire import query_info as wire


def query_ea(request: wire.QueryInfoRequest, opened: Open) -> Reply:
    """Whole entries, as many as there is room for; BUFFER_OVERFLOW when that is not all.

    Raises StatusError NO_EAS_ON_FILE, NONEXISTENT_EA_ENTRY, BUFFER_TOO_SMALL, INVALID_EA_NAME, WireError.
    """
    opened.need(access.FILE_READ_EA)
    if request.output_buffer_length < ea_wire.FIXED_SIZE:
        raise StatusError(status.INFO_LENGTH_MISMATCH, b"")
    names = ea_wire.decode_names(request.input)
    eas = opened.handle.get_eas()
    if names:
        eas = _named(eas, names)
    elif request.flags & wire.SL_INDEX_SPECIFIED:
        index = request.additional_information  # counts from 1
        if not 1 <= index <= len(eas):
            raise StatusError(status.NONEXISTENT_EA_ENTRY)
        eas = eas[index - 1 :]
    else:
        if request.flags & wire.SL_RESTART_SCAN:
            opened.ea_index = 0
        eas = eas[opened.ea_index :]
    if not eas:
        raise StatusError(status.NO_EAS_ON_FILE)
    if request.flags & wire.SL_RETURN_SINGLE_ENTRY:
        eas = eas[:1]
    data, count = ea_wire.fill(eas, request.output_buffer_length)
    if not count:
        raise StatusError(status.BUFFER_TOO_SMALL)
    if not names and not request.flags & wire.SL_INDEX_SPECIFIED:
        opened.ea_index += count
    body: list[Buffer] = [wire.encode_response(data)]
    return Reply(body, status.BUFFER_OVERFLOW if count < len(eas) else status.SUCCESS)


def _named(eas: list[Ea], names: list[bytes]) -> list[Ea]:
    """Each name once, in the order asked for. One that the file does not have has no value, as on Windows."""
    there = {ea.name.upper(): ea for ea in eas}
    wanted: dict[bytes, Ea] = {}
    for name in names:
        wanted.setdefault(name.upper(), Ea(name, b""))
    check(list(wanted.values()))
    return [there.get(key, missing) for key, missing in wanted.items()]
