"""Names and numbers of the host's users and groups, as the host's name service tells them. Blocking: for a thread."""

import grp
import pwd
from collections.abc import Callable, Iterable
from typing import TypeVar

from smbserver.rpc.host_names import HostAnswer, HostQuestion

K = TypeVar("K")
V = TypeVar("V")


def ask_host(question: HostQuestion) -> HostAnswer:
    """What the host knows of it; an error of a name service is no knowledge."""
    return HostAnswer(
        _known(question.uids, lambda uid: pwd.getpwuid(uid).pw_name),
        _known(question.gids, lambda gid: grp.getgrgid(gid).gr_name),
        _known(question.users, lambda name: pwd.getpwnam(name).pw_uid),
        _known(question.groups, lambda name: grp.getgrnam(name).gr_gid),
    )


def _known(wanted: Iterable[K], look_up: Callable[[K], V]) -> dict[K, V]:
    found = {}
    for key in wanted:
        try:
            found[key] = look_up(key)
        except (KeyError, OSError, OverflowError, ValueError):  # absent; unreachable; no number or name to this host
            continue
    return found
