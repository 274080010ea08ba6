"""The records that backends fill: their order is what information classes slice."""

from __future__ import annotations

from smbserver.nt.metadata import Metadata, VolumeSpace


def test_the_order_that_codecs_rely_on() -> None:
    """Four times, then sizes and attributes: CLOSE, CREATE and FileNetworkOpenInformation take [:7] as it is."""
    assert Metadata._fields[:7] == (
        "creation_time",
        "last_access_time",
        "last_write_time",
        "change_time",
        "allocation_size",
        "end_of_file",
        "attributes",
    )
    assert Metadata._fields[7:] == (
        "number_of_links",
        "file_id",
        "is_directory",
        "reparse_tag",
        "ea_size",
        "apple",
        "owner",
    )
    assert VolumeSpace._fields[:4] == ("unit", "total_units", "available_units", "free_units")
    assert VolumeSpace(1, 2, 3, 4)[4:] == (-1, -1), "nobody counts files"
