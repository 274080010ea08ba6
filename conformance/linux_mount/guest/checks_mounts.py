"""What a person sees who mounts what they may not, or something that is not there."""

import errno
from pathlib import Path

from conformance.linux_mount.guest.place import Place, refused, same

ELSEWHERE = Path("/elsewhere")


def check_wrong_password(place: Place) -> None:
    """EACCES, and the next try with the right one is taken, later."""
    same("wrong", place.mount(ELSEWHERE, "data", _with_password(place, "wrong")), "Permission denied")
    same("right", place.mount(ELSEWHERE, "data", ",".join(place.options)), "")
    place.unmount(ELSEWHERE)


def check_unknown_share(place: Place) -> None:
    """ENOENT."""
    same("no such share", place.mount(ELSEWHERE, "nothing", ",".join(place.options)), "No such file or directory")


def check_read_only_share(place: Place) -> None:
    """It is mounted and listed; to write there is more than the tree connect grants ([MS-SMB2] 3.3.5.9)."""
    same("mounted", place.mount(ELSEWHERE, "ro", ",".join(place.options)), "")
    try:
        same("empty", list(ELSEWHERE.iterdir()), [])
        refused("a new file", errno.EACCES, lambda: (ELSEWHERE / "file").write_text(""))
        refused("a new folder", errno.EACCES, lambda: (ELSEWHERE / "folder").mkdir())
    finally:
        place.unmount(ELSEWHERE)


def _with_password(place: Place, password: str) -> str:
    return ",".join(f"password={password}" if word.startswith("password=") else word for word in place.options)
