"""Finds the faster build of this Python, to make the private environment of.

Built with a profile, as distributions build theirs, Python takes up to a third less CPU for the same work than built
without one, as pyenv does (transcript 0049). Nothing in it says reliably which it is, so both are measured. Like
`bootstrap`, this file imports the standard library only and parses on Python 3.8.
"""

from __future__ import annotations

import os
import subprocess
import sys

SYSTEM_FOLDER = "/usr/bin"  # root's: never a folder of PATH, which somebody else may write to
WORTH_IT = 1.25  # times as fast; two runs of the same Python differ by a twentieth
PROBE_SECONDS = 10.0  # one that takes longer is not taken; it needs half a second
# Ends with an error in a Python of which no environment can be made, or that is another one than its name says.
_PROBE = """
import ensurepip, struct, sys, time, venv
assert sys.version_info[:2] == {version}
class Thing:
    __slots__ = ("known", "value")
    def __init__(self, value):
        self.value, self.known = value, {{}}
    def look(self, key):
        self.known[key] = self.value
        return self.known.get(key)
def work():
    thing, layout, room = Thing(3), struct.Struct("<IHHQ"), bytearray(64)
    for number in range(40000):
        thing.look(number & 63)
        layout.pack_into(room, 0, number, 1, 2, 3)
        len(memoryview(room)[4:layout.unpack_from(room)[1] + 8])
best = 60.0
for _ in range(5):
    began = time.process_time()
    work()
    best = min(best, time.process_time() - began)
print(best)
"""


def faster_python(own: str) -> str | None:
    """The path of the system's build of this Python, if it is much faster than the one at `own`; else None."""
    version = sys.version_info[:2]
    system = f"{SYSTEM_FOLDER}/python{version[0]}.{version[1]}"
    if os.path.realpath(own) == os.path.realpath(system) or not os.access(system, os.X_OK):
        return None
    theirs, ours = _seconds(system), _seconds(own)
    return system if theirs is not None and ours is not None and ours > theirs * WORTH_IT else None


def _seconds(python: str) -> float | None:
    """What a little work costs in it; None when it cannot do it."""
    probe = _PROBE.format(version=tuple(sys.version_info[:2]))
    try:
        done = subprocess.run(
            [python, "-I", "-c", probe],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
            check=True,
        )
        return float(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
