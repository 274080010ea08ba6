"""What the name in a CREATE means: a path below the share's root, and which stream of what is there."""

from smbserver.nt import names
from smbserver.nt.stream_names import UNNAMED, StreamName, split_stream


def wanted_path(name: str, has_streams: bool) -> tuple[names.Path, StreamName]:
    """The path and the stream. Raises StatusError as `names.split` and `split_stream`.

    Without streams a colon is what it is in any name: forbidden ([MS-FSA] 2.1.5.1, note 47).
    """
    stream = UNNAMED
    if has_streams and ":" in name:
        name, stream = split_stream(name)
    return names.split(names.resolve_parents(name)), stream
