"""Fuzzing guided by coverage, with atheris where it is installed."""

import importlib
import shlex
import sys
from collections.abc import Callable


def fuzz(arguments: list[str], once: Callable[[bytes], object]) -> int:
    """Call `once` until it breaks or libFuzzer's options, `arguments[1:]`, say so. An exit code; 1 without atheris."""
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        print("atheris is not installed: pip install atheris", file=sys.stderr)
        return 1
    atheris.instrument_all()
    again = f"{shlex.quote(sys.executable)} {arguments[0]}"  # libFuzzer calls it by a shell, for -merge and -jobs
    atheris.Setup([again, *arguments[1:]], once)
    atheris.Fuzz()
    return 0
