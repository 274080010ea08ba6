"""How the C library keeps freed memory: buffers of large transfers are used again without new page faults.

glibc gives the top of its heap back to the kernel as soon as about two of the largest buffers are free there. A sealed
message of a MiB needs three at a time, so its pages went away with every message and had to be cleared and touched
again: two thirds of the time of an AES-CCM transfer (transcript 0027).
"""

import ctypes
import os
from collections.abc import Mapping
from typing import Final

# Parameters of glibc's mallopt(3), from its malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

OWN_MAPPING_FROM: Final = 16 * 1024 * 1024  # bytes; above the largest frame with all that is around it
KEPT_FREE: Final = 32 * 1024 * 1024  # bytes; two of the largest reads, each with its sealed copy
_SETTINGS: Final = (
    (_M_MMAP_THRESHOLD, OWN_MAPPING_FROM),
    (_M_TRIM_THRESHOLD, KEPT_FREE),
    (_M_ARENA_MAX, 1),  # else every thread would keep as much; the interpreter's lock keeps them apart anyway
)


def keep_freed_memory(environment: Mapping[str, str]) -> bool:
    """Set the process's malloc, before any thread begins. False where nothing was changed.

    Only glibc is known to have these parameters, and who has set it up in the environment keeps what they chose.
    """
    if "GLIBC_TUNABLES" in environment or any(name.startswith("MALLOC_") for name in environment):
        return False
    if "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}):
        return False
    try:
        is_glibc = (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):  # another C library that does not know the question
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if is_glibc else None
    if mallopt is None:
        return False
    return all(mallopt(parameter, value) == 1 for parameter, value in _SETTINGS)
