"""Which extended attributes a file has: one list of names, so that what is not there need not be asked for in vain.

A list that cannot be had is None, "not known", and then every attribute is asked for by itself; it never counts as
"none", for a file without a stored descriptor is open to everybody whom the share lets in. What a list names is still
only what the value says. Against a file system whose list succeeds and leaves out what getxattr would give there is no
help here; none is known that does so with `security.*` and `user.*`.
"""

import ctypes
import errno
import os
import sys
from struct import Struct
from typing import Final

_SYS_GETXATTRAT: Final = 464  # Linux 6.13; the same number on every architecture
_SYS_LISTXATTRAT: Final = 465
_AT_SYMLINK_NOFOLLOW: Final = 0x100
_XATTR_ARGS: Final = Struct("=QII")  # struct xattr_args: value, size, flags
_NAMES_SIZE: Final = 512  # what most files have; for more the usual call is asked
_VALUE_SIZE: Final = 256


def _is_known() -> bool:
    """Whether the kernel has the calls, asked with a descriptor that cannot be."""
    if not sys.platform.startswith("linux"):
        return False
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall(_SYS_LISTXATTRAT, -1, b".", 0, None, 0)
    return ctypes.get_errno() == errno.EBADF


# Without giving up the interpreter's lock: the inode has just been looked at.
_held_syscall = ctypes.PyDLL(None).syscall if _is_known() else None
# One for each call: between the call and the look at its answer another thread may have its turn all the same.
_Names: Final = ctypes.c_char * _NAMES_SIZE
_Value: Final = ctypes.c_char * _VALUE_SIZE
# The seventh argument goes over the stack, where a plain int leaves the upper half of its place as it was.
_VALUE_ARGS_SIZE: Final = ctypes.c_size_t(_XATTR_ARGS.size)


def of_entry(directory: int, name: bytes) -> bytes | None:
    """The names of an entry's attributes, with a NUL before and behind each; b"" for none, None for not known."""
    if _held_syscall is not None:
        names = _Names()
        size = _held_syscall(_SYS_LISTXATTRAT, directory, name, _AT_SYMLINK_NOFOLLOW, names, _NAMES_SIZE)
        if size == 0:
            return b""
        if size > 0:
            return b"\0" + names.raw[:size]
    return of_target(f"/proc/self/fd/{directory}/{os.fsdecode(name)}", False)


def of_target(target: int | str, follow: bool = True) -> bytes | None:
    """As `of_entry`, of a descriptor or a path."""
    try:
        names = os.listxattr(target, follow_symlinks=follow)
    except OSError:
        return None
    return os.fsencode("\0" + "\0".join(names) + "\0") if names else b""


def texts(names: bytes) -> list[str]:
    """The names one by one."""
    return [os.fsdecode(name) for name in names.split(b"\0")[1:-1]]


def value_of_entry(directory: int, name: bytes, attribute: bytes) -> bytes | None:
    """The value of an attribute, of at most 256 bytes; None where it has to be asked for in another way."""
    if _held_syscall is None:
        return None
    value = _Value()
    args = _XATTR_ARGS.pack(ctypes.addressof(value), _VALUE_SIZE, 0)
    size = _held_syscall(_SYS_GETXATTRAT, directory, name, _AT_SYMLINK_NOFOLLOW, attribute, args, _VALUE_ARGS_SIZE)
    return value.raw[:size] if size >= 0 else None
