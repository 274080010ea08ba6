"""The model: what a random tree consists of, how hypothesis makes one, and what a server has to show of it."""

import struct
from dataclasses import dataclass
from typing import Final, Literal
from unicodedata import normalize

from hypothesis import strategies as st

from smbserver.backend.posix.own_attributes import is_own
from smbserver.backend.posix.raw_names import encode_name
from smbserver.nt.names import fold, fold_case

READONLY: Final = 0x1
HIDDEN: Final = 0x2
SYSTEM: Final = 0x4
DIRECTORY: Final = 0x10
ARCHIVE: Final = 0x20
NORMAL: Final = 0x80
TEMPORARY: Final = 0x100
SPARSE: Final = 0x200
OFFLINE: Final = 0x1000
NOT_INDEXED: Final = 0x2000

MAX_NODES: Final = 9
MAX_NAME_BYTES: Final = 255  # NAME_MAX of the file systems in use
MAX_STREAM_BYTES: Final = 200  # less than what an attribute's name has room for beside Samba's prefix and suffix
BLOCK: Final = 65536  # holes begin and end at its multiples, and so do allocated ranges on every file system in use
PAGE: Final = 4096
LAST_FILETIME: Final = (1 << 63) - 1

EVERYONE: Final = bytes.fromhex("010100000000000100000000")
ALL_RIGHTS: Final = 0x001F01FF
# [MS-FSCC] 2.1.5.2 forbids these in a file's name, 2.1.5.3 those in a stream's.
_NOT_IN_NAMES: Final = '"*/:<>?\\|' + "".join(map(chr, range(32)))
_NOT_IN_STREAMS: Final = "\\/:\0"
# What goes wrong elsewhere: composed and decomposed forms, case without a pair, characters beyond 16 bits, joiners,
# the private range that macOS sends forbidden characters in, lone surrogates and those that stand for raw bytes.
_SPECIAL: Final = (
    "e\u0301", "\u00e9", "\u212b", "A\u030a", "\u1e9e", "\u00df", "\u0130", "\u0131", "\u01c5", "\ufb01", "\u03c2",
    "\U0001f600", "\U0001f468\u200d\U0001f469", "\U00010400", "\U00010428", "\U0010ffff", "\ufffe", "\ufeff", "\u202e",
    "\uf001", "\uf020", "\uf022", "\uf026", "\uf027", "\uf028", "\uf029", "\ud800", "\udbff", "\udc00", "\udfff",
    "\udc80", "\udcff", " ", ".", "~1", "\x7f", "\x85", "%", "$DATA",
)  # fmt: skip
_LAST_SHOWN: Final = {" ": "\uf028", ".": "\uf029"}  # what macOS and Linux send for a last space or dot


@dataclass(frozen=True)
class Piece:
    """Bytes of a file: a pattern repeated to `length`, at `offset`."""

    offset: int
    pattern: bytes
    length: int

    @property
    def data(self) -> bytes:
        """The bytes."""
        return (self.pattern * (self.length // len(self.pattern) + 1))[: self.length]


@dataclass(frozen=True)
class Node:
    """A file or directory. `parent` is the index of its directory in the tree, -1 the tree's folder."""

    parent: int
    name: str
    is_directory: bool
    size: int
    pieces: tuple[Piece, ...]
    is_sparse: bool
    streams: tuple[tuple[str, Piece], ...]
    eas: tuple[tuple[bytes, bytes], ...]
    dacl: bytes | None
    times: tuple[int, int, int, int]
    """Creation, access, write, change, as FILETIMEs."""
    attributes: int

    @property
    def content(self) -> bytes:
        """All bytes of the file."""
        data = bytearray(self.size)
        for piece in self.pieces:
            data[piece.offset : piece.offset + piece.length] = piece.data
        return bytes(data)

    @property
    def shown_name(self) -> str:
        """The name as a listing has it."""
        return self.name[:-1] + _LAST_SHOWN.get(self.name[-1], self.name[-1])

    @property
    def shown_attributes(self) -> int:
        """The attributes as they are shown: what was set, what follows from the file, and dot files are hidden."""
        shown = self.attributes | (DIRECTORY if self.is_directory else 0) | (SPARSE if self.is_sparse else 0)
        return shown | (HIDDEN if self.name[0] == "." else 0) or NORMAL

    @property
    def ea_size(self) -> int:
        """EaSize ([MS-FSA] 2.1.5.12.10): four bytes, and five beside each name and value."""
        return sum(5 + len(name) + len(value) for name, value in self.eas) + 4 if self.eas else 0

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Offset and length of what is allocated in a sparse file."""
        merged: list[tuple[int, int]] = []
        for piece in self.pieces:
            if merged and sum(merged[-1]) == piece.offset:
                merged[-1] = (merged[-1][0], merged[-1][1] + piece.length)
            else:
                merged.append((piece.offset, piece.length))
        return merged


Tree = tuple[Node, ...]
"""Directories stand before what is in them."""


def path_of(tree: Tree, index: int, folder: str) -> str:
    """The path of a node below the share."""
    names = []
    while index >= 0:
        names.append(tree[index].name)
        index = tree[index].parent
    return "\\".join([folder, *reversed(names)])


def children(tree: Tree, index: int) -> list[int]:
    """What is in a directory."""
    return [number for number, node in enumerate(tree) if node.parent == index]


def on_wire(text: str) -> str:
    """Surrogates that stand beside each other are one character on the wire."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _fits(name: str, limit: int) -> bool:
    """Whether there are bytes for it: lone surrogates for raw bytes that make a character together have none."""
    return len(name.encode("utf-8", "surrogatepass")) <= limit and encode_name(name) is not None


def _stretched(name: str) -> str:
    """The name again and again, as long as there is room."""
    return on_wire(name * (MAX_NAME_BYTES // len(name.encode("utf-8", "surrogatepass"))))


def _texts(forbidden: str) -> st.SearchStrategy[str]:
    any_character = st.characters(exclude_characters=forbidden)
    with_surrogates = st.characters(categories=None, exclude_characters=forbidden)
    pieces = any_character | with_surrogates | st.sampled_from(_SPECIAL)
    return st.lists(pieces, min_size=1, max_size=8).map("".join).map(on_wire)


def _is_name(name: str) -> bool:
    # The last two are "." and ".." once macOS' private dot is a dot again.
    return _fits(name, MAX_NAME_BYTES) and name not in (".", "..", "\uf029", ".\uf029")


_PLAIN: Final = _texts(_NOT_IN_NAMES)
_AROUND: Final = st.tuples(st.sampled_from(("", ".", " ")), _PLAIN, st.sampled_from((".", " ", "\uf028", "\uf029", "")))
NAMES: Final = (_PLAIN | _AROUND.map("".join).map(on_wire) | _PLAIN.map(_stretched)).filter(_is_name)
STREAM_NAMES: Final = _texts(_NOT_IN_STREAMS).filter(lambda name: _fits(name, MAX_STREAM_BYTES))
_EA_BYTES: Final = sorted(set(range(0x20, 256)) - set(b'\\/:*?"<>|,+=[];'))  # [MS-FSCC] 2.4.16
EA_NAMES: Final = (
    st.lists(st.sampled_from(_EA_BYTES), min_size=1, max_size=30)
    .map(bytes)
    .filter(lambda name: not is_own("user." + name.decode("utf-8", "surrogateescape")))
)
# Around 1970, today, and all there are: zero and negative ones have other meanings ([MS-FSCC] 2.4.7).
TIMES: Final = (
    st.integers(132_000_000_000_000_000, 140_000_000_000_000_000)
    | st.integers(116_444_000_000_000_000, 116_445_000_000_000_000)
    | st.integers(1, LAST_FILETIME)
)
_PATTERNS: Final = st.binary(min_size=1, max_size=5)


@st.composite
def _dacls(draw: st.DrawFn) -> bytes:
    """Everybody may everything, and behind that, where it takes nothing away, whatever there is."""
    entries = [struct.pack("<BBHI", 0, 0, 8 + len(EVERYONE), ALL_RIGHTS) + EVERYONE]
    for _ in range(draw(st.integers(0, 3))):
        numbers = draw(st.lists(st.integers(0, 0xFFFFFFFF), min_size=1, max_size=5))
        who = struct.pack(">BBHI", 1, len(numbers), 0, 5) + struct.pack(f"<{len(numbers)}I", *numbers)
        kind, flags, mask = draw(st.integers(0, 1)), draw(st.integers(0, 15)), draw(st.integers(0, ALL_RIGHTS))
        entries.append(struct.pack("<BBHI", kind, flags, 8 + len(who), mask & ALL_RIGHTS) + who)
    return struct.pack("<BBHHH", 2, 0, 8 + sum(map(len, entries)), len(entries), 0) + b"".join(entries)


@st.composite
def _contents(draw: st.DrawFn) -> tuple[int, tuple[Piece, ...], bool]:
    """Size, pieces, and whether the file is sparse; the pieces of a sparse file are whole pages."""
    pieces: tuple[Piece, ...]
    if draw(st.booleans()):
        length = draw(st.integers(0, 300) | st.integers(0, 150_000))
        pieces = (Piece(0, draw(_PATTERNS), length),) if length else ()
        return length + draw(st.integers(0, 9000)), pieces, False
    blocks = sorted(draw(st.sets(st.integers(0, 6), max_size=4)))
    pieces = tuple(Piece(block * BLOCK, draw(_PATTERNS), draw(st.integers(1, 16)) * PAGE) for block in blocks)
    end = pieces[-1].offset + pieces[-1].length if pieces else 0
    return end + draw(st.sampled_from((0, PAGE, BLOCK, 1 << 20))), pieces, True


@st.composite
def _nodes(draw: st.DrawFn, parent: int, name: str) -> Node:
    is_directory = draw(st.booleans())
    size, pieces, is_sparse = (0, (), False) if is_directory else draw(_contents())
    lengths = st.integers(0, 100) | st.sampled_from((0, 65535, 65536, 100_000))
    stream_pieces = st.builds(Piece, st.just(0), _PATTERNS, lengths)
    # Of streams the server holds composed and decomposed forms to be one name, as `fold` does; of files it does not.
    streams = draw(st.lists(st.tuples(STREAM_NAMES, stream_pieces), max_size=3, unique_by=lambda each: fold(each[0])))
    values = st.binary(min_size=1, max_size=40) | st.builds(lambda b, n: b * n, _PATTERNS, st.integers(1, 800))
    eas = draw(st.lists(st.tuples(EA_NAMES, values), max_size=3, unique_by=lambda each: each[0].upper()))
    settable = [READONLY, HIDDEN, SYSTEM, ARCHIVE, OFFLINE, NOT_INDEXED, *([] if is_directory else [TEMPORARY])]
    return Node(
        parent, name, is_directory, size, pieces, is_sparse, tuple(streams), tuple(eas),
        dacl=draw(st.none() | _dacls()),
        times=draw(st.tuples(TIMES, TIMES, TIMES, TIMES)),
        attributes=sum(draw(st.sets(st.sampled_from(settable)))),
    )  # fmt: skip


def _other_forms(names: list[str]) -> st.SearchStrategy[str]:
    """What looks the same and is another name: composed or decomposed."""
    forms: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
    return st.builds(normalize, st.sampled_from(forms), st.sampled_from(names))


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Up to MAX_NODES files and directories."""
    nodes: list[Node] = []
    taken: set[tuple[int, str]] = set()
    for _ in range(draw(st.integers(1, MAX_NODES))):
        parent = draw(st.sampled_from([-1, *(index for index, node in enumerate(nodes) if node.is_directory)]))
        names = NAMES
        if siblings := [node.name for node in nodes if node.parent == parent]:
            names |= _other_forms(siblings).filter(_is_name)
        node = draw(_nodes(parent, draw(names)))
        key = fold_case(node.shown_name)
        if (parent, key) not in taken:  # two names that differ in case only cannot both be in one place
            taken.add((parent, key))
            nodes.append(node)
    return tuple(nodes)
