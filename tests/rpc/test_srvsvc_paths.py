"""srvsvc's paths as texts."""

from __future__ import annotations

from struct import pack, unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.rpc.srvsvc_paths import MAX_BUFFER, MAX_PATH, canonical, path_type
from smbserver.rpc.win32 import ERROR_INVALID_NAME, ERROR_INVALID_PARAMETER, NERR_BUF_TOO_SMALL

from .client import call, code, fault_status, opened, replies, request, server_name, text

TYPE, CANONICALIZE, COMPARE = 30, 31, 32

PATHS = st.text(st.sampled_from("\\/.:*?aCL1 "), max_size=40)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("\\\\.\\x", 8198),
        ("\\\\.\\*", 8199),
        ("\\\\.", None),
        ("\\\\host", 4144),
        ("\\\\host\\share", 4096),
        ("\\\\host\\share\\?", 4097),
        ("\\\\host\\", None),
        ("\\\\*", 4145),
        ("\\\\*x", None),
        ("\\\\", None),
        ("\\dev\\lpt1", 16400),
        ("\\DEV\\COM4:", 16416),
        ("\\DEV\\x", None),
        ("\\device", 8194),
        ("\\a*", 8195),
        ("C:", 16384),
        ("f:\\x", 8198),
        ("f:\\x?", 8199),
        ("LPT1:", 16400),
        ("com12", 16416),
        ("com0", 8192),
        ("a\\b", 8192),
        ("a*", 8193),
        ("", None),
        ("a|b", None),
        ("x" * MAX_PATH, 8192),
        ("x" * (MAX_PATH + 1), None),
    ],
)
def test_types(path: str, expected: int | None) -> None:
    assert path_type(path) == expected
    stub = call(opened(), TYPE, server_name() + text(path) + pack("<I", 0))
    assert unpack_from("<II", stub) == ((expected, 0) if expected is not None else (0, ERROR_INVALID_NAME))


def test_old_rules_and_flags() -> None:
    for path, flags, expected in (
        ("C:\\LONGNAME.TXT", 1, 0),
        ("C:\\LONGERNAME.TXT", 1, ERROR_INVALID_NAME),
        ("a" * 8, 1, 0),
        ("a" * 9, 1, ERROR_INVALID_NAME),
        ("a", 2, ERROR_INVALID_PARAMETER),
    ):
        assert code(call(opened(), TYPE, server_name() + text(path) + pack("<I", flags))) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a\\.\\b\\..\\c", "a\\c"),
        ("C:/a//b/", "C:\\a\\b"),
        ("C:\\a\\..\\..\\b", None),
        ("..", None),
        ("\\\\host\\share\\a\\..\\b", "\\\\host\\share\\b"),
        ("\\\\host\\share\\..\\x", None),
        ("lpt1:", "LPT1"),
        ("\\DEV\\com2", "\\DEV\\COM2"),
        ("", ""),
    ],
)
def test_canonical_form(path: str, expected: str | None) -> None:
    assert canonical(path) == expected


@given(PATHS)
def test_canonical_forms_have_no_dots_and_stay(path: str) -> None:
    found = canonical(path)
    if found is not None:
        assert canonical(found) == found
        assert "/" not in found
        assert "\\..\\" not in f"{found}\\"


def canonicalize(path: str, prefix: str = "", *, room: int = 200, kind: int = 0, flags: int = 0) -> bytes:
    stub = server_name() + text(path) + pack("<I", room) + text(prefix) + pack("<II", kind, flags)
    return call(opened(), CANONICALIZE, stub)


def test_canonicalize() -> None:
    stub = canonicalize("b\\..\\c", "C:\\a")
    assert unpack_from("<I", stub) == (200,)
    assert stub[4:204].decode("utf-16-le").rstrip("\0") == "C:\\a\\c"
    assert unpack_from("<II", stub, 204) == (8198, 0)
    assert unpack_from("<II", canonicalize("abc", room=7, kind=5), 12) == (5, NERR_BUF_TOO_SMALL)
    assert code(canonicalize("abc", room=8)) == 0
    assert code(canonicalize("abc", room=0)) == NERR_BUF_TOO_SMALL
    assert code(canonicalize("..\\..", "C:\\a")) == ERROR_INVALID_NAME
    assert code(canonicalize("a", "a|b")) == ERROR_INVALID_NAME
    assert code(canonicalize("")) == ERROR_INVALID_NAME
    assert code(canonicalize("a", flags=2)) == ERROR_INVALID_PARAMETER


def test_a_buffer_beyond_the_limit() -> None:
    assert len(canonicalize("a", room=MAX_BUFFER)) == 4 + MAX_BUFFER + 8
    pipe = opened()
    pipe.write(
        request(CANONICALIZE, server_name() + text("a") + pack("<I", MAX_BUFFER + 1) + text("") + pack("<II", 0, 0))
    )
    assert fault_status(replies(pipe)[0]) == 0x6F7


@pytest.mark.parametrize(
    ("first", "second", "flags", "expected"),
    [
        ("a\\b", "a/./b", 0, 0),
        ("a", "b", 0, 0xFFFFFFFF),
        ("b", "a", 0, 1),
        ("a", "C:\\a", 0, 1),
        ("..", "a", 0, ERROR_INVALID_NAME),
        ("a\\b", "a/b", 1, 1),
        ("a", "a", 2, ERROR_INVALID_PARAMETER),
    ],
)
def test_compare(first: str, second: str, flags: int, expected: int) -> None:
    stub = call(opened(), COMPARE, server_name() + text(first) + text(second) + pack("<II", 0, flags))
    assert unpack_from("<I", stub) == (expected,)
