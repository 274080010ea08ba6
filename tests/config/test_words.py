"""Words a person types, the odd ones and the wrong ones."""

from __future__ import annotations

import os

import pytest

from smbserver.config import words
from smbserver.config.settings import IN_MEMORY, ShareSettings
from smbserver.errors import ConfigError
from smbserver.objects.server_state import Encryption


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv/data", ShareSettings("data", "/srv/data")),
        ("/srv/data/", ShareSettings("data", "/srv/data")),
        ("/srv/data:ro", ShareSettings("data", "/srv/data", True)),
        ("films=/srv/data:ro", ShareSettings("films", "/srv/data", True)),
        ("x=/srv/a=b", ShareSettings("x", "/srv/a=b")),
        ("/", ShareSettings("root", "/")),
        ("data=here", ShareSettings("data", os.path.abspath("here"))),
        ("data=~", ShareSettings("data", os.path.expanduser("~"))),
        ("fast=memory:", ShareSettings("fast", IN_MEMORY)),
        ("memory:", ShareSettings("memory", IN_MEMORY)),
        ("memory::ro", ShareSettings("memory", IN_MEMORY, True)),
        ("/srv/data:nostreams", ShareSettings("data", "/srv/data", streams=False)),
        ("/srv/data:nostreams,ro", ShareSettings("data", "/srv/data", True, streams=False)),
        ("x=/srv/data:ro,nostreams", ShareSettings("x", "/srv/data", True, streams=False)),
    ],
)
def test_shares(text: str, expected: ShareSettings) -> None:
    assert words.share(text) == expected


def test_a_directory_whose_name_is_no_share_name() -> None:
    with pytest.raises(ConfigError, match=r"not a share name: 'a=b'.* give it another one with NAME=/srv/a=b$"):
        words.share("/srv/a=b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no directory"),
        ("data=", "names no directory"),
        (":ro", "names no directory"),
        ("IPC$=/srv", "reserved"),
        ("ipc$=/srv", "reserved"),
        ("a" * 81 + "=/srv", "not a share name"),
        ("a:b=/srv", "not a share name"),
    ],
)
def test_shares_that_are_none(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        words.share(text)


def test_mapped_users() -> None:
    assert words.mapped_user("ann=anna") == ("ann", "anna")
    for text in ("ann", "ann=", "=anna", ""):
        with pytest.raises(ConfigError, match=r"not a mapping: .*; write NAME=LOCAL"):
            words.mapped_user(text)


def test_users() -> None:
    assert words.user("ann") == words.User("ann")
    assert words.user("ann:secret") == words.User("ann", "secret")
    assert words.user("ann:se:cr:et") == words.User("ann", "se:cr:et")


@pytest.mark.parametrize("text", ["", ":secret", "a/b:secret", "a\\b:secret", "x" * 300 + ":secret", "ann:"])
def test_a_wrong_user_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        words.user(text)
    assert "secret" not in str(raised.value)


def test_a_user_never_prints_its_password() -> None:
    assert "secret" not in f"{words.User('ann', 'secret')!r} {words.User('ann', 'secret')}"


@pytest.mark.parametrize("text", ["-1", "65536", "x", "", " 1", "1_0", "٣", "9" * 5000, "1.0", "tcp://10.0.0.1:445"])
def test_wrong_ports(text: str) -> None:
    with pytest.raises(ConfigError, match="not a port"):
        words.port(text)


def test_the_other_words() -> None:
    assert [words.port("0"), words.port("65535"), words.port("0445")] == [0, 65535, 445]
    assert words.dialect("3.0.2") == 0x0302
    assert [words.switch("YES"), words.switch("off")] == [True, False]
    assert [words.signing("required"), words.signing("enabled")] == [True, False]
    assert words.encryption("required") is Encryption.REQUIRED
    with pytest.raises(ConfigError, match=r"no such dialect: '3'; there are 2\.0\.2"):
        words.dialect("3")
    with pytest.raises(ConfigError, match="no such answer"):
        words.switch("maybe")


def test_said_in_puts_the_place_first() -> None:
    with pytest.raises(ConfigError, match=r"^--port: not a port: 'x'"), words.said_in("--port"):
        words.port("x")
