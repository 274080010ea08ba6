"""Names to the disk and back: a name survives the way or is refused, whatever it is made of."""

import os
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smbserver.backend.posix.disk_names import MAX_NAME_BYTES, to_disk, to_wire
from smbserver.errors import StatusError
from smbserver.nt.names import FORBIDDEN, check_component

ANY_CHARACTER = st.characters(codec=None, categories=None)  # lone surrogates included
INTERESTING = st.sampled_from(
    "aA. \u00e9\u0301\uf001\uf01f\uf020\uf022\uf026\uf027\uf028\uf029\udc80\udcff\ud800\U0001f600"
)
WIRE = st.text(st.one_of(INTERESTING, ANY_CHARACTER), min_size=1, max_size=12)
SEQUENCES = (
    b"\xc3\xa9",
    b"\xef\x80\xa2",
    b"\xed\xb2\x80",
    b"\xed\xa0\x80",
    b"\xed",
    b"\xb2",
)  # é, U+F022, U+DC80, U+D800
PIECES = st.sampled_from([b"a", b".", b" ", b"\x01", b":", b"\\", b'"', b"|", b"\xff", b"\x80", *SEQUENCES])
RAW = st.lists(st.one_of(PIECES, st.binary(min_size=1, max_size=3)), min_size=1, max_size=8).map(b"".join)


def on_disk(raw: bytes) -> str:
    """As the os module shows a name."""
    return raw.decode("utf-8", "surrogateescape")


@settings(max_examples=400, deadline=None)
@given(st.one_of(WIRE, st.text(st.sampled_from("./\\\0:\uf029\uf028\udc2f\udc2e\u2024\uff0f"), max_size=3)))
def test_a_name_for_the_disk_leads_nowhere_else(name: str) -> None:
    """It goes to calls that walk: one separator or one NUL, and the directory is another one."""
    try:
        raw = os.fsencode(to_disk(name))
    except StatusError:
        return
    assert raw not in (b"", b".", b"..")
    assert b"/" not in raw
    assert b"\0" not in raw


@given(WIRE)
@example("\udced\udcb2\udc80")
@example("\udc80")
@example("\udcc3\udca9")
@example(".\uf029")
@example("\uf029")
def test_wire_names_come_back_or_are_refused(name: str) -> None:
    try:
        check_component(name)
        disk = to_disk(name)
    except StatusError:
        return
    raw = disk.encode("utf-8", "surrogateescape")  # what reaches the kernel
    assert 0 < len(raw) <= MAX_NAME_BYTES
    assert b"/" not in raw
    assert b"\0" not in raw
    assert raw not in (b".", b"..")
    shown = to_wire(disk)
    assert shown is not None
    # A trailing dot or space is shown in the form that Windows can have; both forms mean the same name on disk.
    assert to_disk(shown) == disk
    assert shown[:-1] == name[:-1]
    assert shown[-1] == name[-1] or name[-1] in ". "


@settings(max_examples=400, deadline=None)
@given(RAW)
@example(b"\xed\xb2\x80")
@example(b"\xed\xa0\x80\xff")
@example("\uf022".encode())
@example(b"a:b\\c|")
def test_disk_names_lead_back_unless_they_hold_a_disguised_character(raw: bytes) -> None:
    if b"/" in raw or b"\0" in raw or raw in (b".", b".."):
        return
    disk = on_disk(raw)
    shown = to_wire(disk)
    assert shown is not None
    check_component(shown)  # CVE-2019-10218: what goes out is a name a client can have
    assert FORBIDDEN.isdisjoint(shown)
    if not re.search("[\uf001-\uf029]", disk):
        assert to_disk(shown) == disk


def as_sent(name: str) -> str:
    """As the other side reads it: two surrogates side by side are one character."""
    return name.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


@settings(max_examples=400, deadline=None)
@given(RAW)
@example(b"\xed\xa0\x80\xed\xb0\x80")
@example(b"\xed\xa0\x80\xff")
@example(b"\xff\xed\xa0\x80")
def test_what_a_client_reads_leads_back(raw: bytes) -> None:
    if b"/" in raw or b"\0" in raw or raw in (b".", b"..") or re.search("[\uf001-\uf029]", on_disk(raw)):
        return
    shown = to_wire(on_disk(raw))
    assert shown is not None
    assert as_sent(shown) == shown
    assert to_disk(as_sent(shown)) == on_disk(raw)


@settings(max_examples=400, deadline=None)
@given(st.text(ANY_CHARACTER, min_size=1, max_size=255))
@example("\ud800")
@example("\udc00\ud800")
@example("\udc80\ud800")
@example("\u20ac" * 85)
def test_every_name_that_fits_is_stored(name: str) -> None:
    """All that the wire can carry, but what looks like raw bytes from the disk."""
    name = as_sent(name)
    try:
        check_component(name)
    except StatusError:
        return
    is_long = len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES
    if is_long or re.search("[\udc80-\udcff]", name) or name in ("\uf029", ".\uf029"):
        return
    shown = to_wire(to_disk(name))
    assert shown is not None
    assert shown[:-1] == name[:-1]


def test_two_raw_names_are_never_one() -> None:
    """The three bytes of U+DC80 and the byte 0x80 were shown alike; opening one opened the other."""
    assert to_wire(on_disk(b"\x80")) != to_wire(on_disk(b"\xed\xb2\x80"))


@pytest.mark.parametrize("disk", ["a/b", "/", "a\0", "\0", "", "é/b", "é\0"])
def test_names_from_a_disk_that_lies(disk: str) -> None:
    """CVE-2019-10218: `/`, NUL or nothing from the disk goes to nobody."""
    assert to_wire(disk) is None


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/", "a/b", "é/b", "a\0b", "é\0", "a\nb", "\\", "é\\", "a:b", "é*", "?"]
)
def test_the_primitive_refuses_by_itself(name: str) -> None:
    """CVE-2021-31800: whoever calls."""
    with pytest.raises(StatusError):
        to_disk(name)


@pytest.mark.parametrize(
    ("wire", "disk"),
    [
        ("a\uf022b", "a:b"),
        ("\uf020\uf021\uf022\uf023\uf024\uf025\uf026\uf027", '"*:<>?\\|'),
        ("\uf001\uf01f", "\x01\x1f"),
        ("Icon\uf00d", "Icon\r"),
        ("a\uf028", "a "),
        ("a\uf029", "a."),
        ("a\uf028b", "a\uf028b"),
        ("\U0001f600", "\U0001f600"),
        ("\ud800", "\udced\udca0\udc80"),
        ("\udc80", "\udc80"),
    ],
)
def test_disguised_characters(wire: str, disk: str) -> None:
    assert to_disk(wire) == disk
    assert to_wire(disk) == wire


@pytest.mark.parametrize(
    ("name", "fits"), [("a" * 255, True), ("a" * 256, False), ("é" * 127, True), ("é" * 128, False)]
)
def test_length_is_counted_in_bytes_on_disk(name: str, fits: bool) -> None:
    if fits:
        assert to_disk(name) == name
    else:
        with pytest.raises(StatusError):
            to_disk(name)
