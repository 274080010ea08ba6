"""A buffer for bytes that are about to be read, without the clearing that `bytearray(n)` does first.

Clearing a MiB costs 20 to 50 us, of 700 for a signed read of it (transcript 0033).
"""

import ctypes
from collections.abc import Callable
from typing import Final, cast

_WORTH_IT: Final = 64 * 1024  # below, clearing is as cheap as the call that avoids it

# Of the C interface; NULL for the bytes leaves them as they come. Other Pythons than CPython may not have it.
_new = getattr(getattr(ctypes, "pythonapi", None), "PyByteArray_FromStringAndSize", None)
if _new is not None:
    _new.argtypes = (ctypes.c_char_p, ctypes.c_ssize_t)
    _new.restype = ctypes.py_object
_uncleared: Final = cast("Callable[[None, int], bytearray] | None", _new)


def uncleared(length: int) -> bytearray:
    """`length` bytes of anything: the caller fills them, and deletes what it could not fill, before anybody looks."""
    return bytearray(length) if _uncleared is None or length < _WORTH_IT else _uncleared(None, length)
