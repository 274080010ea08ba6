"""What the RPC services learn of the server: only what their caller may know."""

from __future__ import annotations

from conformance.client.commands import LOCK_EXCLUSIVE, LOCK_FAIL_IMMEDIATELY
from conformance.client.protocol import GENERIC_READ, GENERIC_WRITE, OPEN_IF
from smbserver.auth.identity import ANONYMOUS, Identity
from smbserver.objects.server_view import caller_of
from smbserver.rpc.host_names import HostAnswer, HostQuestion
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
    caller = caller_of(world.state.sessions[session.session_id].identity, "")
    assert [user.name for user in view.users(caller)] == [USER]
    assert view.logged_on_users() == 2
    session.log_off()
    assert view.logged_on_users() == 1


def test_an_unfinished_login_is_nobody(world: World) -> None:
    world.negotiated()
    assert world.state.view.logged_on_users() == 0


def test_who_may_list(world: World) -> None:
    view = world.state.view
    assert view.may_list(caller_of(Identity(USER, ""), ""))
    assert view.may_list(caller_of(Identity("guest", "", is_guest=True), ""))
    assert not view.may_list(caller_of(ANONYMOUS, ""))


def test_the_clock_is_utc(world: World) -> None:
    assert world.state.view.now() == ServerClock((START - 116444736000000000) / 1e7, 0)


def test_callers_see_their_own_sessions_files_and_connections(world: World) -> None:
    session = world.log_on()
    world.runtime.advance(90)
    tree = session.tree("data")
    file = tree.open("a.txt", access=GENERIC_READ | GENERIC_WRITE, disposition=OPEN_IF)
    file.lock(0, 10, LOCK_EXCLUSIVE | LOCK_FAIL_IMMEDIATELY)
    other = world.log_on(user=OTHER_USER).tree("data")
    other.open("a.txt", access=GENERIC_READ, disposition=OPEN_IF, share=7)
    view = world.state.view
    caller = caller_of(world.state.sessions[session.session_id].identity, "")
    assert [(each.user, each.opens, each.seconds) for each in view.sessions(caller)] == [(USER, 1, 90)]
    assert [each.client for each in view.sessions(caller)] == [""]  # the harness's connections have no port
    files = list(view.files(caller))
    assert [(each.permissions, each.locks, each.path, each.user) for each in files] == [(3, 1, "C:\\data\\a.txt", USER)]
    assert [(each.share, each.opens, each.user) for each in view.connections(caller)] == [("data", 1, USER)]
    for stranger in (caller_of(ANONYMOUS, ""), caller_of(Identity(USER, "", is_guest=True), "")):
        assert not list(view.sessions(stranger))
        assert not list(view.files(stranger))
        assert not list(view.connections(stranger))


def test_the_host_is_asked_in_a_thread_and_only_when_needed(world: World) -> None:
    world.runtime.hold_offloaded = True
    world.state.host_questions.ask_host = lambda question: HostAnswer(dict.fromkeys(question.uids, "ann"))
    view = world.state.view
    assert view.ask_host(HostQuestion()).result() == HostAnswer()
    waiter = view.ask_host(HostQuestion(frozenset({7})))
    assert not waiter.done
    world.runtime.run_offloaded()
    assert waiter.result().user_names == {7: "ann"}


def test_accounts_and_their_sids(world: World) -> None:
    accounts = world.state.view.accounts
    assert {each.name for each in accounts.accounts} == {"Guest", USER, OTHER_USER}
    assert accounts is world.state.sids
