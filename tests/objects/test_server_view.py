"""What the RPC services learn of the server: only what their caller may know."""

from __future__ import annotations

from smbserver.auth.identity import ANONYMOUS, Identity
from smbserver.objects.server_view import caller_of
from smbserver.rpc.server_view import SHARE_DISK, SHARE_IPC, ServerClock
from tests.harness import OTHER_USER, START, USER, World


def test_names_and_shares(world: World) -> None:
    view = world.state.view
    assert (view.name, view.workgroup) == ("SERVER", "WORKGROUP")
    assert [(share.name, share.kind, share.current_users) for share in view.shares()] == [
        ("data", SHARE_DISK, 0),
        ("ro", SHARE_DISK, 0),
        ("IPC$", SHARE_IPC, 0),
    ]
    assert not any(share.hidden for share in view.shares())
    world.tree("ro")
    assert [share.current_users for share in view.shares()] == [0, 1, 0]


def test_callers_see_their_own_name_only(world: World) -> None:
    session = world.log_on()
    world.log_on(user=OTHER_USER)
    view = world.state.view
    caller = caller_of(world.state.sessions[session.session_id].identity)
    assert [user.name for user in view.users(caller)] == [USER]
    assert view.logged_on_users() == 2
    session.log_off()
    assert view.logged_on_users() == 1


def test_an_unfinished_login_is_nobody(world: World) -> None:
    world.negotiated()
    assert world.state.view.logged_on_users() == 0


def test_who_may_list(world: World) -> None:
    view = world.state.view
    assert view.may_list(caller_of(Identity(USER, "")))
    assert view.may_list(caller_of(Identity("guest", "", is_guest=True)))
    assert not view.may_list(caller_of(ANONYMOUS))


def test_the_clock_is_utc(world: World) -> None:
    assert world.state.view.now() == ServerClock((START - 116444736000000000) / 1e7, 0)
