"""What NT knows about a file, as plain numbers: the record that backends fill and information classes encode."""

from typing import Final, NamedTuple


class AppleFacts(NamedTuple):
    """What a listing for Apple's client carries beside a file: rights, bytes of the resource fork, 16 bytes of
    FinderInfo in short, the mode of POSIX.
    """

    maximal_access: int
    resource_length: int
    finder_info: bytes
    mode: int


class Ownership(NamedTuple):
    """Whose a file is to the kernel, and the nine permission bits: they stand in for a descriptor that is not there.

    `special` has the bits above those (sticky, setgid, setuid), `number_of_links` and `device` are the kernel's too.
    """

    uid: int
    gid: int
    mode: int
    special: int = 0
    number_of_links: int = 1
    device: int = 0


class Metadata:
    """Times are FILETIMEs, sizes bytes; `attributes` is never 0; `file_id` is stable and unique in its volume.

    `reparse_tag` is not 0 exactly when `attributes` has REPARSE_POINT. `ea_size` is 0 but in listings: a handle is
    asked for it when it is wanted. `apple` is None but in listings for Apple's client, `owner` but in those for clients
    with POSIX extensions.

    Made for every entry of a listing, and a NamedTuple costs eight times as much to make. Others may have the same one:
    who wants something else in it takes a `copy` first.
    """

    __slots__ = (
        "allocation_size",
        "apple",
        "attributes",
        "change_time",
        "creation_time",
        "ea_size",
        "end_of_file",
        "file_id",
        "is_directory",
        "last_access_time",
        "last_write_time",
        "number_of_links",
        "owner",
        "reparse_tag",
    )

    def __init__(
        self,
        creation_time: int,
        last_access_time: int,
        last_write_time: int,
        change_time: int,
        allocation_size: int,
        end_of_file: int,
        attributes: int,
        number_of_links: int,
        file_id: int,
        is_directory: bool,
        reparse_tag: int = 0,
        ea_size: int = 0,
        apple: AppleFacts | None = None,
        owner: Ownership | None = None,
    ) -> None:
        self.creation_time = creation_time
        self.last_access_time = last_access_time
        self.last_write_time = last_write_time
        self.change_time = change_time
        self.allocation_size = allocation_size
        self.end_of_file = end_of_file
        self.attributes = attributes
        self.number_of_links = number_of_links
        self.file_id = file_id
        self.is_directory = is_directory
        self.reparse_tag = reparse_tag
        self.ea_size = ea_size
        self.apple = apple
        self.owner = owner

    @property
    def times(self) -> tuple[int, int, int, int]:
        """Creation, last access, last write, change."""
        return self.creation_time, self.last_access_time, self.last_write_time, self.change_time

    def copy(self) -> "Metadata":
        """The same once more."""
        return Metadata(
            self.creation_time,
            self.last_access_time,
            self.last_write_time,
            self.change_time,
            self.allocation_size,
            self.end_of_file,
            self.attributes,
            self.number_of_links,
            self.file_id,
            self.is_directory,
            self.reparse_tag,
            self.ea_size,
            self.apple,
            self.owner,
        )


class StreamFacts(NamedTuple):
    """One stream of a file; `name` is empty for the unnamed one, sizes are bytes."""

    name: str
    end_of_file: int
    allocation_size: int


class VolumeSpace(NamedTuple):
    """Room on a volume, in units of `unit` bytes, and for files; -1 of those where nobody counts."""

    unit: int
    total_units: int
    available_units: int
    free_units: int
    total_files: int = -1
    free_files: int = -1


class VolumeFeatures(NamedTuple):
    """What a volume can really do with the data of its files; told to clients, who then rely on it."""

    sparse_files: bool  # holes, and a place for the attribute SPARSE_FILE
    trim: bool  # room inside a file can be given back
    block_refcounting: bool  # files can share blocks
    compression: bool  # file by file, when asked to


NO_FEATURES: Final = VolumeFeatures(False, False, False, False)
