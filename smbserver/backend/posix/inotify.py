"""inotify(7), which Python does not offer: one descriptor, watches on directories, events as values."""

import ctypes
import errno
import os
import sys
from struct import Struct
from typing import Final, NamedTuple

IN_MODIFY: Final = 0x00000002
IN_ATTRIB: Final = 0x00000004
IN_MOVED_FROM: Final = 0x00000040
IN_MOVED_TO: Final = 0x00000080
IN_CREATE: Final = 0x00000100
IN_DELETE: Final = 0x00000200
IN_Q_OVERFLOW: Final = 0x00004000
IN_IGNORED: Final = 0x00008000
IN_ISDIR: Final = 0x40000000
_IN_ONLYDIR: Final = 0x01000000
_IN_EXCL_UNLINK: Final = 0x04000000  # a file without a name is nobody's business
_WANTED: Final = (
    IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | _IN_ONLYDIR | _IN_EXCL_UNLINK
)
_HEAD: Final = Struct("@iIII")  # wd, mask, cookie, length of the name with its NULs
_ROOM: Final = 65536  # bytes read at a time; an event has at most 272

_libc = ctypes.CDLL(None, use_errno=True)
_is_linux = sys.platform.startswith("linux")
_init = getattr(_libc, "inotify_init1", None) if _is_linux else None
_add = getattr(_libc, "inotify_add_watch", None) if _is_linux else None
_remove = getattr(_libc, "inotify_rm_watch", None) if _is_linux else None
if _add is not None:
    _add.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)


class Event(NamedTuple):
    """What happened to `name` in the directory with the watch descriptor `wd`; "" is the directory itself."""

    wd: int
    mask: int
    cookie: int
    name: str


class Inotify:
    """One inotify instance. OSError ENOSYS where there is none, EMFILE at the user's limit of instances."""

    def __init__(self) -> None:
        if _init is None or _add is None or _remove is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        self.fd = int(_init(os.O_NONBLOCK | os.O_CLOEXEC))
        if self.fd < 0:
            raise _error()

    def add(self, directory: int) -> int:
        """Watch the directory behind a descriptor. OSError ENOSPC at the user's limit of watches."""
        assert _add is not None
        wd = int(_add(self.fd, b"/proc/self/fd/%d" % directory, _WANTED))
        if wd < 0:
            raise _error()
        return wd

    def remove(self, wd: int) -> None:
        """End a watch; one that the kernel has ended already is none."""
        assert _remove is not None
        _remove(self.fd, wd)

    def read(self) -> list[Event]:
        """The next events, oldest first; [] when there are none."""
        try:
            data = os.read(self.fd, _ROOM)
        except BlockingIOError:
            return []
        return decode(data)

    def close(self) -> None:
        """Give back the descriptor and every watch."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


def decode(data: bytes) -> list[Event]:
    """The kernel's bytes as events."""
    events = []
    offset = 0
    while offset < len(data):
        wd, mask, cookie, length = _HEAD.unpack_from(data, offset)
        offset += _HEAD.size
        name = data[offset : offset + length].rstrip(b"\0")
        offset += length
        events.append(Event(wd, mask, cookie, os.fsdecode(name)))
    return events


def _error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))
