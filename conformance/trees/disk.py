"""Compares a tree on the disk with the model: names, bytes, times, and what is kept in extended attributes."""

import os
from pathlib import Path
from typing import Final

from conformance.trees.reader import same
from conformance.trees.tree import HIDDEN, Node, Tree, children
from smbserver.backend.posix import dos_attributes
from smbserver.backend.posix.disk_names import STORE_NAME, to_wire
from smbserver.backend.posix.stream_attributes import load, pointer, stored_streams
from smbserver.nt.attributes import SETTABLE
from smbserver.nt.filetime import to_unix_ns

# Every file system in use has these times, so they are its own; others are kept in an attribute.
_FIRST_ON_DISK: Final = 116_444_736_000_000_000  # 1970
_LAST_ON_DISK: Final = 137_919_572_480_000_000  # 2038
_KEPT_HIDDEN: Final = SETTABLE & ~HIDDEN  # dot files are hidden whatever is kept


def check_disk(root: Path, tree: Tree, folder: str) -> None:
    """Raises Different."""
    _check_directory(root, root / folder, tree, -1)


def _check_directory(root: Path, directory: Path, tree: Tree, parent: int) -> None:
    found = {to_wire(name): name for name in os.listdir(directory)}
    nodes = {tree[index].shown_name: index for index in children(tree, parent)}
    same(f"names on the disk in {str(directory)!a}", sorted(nodes), sorted(name or "(none)" for name in found))
    for name, index in nodes.items():
        path = directory / found[name]
        _check_node(root, path, tree[index])
        if tree[index].is_directory:
            _check_directory(root, path, tree, index)


def _check_node(root: Path, path: Path, node: Node) -> None:
    label = f"{str(path)!a} on the disk"
    state = path.stat()
    created, _, written, _ = node.times
    if _FIRST_ON_DISK <= written <= _LAST_ON_DISK:
        same(f"time of {label}", to_unix_ns(written), state.st_mtime_ns)
    kept = dos_attributes.decode(os.getxattr(path, dos_attributes.XATTR))
    same(f"creation time of {label}", created, kept.creation_time)
    mask = _KEPT_HIDDEN if node.name[0] == "." else SETTABLE
    same(f"attributes of {label}", hex(node.attributes & mask), hex((kept.attributes or 0) & mask))
    if not node.is_directory:
        same(f"bytes of {label}", node.content, path.read_bytes())
    for name, value in node.eas:
        same(f"EA {name!r} of {label}", value, os.getxattr(path, b"user." + name))
    streams = {}
    for stored in stored_streams(str(path)).values():
        data = load(str(path), stored.raw)
        streams[stored.name] = _stream_file(root, path, stored.raw) if data is None else data
    same(f"streams of {label}", {name: piece.data for name, piece in node.streams}, streams)


def _stream_file(root: Path, path: Path, raw: bytes) -> bytes | None:
    """A stream too large for an attribute."""
    name = pointer(str(path), raw)
    return None if name is None else (root / STORE_NAME / name).read_bytes()
