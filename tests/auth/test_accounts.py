"""Accounts: names without regard to case, secrets that do not print."""

import logging

import pytest

from smbserver.auth.accounts import Account, Accounts, Secret, upper_case
from smbserver.errors import ConfigError


def test_names_are_found_in_any_case() -> None:
    accounts = Accounts([Account.from_password("Änne", "x"), Account.from_password("weiß", "x")])
    for name in ("Änne", "änne", "ÄNNE"):
        found = accounts.find(name)
        assert found is not None
        assert found.name == "Änne"
    assert accounts.find("weiß") is not None
    assert accounts.find("WEISS") is None  # another name to every client


@pytest.mark.parametrize("name", ["", " ", "anne@elsewhere", "elsewhere\\anne", "anne ", "anne\0", "\ud800"])
def test_no_other_name_is_anne(name: str) -> None:
    assert Accounts([Account.from_password("anne", "x")]).find(name) is None


def test_folding_never_changes_a_length() -> None:
    for text in ("ß", "ŉ", "ﬁ", "straße", "\ud800x", ""):
        assert len(upper_case(text)) == len(text)


def test_two_names_that_are_one() -> None:
    with pytest.raises(ConfigError):
        Accounts([Account.from_password("ann", "x"), Account.from_password("ANN", "y")])


@pytest.mark.parametrize("name", ["", "a" * 257, "a\\b", "a/b", "a\nb", "a\0b", 'a"b'])
def test_impossible_names(name: str) -> None:
    with pytest.raises(ConfigError):
        Account.from_password(name, "x")


def test_secrets_do_not_print(caplog: pytest.LogCaptureFixture) -> None:
    account = Account.from_password("ann", "secret")
    secret = account.hash.reveal()
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r %s %r", account, account, account.hash, Secret(b"abc"))
    for text in (caplog.text, f"{account.hash}", repr(vars(logging))):
        assert secret.hex() not in text
        assert repr(secret) not in text
    assert "abc" not in caplog.text
