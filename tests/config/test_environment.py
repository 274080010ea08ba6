"""Environment variables: each of ours is read and checked, others are left alone."""

from __future__ import annotations

import pytest

from smbserver.config.environment import VARIABLES, from_environment
from smbserver.config.options import Layer
from smbserver.config.settings import ShareSettings
from smbserver.config.words import User
from smbserver.errors import ConfigError
from smbserver.objects.server_state import Encryption

FULL = {
    "SMBSERVER_SHARE": "a=/srv/a ; /srv/b:ro;",
    "SMBSERVER_USER": "ann:secret",
    "SMBSERVER_PASSWORD": "other",
    "SMBSERVER_PASSWORD_FILE": "/etc/passwords",
    "SMBSERVER_GUEST": "no",
    "SMBSERVER_BIND": "127.0.0.1, ::1",
    "SMBSERVER_PORT": "1445",
    "SMBSERVER_NAME": "NAS",
    "SMBSERVER_SIGNING": "enabled",
    "SMBSERVER_ENCRYPTION": "required",
    "SMBSERVER_MIN_DIALECT": "3.0",
    "SMBSERVER_MAX_DIALECT": "3.1.1",
    "SMBSERVER_CONFIG": "/etc/smbserver.toml",
}


def test_every_variable_is_read() -> None:
    assert set(FULL) == set(VARIABLES)
    assert from_environment(FULL) == Layer(
        shares=(ShareSettings("a", "/srv/a"), ShareSettings("b", "/srv/b", True)),
        users=(User("ann", "secret"),),
        default_password="other",
        password_file="/etc/passwords",
        guest=False,
        bind=("127.0.0.1", "::1"),
        port=1445,
        server_name="NAS",
        signing_required=False,
        encryption=Encryption.REQUIRED,
        min_dialect=0x0300,
        max_dialect=0x0311,
    )


def test_empty_and_foreign_variables_say_nothing() -> None:
    assert from_environment({**dict.fromkeys(FULL, ""), "SMBSERVER_SERVICE_HOST": "10.0.0.1"}) == Layer()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMBSERVER_PORT", "tcp://10.0.0.1:445"),
        ("SMBSERVER_GUEST", "perhaps"),
        ("SMBSERVER_SHARE", ";"),
        ("SMBSERVER_BIND", " , "),
        ("SMBSERVER_USER", "ann:"),
        ("SMBSERVER_SIGNING", "always"),
        ("SMBSERVER_ENCRYPTION", "on"),
        ("SMBSERVER_MIN_DIALECT", "1.0"),
        ("SMBSERVER_MAX_DIALECT", "4"),
        ("SMBSERVER_NAME", "a b"),
    ],
)
def test_a_wrong_value_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: "):
        from_environment({name: value})
