"""Names with colons: which stream of which file is meant ([MS-FSCC] 2.1.5, [MS-FSA] 2.1.5.1 phases 5 to 7)."""

import enum
from typing import Final, NamedTuple

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.names import MAX_COMPONENT_UNITS, Path, fold

DATA_TYPE: Final = "$DATA"
INDEX_TYPE: Final = "$INDEX_ALLOCATION"
AFP_INFO: Final = "AFP_AfpInfo"  # what macOS keeps in streams: the Finder's information,
AFP_RESOURCE: Final = "AFP_Resource"  # and the resource fork
_INDEX_NAMES: Final = ("", "$I30")
_FORBIDDEN: Final = frozenset("\\/:\0")  # [MS-FSCC] 2.1.5.3; a file's name may hold much less
_MAX_COLONS: Final = 2


class StreamKind(enum.Enum):
    """What a name asks for: whatever the file is, its unnamed or a named data stream, a directory's entries."""

    ANY = enum.auto()
    DATA = enum.auto()
    INDEX = enum.auto()


class StreamName(NamedTuple):
    """The part of a name behind the first colon. `name` is empty for the unnamed stream."""

    name: str
    kind: StreamKind


UNNAMED: Final = StreamName("", StreamKind.ANY)


def split_stream(name: str) -> tuple[str, StreamName]:
    """A CREATE's name without its stream, and the stream.

    Raises StatusError OBJECT_NAME_INVALID; INVALID_PARAMETER for an index that no directory has.
    """
    if ":" not in name:
        return name, UNNAMED
    is_trailing = name[-1] == "\\"
    *above, last = name.removesuffix("\\").split("\\")
    directories = [_without_index(component) for component in above]
    file, colon, suffix = last.partition(":")
    if not colon:
        return "\\".join((*directories, last)) + "\\" * is_trailing, UNNAMED
    stream = parse_suffix(suffix)
    if is_trailing and stream.kind is StreamKind.DATA:
        raise StatusError(status.OBJECT_NAME_INVALID)
    return "\\".join((*directories, file)), stream


def parse_suffix(suffix: str) -> StreamName:
    """What stands behind a file name's first colon: `name`, `name:type` or `:type`. Raises as `split_stream`."""
    if not suffix or suffix[-1] == ":" or suffix.count(":") >= _MAX_COLONS:
        raise StatusError(status.OBJECT_NAME_INVALID)
    name, _, kind = suffix.partition(":")
    check_stream_name(name)
    kind = fold(kind)
    if kind in ("", DATA_TYPE):
        return StreamName(name, StreamKind.DATA)
    if kind != INDEX_TYPE:
        raise StatusError(status.OBJECT_NAME_INVALID)
    if fold(name) not in _INDEX_NAMES:
        raise StatusError(status.INVALID_PARAMETER)
    return StreamName("", StreamKind.INDEX)


def check_stream_name(name: str) -> None:
    """Raises StatusError OBJECT_NAME_INVALID for what no stream may be called; "" is the unnamed one."""
    if not _FORBIDDEN.isdisjoint(name) or len(name.encode("utf-16-le", "surrogatepass")) > 2 * MAX_COMPONENT_UNITS:
        raise StatusError(status.OBJECT_NAME_INVALID)


def _without_index(component: str) -> str:
    """A directory on the way may be named with its index, and with no other stream (phase 6)."""
    name, colon, suffix = component.partition(":")
    if colon and parse_suffix(suffix).kind is not StreamKind.INDEX:
        raise StatusError(status.OBJECT_NAME_INVALID)
    return name


def full_name(file: str, stream: str) -> str:
    """A file's name, or path, with that of its stream; the unnamed stream adds nothing."""
    return f"{file}:{stream}" if stream else file


def stream_path(path: Path, stream: str) -> Path:
    """How watchers are told of a stream: [MS-FSA] 2.1.5.1.1, FileName + ":" + Stream.Name."""
    return (*path[:-1], full_name(path[-1] if path else "", stream))
