"""SET_INFO of FileFullEaInformation ([MS-FSA] 2.1.5.15.6): set, replace and delete EAs, all of them or none."""

from smbserver.connection.work import Work
from smbserver.errors import StatusError
from smbserver.nt import access, attributes, changes, status
from smbserver.objects.open import Open
from smbserver.wire import ea as ea_wire


def set_ea(data: memoryview, opened: Open, work: Work) -> None:
    """Change the list. Raises StatusError EA_LIST_INCONSISTENT, INVALID_EA_NAME, EA_TOO_LARGE, EAS_NOT_SUPPORTED."""
    opened.need(access.FILE_WRITE_EA)
    eas = ea_wire.wanted_changes(data)
    meta = opened.handle.metadata()
    if meta.attributes & attributes.REPARSE_POINT or not opened.backend.supports_eas:
        raise StatusError(status.EAS_NOT_SUPPORTED)
    opened.handle.set_eas(eas)
    if not meta.attributes & attributes.ARCHIVE and not meta.is_directory:
        opened.handle.set_attributes(meta.attributes | attributes.ARCHIVE)
    opened.changed(changes.FILTER_EA | changes.FILTER_ATTRIBUTES)
