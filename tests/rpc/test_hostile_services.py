"""Every method of every service under truncated, damaged and random stubs: a reply or a fault, and the pipe goes on."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.rpc.pipe import MAX_REQUEST_STUB, OUTPUT_HIGH_WATER
from smbserver.rpc.pipes import PIPES

from .captured_stubs import STUBS
from .client import ALICE, ANONYMOUS, Server, enum_stub, fragments, info_stub, opened, replies, request, server_name
from .client import text as wide
from .reply_reader import sid_array, sid_bytes, unicode_array

METHODS = sorted((name, opnum) for name, service in PIPES.items() for opnum in service.interfaces[0].methods)
HANDLES = [pack("<I16s", 0, number.to_bytes(16, "big")) for number in range(1, 6)]
MAX_REPLY = 2 * OUTPUT_HIGH_WATER

GOOD: dict[tuple[str, int], bytes] = {
    **{key: bytes.fromhex(value) for key, value in STUBS.items()},
    ("lsarpc", 57): HANDLES[0] + sid_array([b"\1\1\0\0\0\0\0\1\0\0\0\0"]) + pack("<IIHxxIII", 0, 0, 1, 0, 0, 2),
    ("lsarpc", 58): HANDLES[0] + pack("<II", 1, 1) + unicode_array(["ann"]) + pack("<IIHxxIII", 0, 0, 1, 0, 0, 2),
    ("lsarpc", 68): HANDLES[0] + pack("<II", 1, 1) + unicode_array(["ann"]) + pack("<IIHxxIII", 0, 0, 1, 0, 0, 2),
    ("srvsvc", 10): server_name() + pack("<II", 7, 3),
    ("srvsvc", 15): enum_stub(1),
    ("srvsvc", 16): server_name() + wide("data") + pack("<I", 502),
    ("srvsvc", 20): server_name() + wide("C:\\data"),
    ("srvsvc", 30): server_name() + wide("C:\\data") + pack("<I", 0),
    ("srvsvc", 31): server_name() + wide("a\\..\\b") + pack("<I", 100) + wide("C:\\x") + pack("<II", 0, 0),
    ("srvsvc", 32): server_name() + wide("a\\..\\b") + wide("b") + pack("<II", 0, 0),
    ("wkssvc", 0): info_stub(102),
    ("wkssvc", 2): enum_stub(1),
    ("wkssvc", 5): enum_stub(0),
}


def setup(name: str) -> list[bytes]:
    """Requests that open the handles 1 to 5, of every kind."""
    domain = Server().accounts.domain
    if name == "lsarpc":
        return [request(44, GOOD["lsarpc", 44])]
    if name == "samr":
        return [
            request(64, GOOD["samr", 64]),
            request(7, HANDLES[0] + pack("<I", 0x02000000) + sid_bytes(domain)),
            request(34, HANDLES[1] + pack("<II", 0x02000000, 501)),
            request(19, HANDLES[1] + pack("<II", 0x02000000, 513)),
        ]
    return []


def survives(name: str, opnum: int, stub: bytes, *, known: bool = True) -> None:
    """Send the stub, then something good."""
    server = Server()
    server.password_answer.resolve(0)
    pipe = opened(name, server, ALICE if known else ANONYMOUS)
    for message in setup(name) if known else ():
        pipe.write(message)
    replies(pipe)
    for part in fragments(opnum, stub, range(4000, len(stub), 4000)):
        pipe.write(part)
    assert pipe.pending <= MAX_REPLY
    kinds = {reply.ptype for reply in replies(pipe)}
    assert kinds in ({2}, {3})
    assert pipe.broken is None
    pipe.write(request(999, b""))
    assert [reply.ptype for reply in replies(pipe)] == [3]


@pytest.mark.parametrize(("name", "opnum"), sorted(GOOD))
def test_every_truncation_of_a_good_stub(name: str, opnum: int) -> None:
    stub = GOOD[name, opnum]
    for length in range(0, len(stub), 1 if len(stub) < 200 else 7):
        survives(name, opnum, stub[:length])


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(METHODS), st.data(), st.booleans())
def test_any_stub_of_any_method(method: tuple[str, int], data: st.DataObject, known: bool) -> None:
    good = bytearray(GOOD.get(method, b""))
    for _ in range(data.draw(st.integers(0, 4))):
        if good:
            good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.sampled_from([0, 1, 2, 4, 0x7F, 0x80, 0xFF]))
    cut = data.draw(st.integers(0, len(good)))
    handle = data.draw(st.sampled_from([b"", *HANDLES]))
    survives(*method, handle + bytes(good[cut if handle else 0 :]) + data.draw(st.binary(max_size=60)), known=known)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("byte", [0x00, 0x01, 0xFF])
def test_a_stub_of_one_byte_repeated(method: tuple[str, int], byte: int) -> None:
    for handle in [b""] if method[0].endswith("svc") else HANDLES:
        survives(*method, handle + bytes([byte]) * 200)
    survives(*method, bytes([byte]) * (MAX_REQUEST_STUB - 100))
