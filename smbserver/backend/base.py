"""The contract between the server and a store. All of it may raise OSError, whose errno becomes the client's status.

Names are compared without regard to case (`nt.names.fold_case`) and kept as they were given. What is not found so is
found in another composition (`nt.names.fold`), or by its short name (`nt.short_names`). The errno named below is what
every store raises; tests/backend/test_contract.py asks each of them.
"""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final, Protocol, runtime_checkable

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.descriptor import Descriptor
from smbserver.nt.extended_attributes import Ea
from smbserver.nt.link_targets import Target
from smbserver.nt.metadata import Metadata, Ownership, StreamFacts, VolumeFeatures, VolumeSpace
from smbserver.nt.names import Path

Identity = tuple[int, int]

Version = tuple[int, int, int, bool, str | None]
"""What tells one state of a file from another: its size, seconds and nanoseconds of its modification, whether it still
has a name; and the path by which it was opened, as the host says it now, None where that is not known."""

# What LockMirror.set makes of a range; the same words as in sharing.host_locks.
LOCK_FREE: Final = 0
LOCK_SHARED: Final = 1
LOCK_EXCLUSIVE: Final = 2


class Symlinks(Enum):
    """What becomes of the symbolic links in a share."""

    INSIDE = "inside"  # a link that leads inside is what it leads to; others are as absent
    SHOWN = "shown"  # clients see links and follow them by themselves; links that lead outside are as absent
    NONE = "none"  # links are as absent


class StoppedOnLink(StatusError):
    """A symbolic link stands on the way, or at the end, of a path that was to be opened.

    CREATE tells its client of it; to all else it is a path that does not exist. `parsed` is how many components of the
    path there are up to the link and with it.
    """

    def __init__(self, target: Target, parsed: int) -> None:
        super().__init__(status.OBJECT_PATH_NOT_FOUND)
        self.target = target
        self.parsed = parsed


class LockMirror(Protocol):
    """The locks that local programs see on one file. Independent of the handle that it was asked from."""

    def set(self, first: int, last: int, kind: int) -> bool:
        """Make bytes `first` to `last` LOCK_FREE, _SHARED or _EXCLUSIVE. False when a local program has them."""

    def close(self) -> None:
        """Give everything back."""


class Located(Protocol):
    """The answer to "what is at this path": a place in an existing directory, with or without a file.

    Holds resources until `close`. `path` has the names as they are stored.
    """

    path: Path
    identity: Identity | None
    metadata: Metadata | None

    def descriptor(self) -> Descriptor | None:
        """The security descriptor stored with the file; None without one, and without a file.

        One whose owner is None belongs to whom `ownership` says.
        """

    def directory_descriptor(self) -> Descriptor | None:
        """The one stored with the directory of this place; None without one, and for the root."""

    def ownership(self) -> Ownership:
        """The file's, when there is one; no further look at it."""

    def refused_to(self, uid: int) -> int:
        """Rights to data or entries that the kernel keeps from this local user, for whom this thread acts.

        To tell who asks for all he can have. It costs nothing where he owns the file, or is root.
        """

    def check_remove(self) -> None:
        """As `Backend.check_remove`, of what was located."""

    def close(self) -> None:
        """Give back what the lookup holds."""


class Handle(Protocol):
    """An open file or directory. Positions are arguments; there is no cursor. Thread-safe for read, write and sync.

    A thread may truncate or allocate too, while no request of a client works on the file.

    It goes on working when the file's name is removed or changed. After `close` everything raises OSError EBADF, and a
    further `close` does nothing.
    """

    identity: Identity
    is_directory: bool

    def read(self, length: int, offset: int) -> bytes | bytearray | None:
        """Up to `length` bytes, fewer at the end of the file; None when it would wait for a disk."""

    def cached(self, length: int, offset: int) -> tuple[int, int] | None:
        """A descriptor and how many of the `length` bytes at `offset` there are, all of them in memory; None to read.

        For `sendfile`: the descriptor is the handle's own and lives as long as it does.
        """

    def read_blocking(self, length: int, offset: int) -> bytes | bytearray:
        """As `read`, waiting as long as it takes. For threads."""

    def write(self, data: memoryview | bytes, offset: int) -> None:
        """All of `data` at `offset`, or an OSError: EBADF when not opened for writing, ENOSPC when there is no room."""

    def truncate(self, size: int) -> None:
        """Cut or extend with zeros to `size` bytes."""

    def allocate(self, size: int) -> None:
        """Reserve room for `size` bytes without changing the end of the file."""

    def sync(self) -> None:
        """Return when data and metadata are on stable storage. Blocks: for threads.

        Once it has failed because data was lost it fails for ever: nobody knows which part was.
        """

    def metadata(self) -> Metadata:
        """What the store says of the file now."""

    def set_times(
        self, creation_time: int | None, access_time: int | None, write_time: int | None, change_time: int | None
    ) -> None:
        """Set FILETIMEs; None leaves one as it is, but the change time becomes the present unless it is given or held.

        All are shown as they were set. What the store has no place for is lost without an error.
        """

    def hold_times(self, access: bool, write: bool, change: bool) -> None:
        """From now on the times that are True stay as they are when something is done through this handle.

        Other handles of the file move them ([MS-FSA] 2.1.5.15.2, UserSetAccessTime and its relatives).
        """

    def set_attributes(self, attributes: int) -> None:
        """Set the attributes a client may choose."""

    def get_eas(self) -> list[Ea]:
        """The EAs, ordered by their names in capitals; at most what `nt.extended_attributes.fits`."""

    def set_eas(self, changes: Sequence[Ea]) -> None:
        """Set them, or delete those without a value: all, or none when it fails. Names are valid.

        OSError EACCES for a name that the store keeps for itself, EOPNOTSUPP where it has no EAs; StatusError
        EA_TOO_LARGE for more than a file can have.
        """

    def ea_size(self) -> int:
        """`nt.extended_attributes.list_size` of the EAs."""

    def mark_changed(self) -> None:
        """Set ARCHIVE and nothing else: the file's data have changed ([MS-FSA] 2.1.4.17)."""

    def descriptor(self) -> Descriptor | None:
        """The stored security descriptor; None when there is none. See Located."""

    def set_descriptor(self, descriptor: Descriptor) -> None:
        """Store one. OSError EOPNOTSUPP where `Backend.keeps_descriptors` is False."""

    def ownership(self) -> Ownership:
        """Whose the file is now."""

    def set_mode(self, mode: int) -> None:
        """Set the nine permission bits. OSError EOPNOTSUPP where there are none."""

    def scan(self, owned: bool = False) -> Iterator[tuple[str, Metadata]]:
        """The entries of a directory, "." and ".." first, as a stream that survives changes below it.

        If `owned`, and the store has `Backend.posix_semantics`, each with its `Metadata.owner`.
        """

    def is_empty(self) -> bool:
        """Whether a directory has no entries."""

    def lock_mirror(self) -> LockMirror | None:
        """A new one for this file; None where there are no local programs. Never blocks."""

    def version(self, again: bool) -> Version | None:
        """Of the file as it was last looked at, or, `again`, as it is now; None for what only this server changes, and
        before the first look. Never blocks. OSError.
        """

    def ranges(self) -> "Ranges":
        """For one request on a file's data; the handle must stay open meanwhile. Never blocks."""

    def streams(self) -> "Streams":
        """The streams of this file, for as long as the handle is open. Nothing is looked at yet."""

    def close(self) -> None:
        """Give back the handle. An OSError tells that what had been written is lost: it is closed all the same."""


class Ranges(Protocol):
    """What is done with parts of a file's data where it lies. Everything blocks: for threads.

    `plain_ranges.PlainRanges` has it all for a handle that can only read and write. Offsets and lengths are bytes,
    their sums below 2^63. OSError EOPNOTSUPP for what the store cannot do.
    """

    def copy_to(self, target: Handle, offset: int, target_offset: int, length: int) -> int:
        """Copy up to `length` bytes into another handle, or this one; how many, 0 when there are none at `offset`.

        Parts of one file may overlap, then all of it is held in memory. What was written before an error counts, and
        the error comes with the next call.
        """

    def clone_to(self, target: Handle, offset: int, target_offset: int, length: int) -> None:
        """Let both files have the same blocks. OSError EXDEV between volumes, EINVAL unless aligned to blocks."""

    def zero(self, offset: int, length: int, deallocate: bool) -> int:
        """Make bytes zero, all of them before the end of the file; how many were, at least one.

        `deallocate` gives their room back where the store can; otherwise it stays theirs.
        """

    def allocated(self, offset: int, length: int, most: int) -> list[tuple[int, int]]:
        """The parts of this range that have room, as (offset, length), in order, at most `most` of them."""

    def fill(self) -> None:
        """Allocate every hole up to the end of the file."""

    def mark(self, attribute: int, is_set: bool) -> None:
        """Keep one of `nt.attributes.KEPT` with the file, or take it away."""

    def is_compressed(self) -> bool:
        """Whether the store compresses what is written to the file, or to files made in the directory."""

    def compress(self, is_compressed: bool) -> None:
        """Begin to do so, or end it."""


@runtime_checkable
class StreamHandle(Handle, Protocol):
    """An open named stream: its data, and the times, attributes and protection of the file. Never a directory."""

    stream: str
    """Its name as it is stored."""

    def renamed(self, name: str) -> None:
        """The stream was renamed, perhaps through another handle."""


class Streams(Protocol):
    """The streams of one file or directory. Names are compared as file names are, and kept as they were given.

    OSError EOPNOTSUPP where the store has none; EIO for a stream that cannot be made sense of, which is not absent.
    """

    def all(self) -> list[StreamFacts]:
        """A file's unnamed stream first, then the named ones; never more than the store allows a file to have."""

    def names(self) -> list[str]:
        """Of the named streams."""

    def find(self, name: str) -> str | None:
        """The name as it is stored, None when there is no such stream."""

    def open(self, name: str, write: bool) -> StreamHandle:
        """Open a stream; the handle lives by itself. OSError ENOENT."""

    def create(self, name: str) -> StreamHandle:
        """Make an empty stream, open for both.

        OSError EEXIST when there is one, ENAMETOOLONG for a name that cannot be stored, ENOSPC for one too many.
        """

    def replace(self, name: str) -> StreamHandle:
        """As `open` for both, emptied: also where `open` says EIO."""

    def remove(self, name: str) -> None:
        """Remove a stream and its data. OSError ENOENT."""

    def rename(self, name: str, to: str) -> None:
        """Give a stream another name; an open handle must be told (`StreamHandle.renamed`). OSError ENOENT, EEXIST."""


class Links(Protocol):
    """Symbolic links as things of their own, for a store that shows them. Their `reparse_tag` tells them from files.

    A target is relative and leads nowhere outside, now; names in it are names on the wire.
    """

    def target(self, path: Path, identity: Identity) -> Target:
        """Where a link leads. OSError ENOENT, ESTALE as `Backend.remove`, and EINVAL when it is no link."""

    def make(self, path: Path, identity: Identity, target: Target) -> Handle:
        """Put a link in the place of an empty file or directory and open it.

        StatusError: ACCESS_DENIED for a target that leads outside, IO_REPARSE_DATA_INVALID for a file with data,
        EAS_NOT_SUPPORTED for one with EAs or streams. OSError ENOTEMPTY for a directory with entries, else as
        `Backend.remove`.
        """

    def unmake(self, path: Path, identity: Identity) -> Handle:
        """Put an empty file, or directory where the link led to one, in the place of a link; errors as `target`."""


class Backend(Protocol):
    """A tree of files below one root."""

    @property
    def features(self) -> VolumeFeatures:
        """What holds for the volume of the root."""

    @property
    def has_streams(self) -> bool:
        """Whether files can have named streams here."""

    @property
    def links(self) -> Links | None:
        """None for a store without symbolic links of its own, or whose links are not to be shown."""

    @property
    def read_only(self) -> bool:
        """Whether nothing below this root can ever be changed; every attempt is OSError EROFS then."""

    @property
    def serial_number(self) -> int:
        """32 bits that identify the volume."""

    @property
    def supports_eas(self) -> bool:
        """Whether files can have EAs here."""

    @property
    def creation_time(self) -> int:
        """FILETIME of the volume's root."""

    @property
    def posix_semantics(self) -> bool:
        """Whether names can differ by case alone, and files have modes: `exact` and `mode` below mean something."""

    def hides(self, name: str) -> bool:
        """Whether a file of this name is shown as HIDDEN whatever attributes were set."""

    @property
    def keeps_descriptors(self) -> bool:
        """Whether security descriptors can be stored."""

    def locate(self, path: Path, composed: bool = True, exact: bool = False) -> Located:
        """Look a path up without regard to case; its last name in another composition only if `composed`.

        That is for who looks; for who makes a name, two compositions are two names, as on Windows. If `exact`, every
        name is found under its own spelling alone, and a place is free that no file of the same spelling has.

        Raises StatusError: OBJECT_PATH_NOT_FOUND when a directory on the way is missing, OBJECT_NAME_INVALID or
        OBJECT_PATH_SYNTAX_BAD for a name that cannot be stored, ACCESS_DENIED for what is neither file nor directory;
        StoppedOnLink for a link on the way where links are shown. One at the end is located itself.
        """

    def look_ahead(self, path: Path) -> int:
        """Wait for the disk, so that `locate` need not; how many names were looked at. For threads.

        Raises nothing, and promises nothing.
        """

    def look_at_entries(self, path: Path, start: int, count: int) -> int:
        """As `look_ahead`, for `scan` of a directory: so many of its entries, from the one at `start`."""

    def open(self, located: Located, read: bool, write: bool) -> Handle:
        """Open what was located for reading, writing, both, or (neither) to look at its attributes.

        OSError ENOENT when it is gone meanwhile, ESTALE when another file stands there.
        """

    def create_file(
        self,
        located: Located,
        attributes: int,
        creation_time: int | None = None,
        descriptor: Descriptor | None = None,
        mode: int | None = None,
    ) -> Handle:
        """Make a file at a free place, open for both. Without a creation time it is the write time (2.1.5.1.1).

        What was refused, for its descriptor's sake too, is not there. `mode` is what the client asked for, of the
        permissions and the sticky bit; what the share says of modes counts before it.

        OSError EEXIST when it is not free, under any spelling; ENOENT when its directory is gone. By the short name of
        a file that has just gone it is called as that one was; then the path in `located` says so.
        """

    def create_directory(
        self,
        located: Located,
        attributes: int,
        creation_time: int | None = None,
        descriptor: Descriptor | None = None,
        mode: int | None = None,
    ) -> Handle:
        """Make a directory at a free place; errors as `create_file`."""

    def look_again(self) -> None:
        """Serve what stands at the root's place now: a disk mounted late, a folder made anew. Raises OSError for none.

        What is open stays what it is.
        """

    def check_remove(self, path: Path, identity: Identity) -> None:
        """Raise the OSError (EACCES, EPERM, EROFS) with which `remove` would be refused for want of permission.

        For who wants to know it before the last close: that one has no way to tell the client.
        """

    def remove(self, path: Path, identity: Identity) -> None:
        """Remove the name `path` if it still means the file `identity`.

        OSError ESTALE when it means another one, ENOENT when there is none, ENOTEMPTY for a directory with entries,
        EBUSY for the root. StatusError as `locate`. All of this holds for `path` in `rename` and `link` as well.
        """

    def rename(self, path: Path, identity: Identity, target: Located, replace: bool) -> Path:
        """Give the file another name; returns the new path. A refused rename has changed nothing.

        OSError EEXIST when the name is taken and not to be replaced, EISDIR when a directory would be replaced, ENOTDIR
        when a directory would replace a file, EINVAL when it would go into itself, EBUSY for the root. Onto another
        link of the same file it removes the source's name, whatever `replace` says ([MS-FSA] 2.1.5.15.12).
        """

    def link(self, path: Path, identity: Identity, target: Located, replace: bool) -> None:
        """Give the file a further name. OSError EPERM for a directory, else as `rename`.

        To replace a link of the same file does nothing.
        """

    def space(self) -> VolumeSpace:
        """Room on the volume."""

    def close(self) -> None:
        """Give back the root."""


class Snapshots(Protocol):
    """The previous versions of a share."""

    def times(self) -> list[int]:
        """FILETIMEs of all there are, the newest first."""

    def open(self, time: int) -> Backend | None:
        """The share as it was at exactly this FILETIME, read-only; None when there is no such version.

        Good until the next call, and as long as a handle of it is open.
        """

    def close(self) -> None:
        """Give back what is held."""
