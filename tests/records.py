"""What is known of a file, compared and varied: `Metadata` itself does neither."""

from __future__ import annotations

from typing import Final

from smbserver.nt.metadata import Metadata

FIELDS: Final = (
    "creation_time",
    "last_access_time",
    "last_write_time",
    "change_time",
    "allocation_size",
    "end_of_file",
    "attributes",
    "number_of_links",
    "file_id",
    "is_directory",
    "reparse_tag",
    "ea_size",
    "apple",
    "owner",
)
"""In the order of the constructor."""


def values(meta: Metadata) -> tuple[object, ...]:
    """All of it."""
    return tuple(getattr(meta, field) for field in FIELDS)


def varied(meta: Metadata, **changes: object) -> Metadata:
    """The same with something else in it."""
    other = meta.copy()
    for field, value in changes.items():
        assert field in FIELDS
        setattr(other, field, value)
    return other
