"""Directory entries for QUERY_DIRECTORY ([MS-FSCC] 2.4.10 and its relatives).

Short names are left empty: they are made for who asks for one file's, not for every entry of a listing.
"""

from collections.abc import Callable
from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.nt.metadata import AppleFacts, Metadata
from smbserver.wire import posix
from smbserver.wire.apple import ENTRY as APPLE_ENTRY
from smbserver.wire.bounds import chained, counted_text, raw_text

DIRECTORY: Final = 1
FULL_DIRECTORY: Final = 2
BOTH_DIRECTORY: Final = 3
NAMES: Final = 12
ID_BOTH_DIRECTORY: Final = 37
ID_FULL_DIRECTORY: Final = 38
ID_EXTD_DIRECTORY: Final = 60
ID_EXTD_BOTH_DIRECTORY: Final = 63  # not in [MS-FSCC]; Windows programs ask for it, the layout is in its headers
ID_64_EXTD_DIRECTORY: Final = 78
ID_64_EXTD_BOTH_DIRECTORY: Final = 79
ID_ALL_EXTD_DIRECTORY: Final = 80
ID_ALL_EXTD_BOTH_DIRECTORY: Final = 81
POSIX: Final = posix.INFORMATION  # for opens of POSIX only

# NextEntryOffset, FileIndex, four times, EndOfFile, AllocationSize, FileAttributes, FileNameLength, ...
_DIRECTORY: Final = Struct("<IIQQQQQQII")
_FULL: Final = Struct("<IIQQQQQQIII")
_BOTH: Final = Struct("<IIQQQQQQIIIBB24s")
_ID_BOTH: Final = Struct("<IIQQQQQQIIIBB24sHQ")
_ID_BOTH_PLAIN: Final = Struct("<I4xQQQQQQIII28xQ")  # the same without FileIndex and short name
_ID_FULL: Final = Struct("<IIQQQQQQIIIIQ")
_NAMES: Final = Struct("<III")
# ... EaSize, ReparsePointTag, FileId and FileId128 as the class has them, and the room of a short name.
_EXTD: Final = {
    ID_EXTD_DIRECTORY: Struct("<IIQQQQQQIIII16s"),
    ID_EXTD_BOTH_DIRECTORY: Struct("<IIQQQQQQIIII16s26x"),
    ID_64_EXTD_DIRECTORY: Struct("<IIQQQQQQIIIIQ"),
    ID_64_EXTD_BOTH_DIRECTORY: Struct("<IIQQQQQQIIIIQ26x"),
    ID_ALL_EXTD_DIRECTORY: Struct("<IIQQQQQQIIIIQ16s"),
    ID_ALL_EXTD_BOTH_DIRECTORY: Struct("<IIQQQQQQIIIIQ16s26x"),
}
_NO_SHORT_NAME: Final = bytes(24)

Encoder = Callable[[int, Metadata, bytes], bytes]
"""(NextEntryOffset, metadata, UTF-16LE name) -> the entry without padding."""


def _directory(following: int, m: Metadata, name: bytes) -> bytes:
    return _DIRECTORY.pack(following, 0, *m.times, m.end_of_file, m.allocation_size, m.attributes, len(name)) + name


def _full(following: int, m: Metadata, name: bytes) -> bytes:
    head = (following, 0, *m.times, m.end_of_file, m.allocation_size, m.attributes, len(name))
    return _FULL.pack(*head, _ea_size(m)) + name


def _ea_size(m: Metadata) -> int:
    """Classes without a field for the tag of a reparse point have it here, and such a file has no EAs."""
    return m.reparse_tag or m.ea_size


def _both(following: int, m: Metadata, name: bytes) -> bytes:
    return (
        _BOTH.pack(
            following,
            0,
            m.creation_time,
            m.last_access_time,
            m.last_write_time,
            m.change_time,
            m.end_of_file,
            m.allocation_size,
            m.attributes,
            len(name),
            m.reparse_tag or m.ea_size,
            0,
            0,
            _NO_SHORT_NAME,
        )
        + name
    )


def _id_both(following: int, m: Metadata, name: bytes) -> bytes:
    apple = m.apple
    if apple is not None:
        return _id_both_for_apple(following, m, apple, name)
    return (
        _ID_BOTH_PLAIN.pack(
            following,
            m.creation_time,
            m.last_access_time,
            m.last_write_time,
            m.change_time,
            m.end_of_file,
            m.allocation_size,
            m.attributes,
            len(name),
            m.reparse_tag or m.ea_size,
            m.file_id,
        )
        + name
    )


def _id_both_for_apple(following: int, m: Metadata, apple: AppleFacts, name: bytes) -> bytes:
    """Three fields mean something else: EaSize the rights, ShortName the fork and FinderInfo, Reserved2 the mode."""
    short = APPLE_ENTRY.pack(apple.resource_length, apple.finder_info)
    head = (following, 0, *m.times, m.end_of_file, m.allocation_size, m.attributes, len(name))
    return _ID_BOTH.pack(*head, apple.maximal_access, len(short), 0, short, apple.mode, m.file_id) + name


def _id_full(following: int, m: Metadata, name: bytes) -> bytes:
    return (
        _ID_FULL.pack(
            following,
            0,
            m.creation_time,
            m.last_access_time,
            m.last_write_time,
            m.change_time,
            m.end_of_file,
            m.allocation_size,
            m.attributes,
            len(name),
            m.reparse_tag or m.ea_size,
            0,
            m.file_id,
        )
        + name
    )


def _names(following: int, m: Metadata, name: bytes) -> bytes:
    return _NAMES.pack(following, 0, len(name)) + name


def id_128(file_id: int) -> bytes:
    """The 128-bit form of a 64-bit file id ([MS-FSCC] 2.1.10)."""
    return file_id.to_bytes(16, "little")


def _extd(info_class: int) -> tuple[Encoder, int]:
    layout = _EXTD[info_class]
    has_64 = info_class not in (ID_EXTD_DIRECTORY, ID_EXTD_BOTH_DIRECTORY)
    has_128 = info_class not in (ID_64_EXTD_DIRECTORY, ID_64_EXTD_BOTH_DIRECTORY)

    def encode(following: int, m: Metadata, name: bytes) -> bytes:
        ids = ((m.file_id,) if has_64 else ()) + ((id_128(m.file_id),) if has_128 else ())
        head = (following, 0, *m.times, m.end_of_file, m.allocation_size, m.attributes, len(name))
        return layout.pack(*head, m.ea_size, m.reparse_tag, *ids) + name

    return encode, layout.size


# Class -> how an entry is encoded and the size of its fixed part.
CLASSES: Final[dict[int, tuple[Encoder, int]]] = {
    DIRECTORY: (_directory, _DIRECTORY.size),
    FULL_DIRECTORY: (_full, _FULL.size),
    BOTH_DIRECTORY: (_both, _BOTH.size),
    NAMES: (_names, _NAMES.size),
    ID_BOTH_DIRECTORY: (_id_both, _ID_BOTH.size),
    ID_FULL_DIRECTORY: (_id_full, _ID_FULL.size),
    **{info_class: _extd(info_class) for info_class in _EXTD},
    POSIX: (posix.entry, posix.ENTRY_SIZE),  # read by wire.posix
}
# Where an entry has the length of a short name, a byte of padding and 24 bytes for it.
_SHORT_NAME_AT: Final = {
    BOTH_DIRECTORY: _BOTH.size - 26,
    ID_BOTH_DIRECTORY: _BOTH.size - 26,
    **{
        info_class: _EXTD[info_class].size - 26
        for info_class in (ID_EXTD_BOTH_DIRECTORY, ID_64_EXTD_BOTH_DIRECTORY, ID_ALL_EXTD_BOTH_DIRECTORY)
    },
}
# Those that tell the size of the EAs.
WITH_EA_SIZE: Final = frozenset(CLASSES) - {DIRECTORY, NAMES, POSIX}


class EntryList:
    """Collects entries until the buffer is full. The last entry's NextEntryOffset is 0 and it is not padded."""

    __slots__ = ("_encode", "_entries", "_fixed", "_last", "_last_start", "_room", "_short_name_at", "_used")

    def __init__(self, info_class: int, room: int) -> None:
        self._encode, self._fixed = CLASSES[info_class]
        self._short_name_at = _SHORT_NAME_AT.get(info_class, 0)
        self._room = room
        self._used = 0
        self._entries: list[bytes] = []
        self._last: tuple[Metadata, bytes] | None = None
        self._last_start = 0

    def add(self, name: str, meta: Metadata) -> bool:
        """Take the entry; False when it does not fit, and then nothing has changed."""
        raw = raw_text(name)
        start = self._used + -self._used % 8
        end = start + self._fixed + len(raw)
        if end > self._room:
            return False
        if self._last is not None:
            last, last_raw = self._last
            size = start - self._last_start
            self._entries.append(self._encode(size, last, last_raw).ljust(size, b"\0"))
        self._last = (meta, raw)
        self._last_start = start
        self._used = end
        return True

    def __len__(self) -> int:
        """How many entries were taken."""
        return len(self._entries) + (self._last is not None)

    def encode(self, short_name_of: Callable[[str], str] | None = None) -> bytes:
        """All entries as one buffer; a single one with the short name of its name, where the class has room for it."""
        if self._last is None:
            return b""
        last = self._encode(0, *self._last)
        if short_name_of is not None and not self._entries and self._short_name_at:
            last = self._with_short_name(last, short_name_of(self._last[1].decode("utf-16-le", "surrogatepass")))
        return b"".join(self._entries) + last

    def _with_short_name(self, entry: bytes, short_name: str) -> bytes:
        raw = short_name.encode("utf-16-le")
        at = self._short_name_at
        room = (bytes((len(raw), 0)) + raw).ljust(2 + len(_NO_SHORT_NAME), b"\0")
        return entry[:at] + room + entry[at + len(room) :]


class DirectoryEntry(NamedTuple):
    """What a client reads of an entry: FILETIMEs and bytes. A field that the class does not have is 0 or empty."""

    name: str
    creation_time: int = 0
    last_access_time: int = 0
    last_write_time: int = 0
    change_time: int = 0
    end_of_file: int = 0
    allocation_size: int = 0
    file_attributes: int = 0
    ea_size: int = 0
    short_name: str = ""
    file_id: int = 0
    reparse_tag: int = 0


# Class -> layout, and whether the entry has EaSize, a short name, a FileId as its last field.
_LAYOUTS: Final[dict[int, tuple[Struct, bool, bool, bool]]] = {
    DIRECTORY: (_DIRECTORY, False, False, False),
    FULL_DIRECTORY: (_FULL, True, False, False),
    BOTH_DIRECTORY: (_BOTH, True, True, False),
    ID_BOTH_DIRECTORY: (_ID_BOTH, True, True, True),
    ID_FULL_DIRECTORY: (_ID_FULL, True, False, True),
}


def decode_entries(info_class: int, data: memoryview) -> tuple[DirectoryEntry, ...]:
    """Read a list of entries of one of CLASSES. Raises WireError; no data is an empty list."""
    if info_class == NAMES:
        return tuple(
            DirectoryEntry(counted_text(raw, _NAMES.size, _NAMES.unpack_from(raw)[2]))
            for raw in chained(data, _NAMES.size, 8)
        )
    if info_class in _EXTD:
        return _decode_extd(info_class, data)
    if info_class not in _LAYOUTS:
        raise WireError("not a class of directory entries")
    layout, has_ea_size, has_short_name, has_file_id = _LAYOUTS[info_class]
    entries = []
    for raw in chained(data, layout.size, 8):
        values = layout.unpack_from(raw)
        short = ""
        if has_short_name:
            if values[11] > len(_NO_SHORT_NAME):
                raise WireError("short name too long")
            short = counted_text(memoryview(values[13]), 0, values[11])
        entries.append(
            DirectoryEntry._make(
                (
                    counted_text(raw, layout.size, values[9]),
                    *values[2:9],
                    values[10] if has_ea_size else 0,
                    short,
                    values[-1] if has_file_id else 0,
                    0,
                )
            )
        )
    return tuple(entries)


def _decode_extd(info_class: int, data: memoryview) -> tuple[DirectoryEntry, ...]:
    layout = _EXTD[info_class]
    entries = []
    for raw in chained(data, layout.size, 8):
        values = layout.unpack_from(raw)
        name = counted_text(raw, layout.size, values[9])
        file_id = values[12] if isinstance(values[12], int) else int.from_bytes(values[12], "little")
        entries.append(DirectoryEntry._make((name, *values[2:9], values[10], "", file_id, values[11])))
    return tuple(entries)
