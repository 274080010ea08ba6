"""The configuration file: every key, and errors that name file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from smbserver.backend.base import Symlinks
from smbserver.config.options import Layer
from smbserver.config.settings import INHERIT, ShareSettings
from smbserver.config.toml_file import read_config_file
from smbserver.config.words import User
from smbserver.errors import ConfigError
from smbserver.objects.server_state import Encryption

FULL = """\
server_name = "NAS"
bind = ["127.0.0.1", "::1"]
port = 1445
signing = "enabled"
encryption = "required"
min_dialect = "3.0"
max_dialect = "3.1.1"
guest = false
delay_failed_logins = false
posix_extensions = false
password_file = "passwords"
act_as_users = true
guest_acts_as = "nobody"

[limits]
connections = 10
connections_per_address = 5
login_seconds = 2.5
drain_seconds = 3

[[share]]
name = "films"
path = "films"
read_only = true
encrypt = true
comment = "no spoilers"
hide_unreadable = true
keep_acl_flags = true
time_machine = true
apple_double = true
size_limit = "500G"

[[share]]
name = "in"
path = "/srv/in"
owner = "www-data"
group = "33"
file_mode = "0664"
directory_mode = "inherit"
hide_files = ".*|Thumbs.db"
symlinks = "shown"
snapshots = ".snapshots/%Y-%m-%d"
snapshots_local = true
plain_streams = true

[[user]]
name = "ann"
password = "secret"

[[user]]
name = "bob"
acts_as = "robert"
"""


def read(folder: Path, text: str | bytes, mode: int = 0o600) -> Layer:
    path = folder / "smbserver.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return read_config_file(str(path))


def test_every_key(tmp_path: Path) -> None:
    assert read(tmp_path, FULL) == Layer(
        shares=(
            ShareSettings(
                "films",
                f"{tmp_path}/films",
                True,
                True,
                "no spoilers",
                hide_unreadable=True,
                keep_acl_flags=True,
                time_machine=True,
                apple_double=True,
                size_limit=500 << 30,
            ),
            ShareSettings(
                "in",
                "/srv/in",
                owner="www-data",
                group="33",
                file_mode=0o664,
                directory_mode=INHERIT,
                hide_files=(".*", "Thumbs.db"),
                symlinks=Symlinks.SHOWN,
                snapshots=".snapshots/%Y-%m-%d",
                snapshots_local=True,
                plain_streams=True,
            ),
        ),
        users=(User("ann", "secret"), User("bob", acts_as="robert")),
        act_as_users=True,
        local_users=(("bob", "robert"),),
        guest_acts_as="nobody",
        password_file=f"{tmp_path}/passwords",
        guest=False,
        delay_failed_logins=False,
        posix_extensions=False,
        bind=("127.0.0.1", "::1"),
        port=1445,
        signing_required=False,
        encryption=Encryption.REQUIRED,
        min_dialect=0x0300,
        max_dialect=0x0311,
        server_name="NAS",
        connections=10,
        connections_per_address=5,
        login_seconds=2.5,
        drain_seconds=3.0,
    )


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Layer()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port = 445\n\nprot = 1\n", ":3: unknown key 'prot'; did you mean port?"),
        ("\nzzz = 1\n", ":2: unknown key 'zzz'; there are act_as_users, "),
        ("# prot = 1\nserver_name = 'x'\n'prot' = 1\n", ":3: unknown key 'prot'"),
        ("[limits]\nconections = 1\n", ":2: unknown key 'conections'; did you mean connections?"),
        ("[[share]]\nname='a'\npath='/a'\n[[share]]\nname='b'\npath='/b'\nread_onyl=true\n", ":7: unknown key"),
        ("share = [{name='a', path='/a'},\n {name='b', path='/b', ro=true}]\n", ":2: unknown key 'ro'"),
        ("port = '445'\n", ":1: port must be a whole number, this is a string"),
        ("port = true\n", ":1: port must be a whole number, this is true or false"),
        ("port = 445.0\n", ":1: port must be a whole number, this is a number"),
        ("\nguest = 1\n", ":2: guest must be true or false, this is a whole number"),
        ("server_name = 2024-01-01\n", ":1: server_name must be a string, this is a date or time"),
        ("bind = '::'\n", ":1: bind must be a list, this is a string"),
        ("bind = [\n'::',\n1]\n", ":3: bind is a list of strings, this is a whole number"),
        ("bind = []\n", ":1: bind is empty"),
        ("limits = 1\n", ":1: limits must be a table"),
        ("[share]\nname = 'a'\n", ":1: share must be a list, this is a table"),
        ("share = ['/srv']\n", ":1: write [[share]]"),
        ("\n[[share]]\nname = 'a'\n", ":2: path is missing"),
        ("[[share]]\npath = '/a'\n", ":1: name is missing"),
        ("[[share]]\nname = 'a'\npath = ''\n", ":3: path is empty"),
        ("[[share]]\npath = '/a'\nname = 'a/b'\n", ":3: not a share name: 'a/b'"),
        ("[[user]]\nname = 'a/b'\n", ":2: not a user name"),
        ("\nport = 99999\n", ":2: not a port: 99999"),
        ("signing = 'no'\n", ":1: no such signing: 'no'; there are required, enabled"),
        ("encryption = 'on'\n", ":1: no such encryption"),
        ("\nmin_dialect = '1.0'\n", ":2: no such dialect"),
        ("server_name = 'a b'\n", ":1: not a server name"),
        ("[[share]]\nname = 'a'\npath = '/a'\nfile_mode = 664\n", ":4: file_mode must be a string"),
        ("[[share]]\nname = 'a'\npath = '/a'\nfile_mode = '0444'\n", ":4: the file mode 0444 locks its owner out"),
        ("[[share]]\nname = 'a'\npath = '/a'\ndirectory_mode = '8'\n", ":4: not a mode: '8'"),
        ("[[share]]\nname = 'a'\npath = '/a'\nsymlinks = 'wide'\n", ":4: no such symlinks: 'wide'"),
        ("[[share]]\nname = 'a'\npath = '/a'\nsnapshots_local = true\n", ":4: snapshots_local means nothing"),
        ("[[share]]\nname = 'a'\npath = 'memory:'\nsymlinks = 'none'\n", ":4: the share 'a' lives in memory"),
        ("[[share]]\nname = 'a'\npath = 'memory:'\nowner = 'x'\n", ":4: the share 'a' lives in memory"),
        ("[limits]\n\nlogin_seconds = 0\n", ":3: the time for the login"),
        ("[limits]\ndrain_seconds = -1\n", ":2: the time for the drain"),
        ("[limits]\nconnections = 0\n", ":2: a limit of connections"),
        ("[limits]\nlogin_seconds = 'x'\n", ":2: login_seconds must be a number"),
        ("port = 1\nport = 2\n", ":2: Cannot overwrite a value"),
        ("port =\n", ":1: Invalid value"),
        ("port = 1\n\nbind = [", ":3: "),
        (b"port = 1\n# \xff\n", ":2: not UTF-8"),
        ("a = " + "[" * 20000, ": brackets are nested too deeply"),
    ],
)
def test_errors_have_file_and_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, text)
    assert str(raised.value).startswith(f"{tmp_path}/smbserver.toml{message}")


def test_a_wrong_type_of_a_password_is_not_quoted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="password must be a string") as raised:
        read(tmp_path, "[[user]]\nname = 'ann'\npassword = 31337\n")
    assert "31337" not in str(raised.value)


def test_a_file_with_a_password_must_be_private(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="type chmod 600"):
        read(tmp_path, "[[user]]\nname = 'ann'\npassword = 'secret'\n", 0o644)
    assert read(tmp_path, "[[user]]\nname = 'ann'\n", 0o644).users == (User("ann"),)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read: No such file"):
        read_config_file(str(tmp_path / "none.toml"))
