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
FILES: Final = ("dispatch.py", "driver.py", "waiter.py")

TEXT: Final = {
    "backend/base.py": "contracts only; a protocol that inherits from another cannot be compiled",
    "backend/posix/disk_names.py": "patterns of lone surrogates, which no C string holds",
    "backend/posix/local_changes.py": "has an attribute whose name means something to the C compiler",
}
"""Modules in those folders that stay text, and why."""


def compiled_modules(package: Path) -> list[str]:
    """The paths below `package`, in order."""
    found = [path for folder in FOLDERS for path in sorted((package / folder).glob("*.py"))]
    names = [str(path.relative_to(package)) for path in found if path.name != "__init__.py"]
    return [*(name for name in names if name not in TEXT), *FILES]
