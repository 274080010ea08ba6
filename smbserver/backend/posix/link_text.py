"""The text of a symbolic link on the disk: read and judged, or made of a target."""

import errno
import os
from typing import Final

from smbserver.backend.posix.disk_names import to_disk, to_wire
from smbserver.nt import link_targets
from smbserver.nt.link_targets import PARENT, Target

_SAME_DIRECTORY: Final = "."


def read_target(directory: int, name: str, depth: int) -> Target | None:
    """Where the link `name` in a directory `depth` levels below the root leads; None for what clients may not see.

    That is a target that is absolute, not plain, above the root, or without a name on the wire; and what is no link.
    """
    try:
        text = os.readlink(name, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return None
        raise
    target = link_targets.from_host(text)
    if target is None or link_targets.rise(target) > depth:
        return None
    shown = [component if component == PARENT else to_wire(component) for component in target]
    names = tuple(component for component in shown if component is not None)
    return names if len(names) == len(shown) else None


def to_text(target: Target) -> str:
    """What the disk is to have. Raises StatusError OBJECT_NAME_INVALID for a name that it cannot have."""
    names = [component if component == PARENT else to_disk(component) for component in target]
    return "/".join(names) or _SAME_DIRECTORY
