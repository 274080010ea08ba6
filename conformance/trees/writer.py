"""Writes a tree through our own client: CREATE, WRITE, SET_INFO, control codes."""

import struct
from typing import Final

from conformance.client import commands, queries
from conformance.client.protocol import (
    CREATE_NEW,
    DIRECTORY_FILE,
    GENERIC_ALL,
    INFO_FILE,
    INFO_SECURITY,
    NON_DIRECTORY_FILE,
    OPEN,
)
from conformance.client.session import File
from conformance.client.session import Tree as Share
from conformance.trees.tree import BLOCK, DIRECTORY, NORMAL, Node, Piece, Tree, path_of

FULL_EA: Final = 15
DACL: Final = 4
SET_SPARSE: Final = 0x000900C4
_SELF_RELATIVE_DACL: Final = 0x8004
_HEADER_SIZE: Final = 20


def write_tree(share: Share, tree: Tree, folder: str) -> None:
    """Make the folder and all that is in it. Times and attributes come last, what is in a directory before it."""
    _open(share, folder, CREATE_NEW, DIRECTORY_FILE).close()
    for index, node in enumerate(tree):
        options = DIRECTORY_FILE if node.is_directory else NON_DIRECTORY_FILE
        with _open(share, path_of(tree, index, folder), CREATE_NEW, options) as file:
            _write_content(file, node)
    for index in reversed(range(len(tree))):
        path, node = path_of(tree, index, folder), tree[index]
        for name, piece in node.streams:
            with _open(share, f"{path}:{name}", CREATE_NEW) as stream:
                _write(stream, piece)
        with _open(share, path, OPEN) as file:
            _write_metadata(file, node)


def _open(share: Share, path: str, disposition: int, options: int = 0) -> File:
    """As `Share.open`, for names with lone surrogates too."""
    name = path.encode("utf-16-le", "surrogatepass")
    request = commands.create(name, access=GENERIC_ALL, disposition=disposition, options=options)
    return File(share, commands.decode_create(share.call(request).check()))


def _write(file: File, piece: Piece) -> None:
    data = piece.data
    for offset in range(0, len(data), BLOCK):
        file.write(piece.offset + offset, data[offset : offset + BLOCK])


def _write_content(file: File, node: Node) -> None:
    if node.is_sparse:
        file.tree.call(queries.ioctl(SET_SPARSE, b"\1", file.file_id)).check()
    for piece in node.pieces:
        _write(file, piece)
    if not node.is_directory:
        file.set(INFO_FILE, queries.FILE_END_OF_FILE, struct.pack("<Q", node.size))


def _write_metadata(file: File, node: Node) -> None:
    if node.eas:
        file.set(INFO_FILE, FULL_EA, _ea_list(node.eas))
    if node.dacl is not None:
        header = struct.pack("<BBHIIII", 1, 0, _SELF_RELATIVE_DACL, 0, 0, 0, _HEADER_SIZE)
        file.set(INFO_SECURITY, 0, header + node.dacl, additional=DACL)
    attributes = node.attributes or (DIRECTORY if node.is_directory else NORMAL)
    file.set(INFO_FILE, queries.FILE_BASIC, queries.basic_data(*node.times, attributes))


def _ea_list(eas: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """FILE_FULL_EA_INFORMATION, [MS-FSCC] 2.4.16."""
    out = b""
    for number, (name, value) in enumerate(eas, 1):
        size = 8 + len(name) + 1 + len(value)
        step = size + -size % 4 if number < len(eas) else 0
        out += (struct.pack("<IBBH", step, 0, len(name), len(value)) + name + b"\0" + value).ljust(step, b"\0")
    return out
