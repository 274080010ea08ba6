"""How many bytes the files of a tree in memory have."""

from __future__ import annotations

from smbserver.backend.memory_nodes import Node
from smbserver.backend.sparse_bundles import BANDS, MAX_PLIST, PLIST, band_size, is_bundle
from smbserver.nt.names import fold_case


def measured(root: Node) -> int:
    """Ends of files and streams, what is reserved beyond them, and what bands have less than a whole band.

    In a thread: what changes meanwhile may be counted as it was or as it is.
    """
    seen: set[int] = set()  # files with several names are counted once
    total = 0
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.number not in seen:
            seen.add(node.number)
            total += node.reach() + sum(stream.node.reach() for stream in list(node.streams.values()))
            waiting += [entry.node for entry in node.below()]
    return total + sum(_missing(entry.node) for entry in root.below() if is_bundle(entry.name))


def _missing(bundle: Node) -> int:
    """What the bands of a bundle have less than whole ones."""
    inside = {fold_case(entry.name): entry.node for entry in bundle.below()}
    plist, bands = inside.get(fold_case(PLIST)), inside.get(fold_case(BANDS))
    if plist is None or bands is None:
        return 0
    whole = band_size(plist.head(MAX_PLIST))
    files = [entry.node for entry in bands.below() if type(entry.node) is type(plist)]
    return sum(max(whole - node.reach(), 0) for node in files)
