"""The user that Linux takes a thread for in file systems: fsuid, fsgid and groups, which are each thread's own.

A switched thread is at rest as nobody (uid 65534), and becomes a local user, or the server's own root, only inside a
context. From 0 to any other fsuid the kernel takes CAP_DAC_OVERRIDE and its relatives out of the effective set, and
gives them back on the way home. Transcript 0019, D2 and D3.
"""

import ctypes
import errno
import logging
import os
import platform
import pwd
import sys
import threading
from collections.abc import Callable, Iterable
from struct import Struct
from types import TracebackType
from typing import Final, TypeVar

from smbserver.backend.acting import ActsAs, LocalUser

log = logging.getLogger(__name__)

T = TypeVar("T")

REST: Final = LocalUser("", 65534, 65534, ())  # the overflow uid, which owns nothing

# libc's setgroups tells every thread; the system call only the one that calls. The 32-bit machines have two of them.
_SETGROUPS: Final = {
    "x86_64": 116,
    "aarch64": 159,
    "riscv64": 159,
    "loongarch64": 159,
    "ppc64le": 81,
    "s390x": 206,
    "armv7l": 206,
    "armv6l": 206,
    "i686": 206,
}
_ASK: Final = 0xFFFFFFFF  # no user's id: setfsuid and setfsgid then change nothing and tell what is

_CAPABILITY_VERSION_3: Final = 0x20080522
_CAPABILITY_HEAD: Final = Struct("=Ii")  # version, thread: 0 is the calling one
_CAPABILITY_DATA: Final = Struct("=6I")  # effective, permitted, inheritable of the lower 32, then of the upper
_CAP_SYS_RESOURCE: Final = 1 << 24  # with it quotas and the blocks reserved for root mean nothing
_CAP_FS: Final = 0x1F  # CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID

_libc = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter's lock: these calls never wait
_setfsuid: Callable[[int], int] | None = getattr(_libc, "setfsuid", None)
_setfsgid: Callable[[int], int] | None = getattr(_libc, "setfsgid", None)
_syscall = _libc.syscall if sys.platform.startswith("linux") else None


def current_uid() -> int:
    """Whose rights the calling thread has with files, switched or not."""
    return os.geteuid() if _setfsuid is None else _setfsuid(_ASK) & _ASK


def own_user() -> LocalUser:
    """Who this process is."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return LocalUser(name, uid, os.getegid(), tuple(os.getgroups()))


class _Thread(threading.local):
    """What is known of the calling thread; a new one knows nothing of itself, whoever made it."""

    def __init__(self) -> None:
        self.current: LocalUser | None = None  # None: at rest, or never switched
        self.loaded: LocalUser | None = None  # whose gid and groups it has
        self.before: list[LocalUser | None] = []
        self.begun = False


# Of the process, as the threads themselves are: two servers in one thread must not know different things of it.
_THREAD: Final = _Thread()


class FsUsers:
    """Begin and end it on the thread of the event loop. PermissionError and OSError ENOSYS where it cannot be had.

    One at a time in one thread: `begin` raises OSError EBUSY for a second one.
    """

    def __init__(self) -> None:
        number = _SETGROUPS.get(platform.machine())
        if _setfsuid is None or _setfsgid is None or _syscall is None or number is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        if os.geteuid() != 0:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        self._number = number
        self._had_resource = False
        self._begun = False
        self._server = own_user()
        self.as_server: ActsAs = Acting(self, self._server)

    def check(self, users: Iterable[LocalUser]) -> None:
        """Become each of them for a moment, before `begin`. Raises PermissionError, OSError EBUSY."""
        _check_free()
        try:
            for user in users:
                self._become(user)
        finally:
            self._become(self._server)

    def begin(self) -> None:
        """From here on the calling thread, and what it has done by others, is nobody outside of contexts."""
        _check_free()
        _THREAD.begun = self._begun = True
        self._had_resource = _effective(_CAP_SYS_RESOURCE, False)
        self._rest()
        if _capabilities()[0] & _CAP_FS:
            self.end()  # somebody has told the kernel not to (SECBIT_NO_SETUID_FIXUP)
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    def end(self) -> None:
        """The calling thread is the server's own user again; nothing happens when it has not begun."""
        if not self._begun:
            return
        _THREAD.begun = self._begun = False
        self._become(self._server)
        _THREAD.current = None
        _THREAD.before.clear()
        if self._had_resource:
            _effective(_CAP_SYS_RESOURCE, True)
            self._had_resource = False

    def acting(self, user: LocalUser) -> ActsAs:
        """What a thread enters to be this user."""
        return Acting(self, user)

    def carried(self, call: Callable[[], T]) -> Callable[[], T]:
        """The call as it is to be made in another thread: by whoever the calling thread is now."""
        user = _THREAD.current

        def run() -> T:
            with Acting(self, REST if user is None else user):
                return call()

        return run

    def push(self, user: LocalUser) -> None:
        """See Acting."""
        thread = _THREAD
        before = thread.current
        if before is not user:
            try:
                self._become(user)
            except OSError as error:
                log.error("this thread could not become uid %d: %s", user.uid, error.strerror)
                self._go_back(before)
                raise
            thread.current = user
        thread.before.append(before)

    def pop(self) -> None:
        """See Acting."""
        thread = _THREAD
        before = thread.before.pop()
        if before is not thread.current:
            self._go_back(before)

    def _go_back(self, user: LocalUser | None) -> None:
        """To who it was, and if that cannot be, to rest: to leave must not end a request that has done its work."""
        _THREAD.current = user
        if user is not None:
            try:
                self._become(user)
            except OSError:
                _THREAD.current = REST  # whoever enters next sets everything anew
                self._rest()
        else:
            self._rest()

    def _rest(self) -> None:
        """Only the uid: the next request is most often the same user's. It has no error that could be met."""
        assert _setfsuid is not None
        _setfsuid(REST.uid)

    def _become(self, user: LocalUser) -> None:
        """Groups, gid, uid: each set outright, nothing inherited. Raises PermissionError."""
        assert _setfsuid is not None
        assert _setfsgid is not None
        assert _syscall is not None
        thread = _THREAD
        if thread.loaded is not user:
            thread.loaded = None
            count = len(user.groups)
            groups = (ctypes.c_uint32 * count)(*user.groups)
            if _syscall(self._number, count, groups) != 0:
                raise PermissionError(errno.EPERM, f"setgroups: {os.strerror(ctypes.get_errno())}")
            _setfsgid(user.gid)
            if _setfsgid(_ASK) & _ASK != user.gid:
                raise PermissionError(errno.EPERM, "setfsgid")
            thread.loaded = user
        _setfsuid(user.uid)
        if _setfsuid(_ASK) & _ASK != user.uid:  # it has no other way to say that it failed
            raise PermissionError(errno.EPERM, "setfsuid")


def _check_free() -> None:
    if _THREAD.begun:
        raise OSError(errno.EBUSY, "another server in this thread acts as other users already")


class Acting:
    """See `backend.acting.ActsAs`."""

    __slots__ = ("_users", "user")

    def __init__(self, users: FsUsers, user: LocalUser) -> None:
        self._users = users
        self.user = user

    def __enter__(self) -> None:
        self._users.push(self.user)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._users.pop()


def _capabilities() -> list[int]:
    """Of this thread: effective, permitted, inheritable of the lower 32, then of the upper."""
    data = ctypes.create_string_buffer(_CAPABILITY_DATA.size)
    if _libc.capget(_CAPABILITY_HEAD.pack(_CAPABILITY_VERSION_3, 0), data) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    return list(_CAPABILITY_DATA.unpack(data.raw))


def _effective(capability: int, wanted: bool) -> bool:
    """Put a capability of this thread in or out of force; whether it was in. Without it permitted nothing happens."""
    data = _capabilities()
    had = data[0] & capability != 0
    data[0] = data[0] & ~capability | (capability & data[1] if wanted else 0)
    if _libc.capset(_CAPABILITY_HEAD.pack(_CAPABILITY_VERSION_3, 0), _CAPABILITY_DATA.pack(*data)) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    return had
