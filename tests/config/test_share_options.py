"""What stands behind the colon of a share: every option, a path that only looks like one, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.config import words
from smbserver.config.settings import INHERIT, ShareSettings
from smbserver.config.share_options import ShareOptions, octal_mode, patterns, split_options
from smbserver.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "place", "options"),
    [
        ("/srv/a", "/srv/a", ShareOptions()),
        ("/srv/a:ro", "/srv/a", ShareOptions(read_only=True)),
        ("/a:hide-unreadable,keep-acl-flags", "/a", ShareOptions(hide_unreadable=True, keep_acl_flags=True)),
        ("/a:plain-streams,time-machine", "/a", ShareOptions(plain_streams=True, time_machine=True)),
        ("/a:apple-double,size-limit=2T", "/a", ShareOptions(apple_double=True, size_limit=2 << 40)),
        ("/a:size-limit=1024", "/a", ShareOptions(size_limit=1024)),
        ("x=/srv/a:owner=www-data", "x=/srv/a", ShareOptions(owner="www-data")),
        (
            "x=a:ro,owner=1000,group=staff,file-mode=0664,directory-mode=2775",
            "x=a",
            ShareOptions(True, "1000", "staff", 0o664, 0o2775),
        ),
        ("a:file-mode=inherit,directory-mode=inherit", "a", ShareOptions(file_mode=INHERIT, directory_mode=INHERIT)),
        ("/srv/12:30", "/srv/12:30", ShareOptions()),
        ("/srv:x/y=z", "/srv:x/y=z", ShareOptions()),
        ("/srv:Y=z", "/srv:Y=z", ShareOptions()),
        ("memory:", "memory:", ShareOptions()),
        ("memory::ro", "memory:", ShareOptions(read_only=True)),
    ],
)
def test_options(text: str, place: str, options: ShareOptions) -> None:
    assert split_options(text) == (place, options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/srv:onwer=ann", "unknown option 'onwer=ann' of a share; did you mean owner"),
        (
            "/srv:ro,xyzzy",
            "unknown option 'xyzzy' of a share; there are ro, nostreams, plain-streams, hide-unreadable, "
            "keep-acl-flags, apple-double, time-machine, owner",
        ),
        ("/srv:ro,owner", "unknown option 'owner'"),
        ("/srv:owner=a,owner=b", "owner= is given twice"),
        ("/srv:owner=,ro", "owner= has nothing behind it"),
        ("/srv:file-mode=rw", "not a mode: 'rw'; write it in octal, as chmod does"),
        ("/srv:file-mode=668", "not a mode: '668'"),
        ("/srv:file-mode=2664", "not a file mode: 2664"),
        ("/srv:file-mode=0444", "the file mode 0444 locks its owner out: it needs at least 0600"),
        ("/srv:directory-mode=4755", "not a directory mode: 4755"),
        ("/srv:directory-mode=0677", "the directory mode 0677 locks its owner out"),
        ("/srv:size-limit=1", "not a size: '1'; write 500G or 2T, at least 1K"),
        ("/srv:size-limit=0.5T", "not a size"),
        ("/srv:size-limit=2000P", "not a size"),
        ("/srv:size-limit=99999999999999999999", "not a size"),
        ("/srv:apple-double,plain-streams", "has no place for what AppleDouble files hold"),
        ("/srv:apple-double,nostreams", "has no place for what AppleDouble files hold"),
        ("memory::time-machine", "no backup lasts there"),
        ("memory::owner=ann", "lives in memory"),
        ("memory::file-mode=0600", "lives in memory"),
        ("memory::hide=x", "lives in memory"),
    ],
)
def test_options_that_are_none(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        words.share(text)


def test_a_name_beside_a_relative_directory_and_options() -> None:
    share = words.share("data=/srv:group=staff")
    assert share == ShareSettings("data", "/srv", group="staff")
    assert words.share("/srv/in:owner=ann").name == "in"


@given(st.integers(0, 0o7777))
def test_every_mode_that_chmod_shows_is_read(mode: int) -> None:
    assert octal_mode(f"{mode:04o}") == octal_mode(f"{mode:03o}") == mode


@given(st.text(alphabet=":,=/roabgef-"))
def test_whatever_is_typed_is_a_path_or_refused(text: str) -> None:
    try:
        place, _ = split_options(text)
    except ConfigError:
        return
    assert text.startswith(place)


@pytest.mark.parametrize(
    ("text", "found"),
    [(".*", (".*",)), (".*|Thumbs.db", (".*", "Thumbs.db")), ("|", ()), ("~$*||?.tmp", ("~$*", "?.tmp"))],
)
def test_patterns_of_hidden_names(text: str, found: tuple[str, ...]) -> None:
    assert patterns(text) == found


@pytest.mark.parametrize("text", ["a/b", "a\\b", "a:b", "<x", "|".join(["x"] * 65)])
def test_patterns_that_hide_nothing(text: str) -> None:
    with pytest.raises(ConfigError):
        patterns(text)


def test_hide_is_an_option_of_a_share() -> None:
    assert split_options("/srv:hide=.*|x,ro") == ("/srv", ShareOptions(read_only=True, hide_files=(".*", "x")))
    assert ShareOptions().hide_files == (".*",)
