"""Access-based enumeration: a listing without what its reader may not read ([MS-SMB2] 2.2.10, SHAREFLAG 0x800)."""

from collections.abc import Iterator

from smbserver.errors import StatusError
from smbserver.nt.metadata import Metadata
from smbserver.nt.token import Token
from smbserver.objects.file_access import is_visible
from smbserver.objects.open import Open


def visible_entries(
    entries: Iterator[tuple[str, Metadata]], opened: Open, token: Token
) -> Iterator[tuple[str, Metadata]]:
    """The entries of the open directory that `token` may read; itself and its parent are always shown.

    Every entry is looked up once more, by its name: what is gone meanwhile, or cannot be looked at, is not shown.
    """
    for name, metadata in entries:
        if name in (".", "..") or _shows(name, opened, token):
            yield name, metadata


def _shows(name: str, opened: Open, token: Token) -> bool:
    try:
        located = opened.backend.locate((*opened.path, name))
    except (StatusError, OSError):
        return False
    try:
        return located.metadata is not None and is_visible(located, token)
    except OSError:
        return False
    finally:
        located.close()
