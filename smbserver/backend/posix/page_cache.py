"""Whether a piece of a file is in the page cache, so that a socket can be given it without waiting for a disk."""

import ctypes
import mmap
import sys
from struct import Struct
from typing import Final

_SYS_CACHESTAT: Final = 451  # Linux 6.5; the same number on every architecture
_RANGE: Final = Struct("=QQ")  # struct cachestat_range: offset, length
_PAGES: Final = Struct("=QQQQQ")  # struct cachestat; the first is the pages that are there
_PAGE: Final = mmap.PAGESIZE

_syscall = ctypes.CDLL(None, use_errno=True).syscall if sys.platform.startswith("linux") else None
_counted = ctypes.create_string_buffer(_PAGES.size)  # the event loop alone asks


def is_cached(descriptor: int, offset: int, length: int) -> bool:
    """True when every page of the range is there; False when one is not, or nobody can say."""
    if _syscall is None or _syscall(_SYS_CACHESTAT, descriptor, _RANGE.pack(offset, length), _counted, 0) != 0:
        return False
    there: int = _PAGES.unpack(_counted)[0]
    return there == (offset + length - 1) // _PAGE - offset // _PAGE + 1
