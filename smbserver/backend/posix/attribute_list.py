"""Which extended attributes a file has: one list of names, so that what is not there need not be asked for in vain.

A list that cannot be had is None, "not known", and then every attribute is asked for by itself; it never counts as
"none", for a file without a stored descriptor is open to everybody whom the share lets in. What a list names is still
only what the value says. Against a file system whose list succeeds and leaves out what getxattr would give there is no
help here; none is known that does so with `security.*` and `user.*`.
"""

import os

from smbserver.backend.posix.syscalls import attribute_names


def of_entry(directory: int, name: bytes) -> bytes | None:
    """The names of an entry's attributes, with a NUL before and behind each; b"" for none, None for not known."""
    found = attribute_names(directory, name)
    if found is None:
        return of_target(f"/proc/self/fd/{directory}/{os.fsdecode(name)}", False)
    return found


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
