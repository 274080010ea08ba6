"""Precedence of sources, and where each user's password comes from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smbserver.config.options import Chosen, Layer, combine
from smbserver.config.settings import ShareSettings
from smbserver.config.words import User
from smbserver.errors import ConfigError

ONE = ShareSettings("one", "/srv/one")
TWO = ShareSettings("two", "/srv/two")


def choose(*layers: Layer) -> Chosen:
    passwords: Iterator[str] = iter(["made-1", "made-2"])
    return combine([*layers, Layer(shares=(ONE,))], lambda: next(passwords), lambda: "me")


def test_the_first_source_that_speaks_wins_option_by_option() -> None:
    chosen = choose(
        Layer(port=1, guest=False), Layer(port=2, guest=True, min_dialect=0x0300), Layer(min_dialect=0x0210)
    )
    assert (chosen.settings.port, chosen.settings.guest, chosen.settings.min_dialect) == (1, False, 0x0300)


def test_a_list_wins_as_a_whole() -> None:
    assert choose(Layer(shares=(TWO,))).settings.shares == (TWO,)


def test_zero_and_false_are_said() -> None:
    chosen = choose(Layer(port=0, signing_required=False, drain_seconds=0.0), Layer(port=5, drain_seconds=3.0))
    assert (chosen.settings.port, chosen.settings.signing_required) == (0, False)
    assert chosen.settings.limits.drain_seconds == 0


def test_without_any_account_the_invoking_user_gets_one() -> None:
    chosen = choose()
    assert chosen.settings.users == (("me", "made-1"),)
    assert chosen.made_for == ("me",)


def test_guests_need_no_account() -> None:
    assert choose(Layer(guest=True)) == Chosen(choose(Layer(guest=True)).settings, ())
    assert choose(Layer(guest=True)).settings.users == ()


def test_a_user_without_a_password_gets_the_default_or_one_for_this_run() -> None:
    named = Layer(users=(User("ann"), User("bob", "given")))
    assert choose(named).settings.users == (("ann", "made-1"), ("bob", "given"))
    assert choose(named).made_for == ("ann",)
    with_default = choose(named, Layer(default_password="from-environment"))
    assert with_default.settings.users == (("ann", "from-environment"), ("bob", "given"))
    assert with_default.made_for == ()


def test_the_password_file_knows_users_named_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    path.write_text("Ann:kept\ncid:other\n")
    path.chmod(0o600)
    chosen = choose(Layer(users=(User("ann"), User("bob", "given")), password_file=str(path)))
    assert sorted(chosen.settings.users) == [("Ann", "kept"), ("bob", "given"), ("cid", "other")]
    assert chosen.made_for == ()
    with pytest.raises(ConfigError, match="another one elsewhere") as raised:
        choose(Layer(users=(User("ANN", "given"),), password_file=str(path)))
    assert "given" not in str(raised.value)


def test_a_user_given_twice() -> None:
    with pytest.raises(ConfigError, match="twice"):
        choose(Layer(users=(User("ann", "x"), User("ANN", "y"))))


def test_a_layer_does_not_print_passwords() -> None:
    assert "secret" not in repr(Layer(default_password="secret", users=(User("ann", "secret"),)))
