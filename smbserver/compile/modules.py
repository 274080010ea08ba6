"""Which modules are compiled: those that a request passes through, but for a few with a reason."""

from pathlib import Path
from typing import Final

FOLDERS: Final = (
    "wire",
    "connection",
    "commands",
    "sharing",
    "nt",
    "objects",
    "crypto",
    "transport",
    "backend",
    "backend/posix",
)
FILES: Final = ("dispatch.py", "driver.py")

# mypyc gives such a class room for weak references and does not clear them when an object goes: they dangle.
_WEAK: Final = "a class derived from one that is not compiled (Generic, threading.local)"

TEXT: Final = {
    "backend/base.py": "contracts only; a protocol that inherits from another cannot be compiled",
    "backend/posix/raw_names.py": "patterns of lone surrogates, which no C string holds",
    "backend/posix/local_changes.py": "has an attribute whose name means something to the C compiler",
    "backend/posix/fs_user.py": _WEAK,
    "backend/posix/scan.py": "a generator that nobody closes; only one that is not compiled gives back what it holds",
    "connection/pending.py": _WEAK,
    "connection/steps.py": _WEAK,
}
"""Modules in those folders that stay text, and why. So does waiter.py, of the last kind."""


def compiled_modules(package: Path) -> list[str]:
    """The paths below `package`, in order."""
    found = [path for folder in FOLDERS for path in sorted((package / folder).glob("*.py"))]
    names = [str(path.relative_to(package)) for path in found if path.name != "__init__.py"]
    return [*(name for name in names if name not in TEXT), *FILES]
