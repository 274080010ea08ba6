"""Settings that contradict themselves are refused; passwords do not print."""

from __future__ import annotations

import pytest

from smbserver.config.settings import Limits, Settings, ShareSettings
from smbserver.errors import ConfigError
from smbserver.objects.server_state import Encryption

DATA = ShareSettings("data", "/srv/data")


def test_defaults_are_the_safe_ones() -> None:
    settings = Settings((DATA,))
    assert settings.signing_required
    assert not settings.guest
    assert settings.encryption is Encryption.OFFERED
    assert settings.port is None


def test_passwords_do_not_print() -> None:
    assert "secret" not in repr(Settings((DATA,), users=(("ann", "secret"),)))


def test_no_share() -> None:
    with pytest.raises(ConfigError, match="--share DIR"):
        Settings(())


def test_two_shares_of_one_name() -> None:
    with pytest.raises(ConfigError, match="two shares"):
        Settings((DATA, ShareSettings("DATA", "/srv/other")))


def test_contradictions() -> None:
    with pytest.raises(ConfigError, match="min-dialect"):
        Settings((DATA,), min_dialect=0x0311, max_dialect=0x0300)
    with pytest.raises(ConfigError, match="encryption needs"):
        Settings((DATA,), encryption=Encryption.REQUIRED, max_dialect=0x0210)
    with pytest.raises(ConfigError, match="a share demands"):
        Settings((ShareSettings("data", "/srv", encrypt=True),), encryption=Encryption.OFF)
    with pytest.raises(ConfigError, match="a share demands"):
        Settings((ShareSettings("data", "/srv", encrypt=True),), max_dialect=0x0210)
    with pytest.raises(ConfigError, match="not a port"):
        Settings((DATA,), port=70000)


def local(**more: object) -> Settings:
    users = (("ann", "x"),)
    return Settings((ShareSettings("a", "/a"),), users, **more)  # type: ignore[arg-type]  # of a test


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"local_users": (("ann", "anna"),)}, "--map-user .* means nothing without --act-as-users"),
        ({"guest_acts_as": "nobody"}, "--guest-acts-as .* means nothing without --act-as-users"),
        ({"act_as_users": True, "guest_acts_as": "nobody"}, "means nothing without --guest"),
        ({"act_as_users": True, "local_users": (("bob", "b"),)}, "names bob, who is no user here: --user bob"),
        ({"act_as_users": True, "local_users": (("ann", "a"), ("ANN", "b"))}, "the user ANN is mapped twice"),
    ],
)
def test_local_users_that_would_mean_nothing(more: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        local(**more)


def test_local_users_are_named_as_clients_write_them() -> None:
    assert local(act_as_users=True, local_users=(("ANN", "anna"),)).local_users == (("ANN", "anna"),)


@pytest.mark.parametrize("name", ["a" * 16, "a b", "a.b", "a\\b"])
def test_server_names_that_no_client_could_show(name: str) -> None:
    with pytest.raises(ConfigError, match="not a server name"):
        Settings((DATA,), server_name=name)


def test_limits_that_would_let_nobody_in() -> None:
    with pytest.raises(ConfigError):
        Limits(connections=0)
    with pytest.raises(ConfigError):
        Limits(connections_per_address=0)
    with pytest.raises(ConfigError):
        Limits(login_seconds=0)
    with pytest.raises(ConfigError):
        Limits(drain_seconds=-1)
