"""What the name in a CREATE means: a path below the share's root, and which stream of what is there."""

from typing import Final

from smbserver.nt import names
from smbserver.nt.stream_names import UNNAMED, StreamName, split_stream

_QUOTA_FILE: Final = "$EXTEND\\$QUOTA:$Q:$INDEX_ALLOCATION"


def is_quota_file(name: str) -> bool:
    """Whether this is the volume's quota index, which Windows and smbd let open (smbtorture's create.quota-fake-file).

    It is empty here, and what is asked of it is NOT_SUPPORTED ([MS-SMB2] 3.3.5.20.4).
    """
    return name.upper() == _QUOTA_FILE


def wanted_path(name: str, has_streams: bool) -> tuple[names.Path, StreamName]:
    """The path and the stream. Raises StatusError as `names.split` and `split_stream`.

    Without streams a colon is what it is in any name: forbidden ([MS-FSA] 2.1.5.1, note 47).
    """
    stream = UNNAMED
    if has_streams and ":" in name:
        name, stream = split_stream(name)
    return names.split(names.resolve_parents(name) if ".." in name else name), stream
