"""What NT knows about a file, as plain numbers: the record that backends fill and information classes encode."""

from typing import NamedTuple


class Metadata(NamedTuple):
    """Times are FILETIMEs, sizes bytes; `attributes` is never 0; `file_id` is stable and unique in its volume."""

    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    allocation_size: int
    end_of_file: int
    attributes: int
    number_of_links: int
    file_id: int
    is_directory: bool


class VolumeSpace(NamedTuple):
    """Room on a volume, in units of `unit` bytes."""

    unit: int
    total_units: int
    available_units: int
    free_units: int
