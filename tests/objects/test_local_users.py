"""Whom a tree acts as: the server's own user, the mapped one, the share's owner; never somebody who is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smbserver.auth.identity import ANONYMOUS, Identity
from smbserver.backend.acting import LocalUser
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.objects.local_users import LocalUsers
from smbserver.objects.share import Share

if TYPE_CHECKING:
    from types import TracebackType

    from smbserver.backend.base import Backend

ROOT = LocalUser("root", 0, 0, (0,))
ANN = LocalUser("ann", 1001, 1001, (1001, 50))
BOB = LocalUser("bob", 1002, 1002, (1002,))
GUEST = LocalUser("nobody", 65534, 65534, ())
WWW = LocalUser("www", 33, 33, (33,))


class Entered:
    """Stands for what a thread enters."""

    def __init__(self, user: LocalUser) -> None:
        self.user = user

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to do."""


class SomeBackend:
    """A share with a backend is no pipe; nobody calls it here."""

    has_streams = False


def share(owner: LocalUser | None = None, group: int | None = None) -> Share:
    backend: Backend = SomeBackend()  # type: ignore[assignment]  # nothing of it is used
    return Share("s", backend, owner=owner, group=group)


def who(name: str) -> Identity:
    return Identity(name, "WORKGROUP")


def test_ordinarily_everybody_is_the_servers_own_user_and_nothing_is_entered() -> None:
    users = LocalUsers(ANN)
    assert users.on_share(share(), who("bob")) == (ANN, None)
    assert users.on_share(share(), Identity("", "", is_guest=True)) == (ANN, None)


def test_mapped_users_are_found_as_clients_write_names() -> None:
    users = LocalUsers(ROOT, Entered, {"ANN": ANN, "BOB": BOB}, GUEST)
    for name, expected in (("ann", ANN), ("ANN", ANN), ("Bob", BOB)):
        user, acting = users.on_share(share(), who(name))
        assert user == expected
        assert acting is not None
        assert acting.user == expected


def test_a_guest_is_the_guests_user_whatever_name_is_claimed() -> None:
    users = LocalUsers(ROOT, Entered, {"ANN": ANN}, GUEST)
    assert users.on_share(share(), Identity("ann", "", is_guest=True))[0] == GUEST


@pytest.mark.parametrize("identity", [ANONYMOUS, who("carol"), Identity("", "", is_guest=True)])
def test_who_is_no_local_user_is_nobody_at_all(identity: Identity) -> None:
    users = LocalUsers(ROOT, Entered, {"ANN": ANN})
    with pytest.raises(StatusError) as refusal:
        users.on_share(share(), identity)
    assert refusal.value.status == status.ACCESS_DENIED


def test_a_shares_owner_and_group_win() -> None:
    users = LocalUsers(ROOT, Entered, {"ANN": ANN}, GUEST)
    assert users.on_share(share(owner=WWW), who("ann"))[0] == WWW
    assert users.on_share(share(group=7), who("ann"))[0] == ANN._replace(gid=7)
    assert users.on_share(share(owner=WWW, group=7), who("carol"))[0] == WWW._replace(gid=7)


def test_without_mapping_a_share_without_owner_is_the_servers_user_and_says_so_to_the_thread() -> None:
    """Some other share has an owner: at rest the thread is nobody, so this one must be entered too."""
    users = LocalUsers(ROOT, Entered)
    user, acting = users.on_share(share(), who("carol"))
    assert user == ROOT
    assert acting is not None
    assert acting.user == ROOT


def test_one_user_has_one_context() -> None:
    users = LocalUsers(ROOT, Entered, {"ANN": ANN})
    assert users.on_share(share(), who("ann"))[1] is users.on_share(share(), who("ann"))[1]


def test_pipes_are_nobodys() -> None:
    users = LocalUsers(ROOT, Entered, {"ANN": ANN})
    assert users.on_share(Share("IPC$", None), ANONYMOUS) == (ROOT, None)
