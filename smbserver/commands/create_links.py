"""The part of CREATE that is about symbolic links which clients see: they are told, and go on by themselves.

[MS-SMB2] 3.3.5.9 (failed open handling), [MS-FSA] 2.1.5.1 phase 6, 2.1.5.1.2.
"""

from typing import Final

from smbserver.backend.base import Backend, Located, StoppedOnLink
from smbserver.commands.create_arguments import OVERWRITES
from smbserver.errors import StatusError
from smbserver.nt import attributes, status
from smbserver.nt.link_targets import to_substitute
from smbserver.nt.snapshot_names import parse_token
from smbserver.wire import create as wire
from smbserver.wire import reparse

_UNIT: Final = 2  # bytes of a UTF-16 unit


def check_link(request: wire.CreateRequest, located: Located, backend: Backend) -> None:
    """Let an open of the link itself through, and one that wants the name to be free, which is refused elsewhere.

    Raises StoppedOnLink, StatusError ACCESS_DENIED for an overwriting: a link has no data.
    """
    if request.create_disposition == attributes.FILE_CREATE:
        return
    links = backend.links
    if not request.create_options & attributes.FILE_OPEN_REPARSE_POINT:
        assert links is not None
        assert located.identity is not None
        raise StoppedOnLink(links.target(located.path, located.identity), len(located.path))
    if request.create_disposition in OVERWRITES:
        raise StatusError(status.ACCESS_DENIED)


def stopped_on_symlink(name: str, stop: StoppedOnLink) -> StatusError:
    """The answer for a link on the way; `name` is what the client sent, from whose end it counts."""
    substitute = to_substitute(stop.target)
    link = reparse.SymbolicLink(substitute, substitute, True)
    return StatusError(
        status.STOPPED_ON_SYMLINK, reparse.encode_stopped(reparse.StoppedOnSymlink(link, _unparsed(name, stop.parsed)))
    )


def _unparsed(name: str, parsed: int) -> int:
    """Bytes of what comes behind the component number `parsed`, its backslash included. A token counts for nothing."""
    position = 0
    while parsed:
        following = name.find("\\", position)
        end = len(name) if following < 0 else following
        parsed -= parse_token(name[position:end]) is None
        if following < 0 or not parsed:
            position = end
            break
        position = following + 1
    return len(name[position:].encode("utf-16-le", "surrogatepass"))
