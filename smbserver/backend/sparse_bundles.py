"""Sparse bundles, in which Time Machine keeps a disk image: a folder of bands, each of which will be filled one day."""

import re
from typing import Final

from smbserver.nt.names import Path, fold_case

PLIST: Final = "Info.plist"
BANDS: Final = "bands"
MAX_PLIST: Final = 64 * 1024  # bytes of it that are looked at; macOS writes some 500
_SUFFIX: Final = fold_case(".sparsebundle")
_BANDS: Final = fold_case(BANDS)
_DEPTH: Final = 3  # bundle, "bands", band
# A file that any client may write: what is not like this is no band size.
_BAND_SIZE: Final = re.compile(rb"<key>band-size</key>\s{0,64}<integer>([0-9]{1,15})</integer>")
_MOST: Final = 1 << 40  # hdiutil makes bands of up to some GiB


def is_bundle(name: str) -> bool:
    """Whether a directory of the share's root is one, by its name."""
    return fold_case(name).endswith(_SUFFIX)


def is_band(path: Path) -> bool:
    """Whether this is where a band would be."""
    return len(path) == _DEPTH and fold_case(path[1]) == _BANDS and is_bundle(path[0])


def band_size(plist: bytes) -> int:
    """Bytes of a band by the first `MAX_PLIST` bytes of Info.plist; 0 when it does not say."""
    found = _BAND_SIZE.search(plist)
    size = 0 if found is None else int(found[1])
    return size if size <= _MOST else 0
