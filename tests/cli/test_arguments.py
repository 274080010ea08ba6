"""The command line: words to a layer, and refusals that repeat no password."""

from __future__ import annotations

import pytest

from smbserver.cli.arguments import layer_from, parse, parser
from smbserver.config.environment import VARIABLES
from smbserver.config.options import Layer
from smbserver.config.settings import ShareSettings
from smbserver.config.words import User
from smbserver.errors import ConfigError
from smbserver.objects.server_state import Encryption


def test_nothing_said() -> None:
    assert layer_from(parse([])) == Layer()


def test_every_option() -> None:
    words = (
        "--share a=/srv/a --share /srv/b:ro --user ann --user bob:x:y --password-file f --guest --bind ::1 "
        "--bind 127.0.0.1 --port 0 --name NAS --signing enabled --encryption off --min-dialect 2.1 --max-dialect 3.0"
    )
    assert layer_from(parse(words.split())) == Layer(
        shares=(ShareSettings("a", "/srv/a"), ShareSettings("b", "/srv/b", True)),
        users=(User("ann"), User("bob", "x:y")),
        password_file="f",
        guest=True,
        bind=("::1", "127.0.0.1"),
        port=0,
        server_name="NAS",
        signing_required=False,
        encryption=Encryption.OFF,
        min_dialect=0x0210,
        max_dialect=0x0300,
    )


def test_a_file_that_allows_guests_can_be_overruled() -> None:
    assert layer_from(parse(["--no-guest"])).guest is False


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["--map-user", "ann"], "--map-user"),
        (["--port", "x"], "--port"),
        (["--share", ""], "--share"),
        (["--user", "a/b:secret"], "--user"),
        (["--name", "a b"], "--name"),
        (["--min-dialect", "1"], "--min-dialect"),
    ],
)
def test_a_wrong_word_names_its_option(words: list[str], option: str) -> None:
    with pytest.raises(ConfigError, match=f"^{option}: ") as raised:
        layer_from(parse(words))
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--usr", "ann:secret"], "unknown option --usr"),
        (["--usr=ann:secret"], "unknown option --usr"),
        (["--pass", "secret"], "unknown option --pass"),  # not an abbreviation of --password-file
        (["/srv/data"], "a directory is given with --share DIR"),
        (["ann:secret"], "a directory is given with --share DIR"),
    ],
)
def test_unknown_words_are_not_repeated(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(words)
    said = capsys.readouterr().err
    assert message in said
    assert "secret" not in said


def test_help_tells_of_ps_of_every_variable_and_of_the_file() -> None:
    text = parser().format_help()
    for word in ("(ps)", "chmod 600", "[[share]]", "[limits]", *VARIABLES):
        assert word in text
    assert max(map(len, text.split("\n"))) <= 120


def test_the_test_hook_is_off_unless_asked_for() -> None:
    assert layer_from(parse([])).torture is None
    assert layer_from(parse(["--torture"])).torture is True
    assert "test hook" in parser().format_help()


def test_write_times_are_not_deferred_unless_asked_for() -> None:
    assert layer_from(parse([])).deferred_write_time is None
    assert layer_from(parse(["--deferred-write-time"])).deferred_write_time is True


def test_host_locks_are_off_unless_asked_for() -> None:
    assert layer_from(parse([])).host_locks is None
    assert layer_from(parse(["--host-locks"])).host_locks is True


def test_local_users() -> None:
    words = ["--act-as-users", "--map-user", "ann=anna", "--map-user", "bob=b", "--guest-acts-as", "visitor"]
    layer = layer_from(parse(words))
    assert (layer.act_as_users, layer.local_users) == (True, (("ann", "anna"), ("bob", "b")))
    assert layer.guest_acts_as == "visitor"
    assert layer_from(parse(["--no-act-as-users"])).act_as_users is False
    assert layer_from(parse([])).act_as_users is None


def test_help_tells_every_option_of_a_share() -> None:
    text = parser().format_help()
    for word in ("owner=", "group=", "file-mode=", "directory-mode=", "acts_as", "act_as_users", "file_mode"):
        assert word in text


def test_posix_extensions_can_be_turned_off() -> None:
    assert layer_from(parse([])).posix_extensions is None
    assert layer_from(parse(["--no-posix-extensions"])).posix_extensions is False
