"""Logins on a pipe with real NTLM: of the session's user only, counted like any other, and what they protect."""

from __future__ import annotations

import pytest

from conformance.client.ntlm import Credentials, NtlmClient
from smbserver.auth.identity import Identity
from smbserver.nt import status
from smbserver.objects.server_view import caller_of
from smbserver.rpc.security import AUTH_NTLM, LoginRefused
from smbserver.rpc.server_view import Caller, PasswordChange
from tests.auth.test_password_change import change
from tests.harness import OTHER_USER, PASSWORD, USER, World

CALLER = caller_of(Identity(USER, "SERVER"), "10.0.0.1")


def log_in(world: World, user: str = USER, password: str = PASSWORD, caller: Caller = CALLER) -> bool:
    """Whether the login succeeds."""
    login = world.state.view.new_login(caller, AUTH_NTLM)
    assert login is not None
    client = NtlmClient(Credentials(user, password))
    challenge = login.step(client.negotiate())
    assert login.security is None
    try:
        assert login.step(client.authenticate(challenge)) == b""
    except LoginRefused:
        assert login.security is None
        return False
    assert login.security is not None
    # the client's first signature over a list of mechanisms is one like any other
    return login.security.is_signature(b"message", client.mech_list_mic(b"message"))


def test_the_sessions_user(world: World) -> None:
    assert log_in(world)
    assert log_in(world, USER.upper())


def test_anybody_else(world: World) -> None:
    assert not log_in(world, OTHER_USER)
    assert not log_in(world, "nobody at all")


def test_guesses_are_counted_and_then_refused_right_or_wrong(world: World) -> None:
    assert not log_in(world, password="wrong")
    assert not log_in(world, password="wrong")
    assert not log_in(world)
    world.runtime.advance(120)
    assert log_in(world)


def test_guesses_of_both_kinds_count_together(world: World) -> None:
    view = world.state.view
    for _ in range(2):
        waiter = view.change_password(CALLER, PasswordChange(USER, *change("wrong", "new")))
        assert waiter.result() == status.WRONG_PASSWORD
    assert not log_in(world)
    assert view.change_password(CALLER, PasswordChange(USER, *change(PASSWORD, "new"))).result() == (
        status.ACCOUNT_LOCKED_OUT
    )


@pytest.mark.parametrize("token", [b"", b"x" * 40, b"NTLMSSP\0" + bytes(60)])
def test_garbage(world: World, token: bytes) -> None:
    login = world.state.view.new_login(CALLER, AUTH_NTLM)
    assert login is not None
    with pytest.raises(LoginRefused):
        login.step(token)


@pytest.mark.parametrize("auth_type", [0, 1, 14, 16, 68, 255])
def test_packages_that_are_not_spoken(world: World, auth_type: int) -> None:
    assert world.state.view.new_login(CALLER, auth_type) is None
    assert world.state.view.new_login(Caller(), AUTH_NTLM) is None
