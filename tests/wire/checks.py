"""What every decoder is put through: prefixes of a valid message, damaged ones, and junk."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import header

Decoder = Callable[[memoryview], object]
Damage = list[tuple[int, bytes]]

quick = settings(max_examples=50, deadline=None)

HEADER = header.encode(header.Header(header.PROTOCOL_ID, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, bytes(16)))


def message(body: bytes) -> memoryview:
    """`body` behind a header, as decoders take it."""
    return memoryview(HEADER + body)


def accepted(decode: Decoder, whole: memoryview) -> list[int]:
    """The lengths at which a prefix of `whole` is a value; at all others the decoder raised WireError."""
    lengths = []
    for length in range(len(whole) + 1):
        try:
            decode(whole[:length])
        except WireError:
            continue
        lengths.append(length)
    return lengths


def up_to(first: int, whole: memoryview) -> list[int]:
    """All lengths from `first` to the whole: what `accepted` gives when only the fixed part is needed."""
    return list(range(first, len(whole) + 1))


def tolerate(decode: Decoder, data: memoryview) -> None:
    """Decode; only a WireError may be raised."""
    try:
        decode(data)
    except WireError:
        pass


def damages() -> st.SearchStrategy[Damage]:
    """A few places and what is written there: small numbers, huge ones, anything."""
    telling = st.sampled_from([b"\0", b"\xff\xff", b"\xff\xff\xff\xff", b"\x01\0\0\0", b"\x08\0\0\0", b"\0\0\0\x80"])
    return st.lists(st.tuples(st.integers(0, 1000), telling | st.binary(min_size=1, max_size=8)), max_size=4)


def damaged(whole: memoryview, damage: Damage, start: int = header.SIZE) -> memoryview:
    """A copy with bytes overwritten behind `start`; its length stays."""
    copy = bytearray(whole)
    for place, junk in damage:
        at = start + place % max(len(copy) - start, 1)
        copy[at : at + len(junk)] = junk[: len(copy) - at]
    return memoryview(bytes(copy))


def hostile(decode: Decoder, whole: memoryview, damage: Damage, junk: bytes) -> None:
    """Both kinds of rubbish: a valid message with damage, and a header with junk behind it."""
    tolerate(decode, damaged(whole, damage))
    tolerate(decode, message(junk))
    # The first bytes of a body get most decoders past their first check.
    tolerate(decode, memoryview(bytes(whole[:66]) + junk))


def linked(*entries: tuple[int, bytes]) -> memoryview:
    """A list of entries, each with the NextEntryOffset it claims: for lists that lie."""
    return memoryview(b"".join(offset.to_bytes(4, "little") + rest for offset, rest in entries))
