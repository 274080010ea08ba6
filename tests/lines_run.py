"""How much Python a call runs, as a count of lines: neither a busy machine nor the garbage collector changes it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import TraceFunction


def lines_run(action: Callable[[], object]) -> int:
    """Do `action` and return the number of lines that it ran in functions written in Python, calls and returns too.

    What one call into C does is not seen. An exception of `action` is the caller's.
    """
    count = 0

    def trace(_frame: FrameType, _event: str, _argument: object) -> TraceFunction:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count
