"""SRV_COPYCHUNK and the resume key: bytes by the book, and counts that lie."""

from hypothesis import given
from hypothesis import strategies as st

from smbserver.wire import copychunk as wire
from tests.wire.checks import accepted, damaged, damages, quick, tolerate, up_to

KEY = wire.ResumeKey(5, 5, 0x1122334455667788)
COPY = wire.encode(wire.encode_key(KEY), (wire.Chunk(0, 4096, 10), wire.Chunk(1 << 40, wire.AT_END_OF_FILE, 1 << 20)))


def test_golden() -> None:
    key = wire.encode_key_response(KEY)
    assert key.hex() == "05000000000000000500000000000000" + "8877665544332211" + "00000000" + "00000000"
    assert len(key) == wire.KEY_RESPONSE_SIZE == 32
    assert wire.decode_key(wire.decode_key_response(memoryview(key))) == KEY
    assert COPY[24:].hex() == (
        "0200000000000000"
        "0000000000000000" + "0010000000000000" + "0a000000" + "00000000"
        "0000000000010000" + "ffffffffffffffff" + "00001000" + "00000000"
    )
    done = wire.CopyResponse(3, 100, 70_000)
    assert wire.encode_response(done).hex() == "030000006400000070110100"
    assert wire.decode_response(memoryview(wire.encode_response(done))) == done


def test_what_is_left_of_a_request_cut_short() -> None:
    assert accepted(wire.decode, memoryview(COPY)) == up_to(32, memoryview(COPY))
    for length in range(32, len(COPY)):
        assert wire.decode(memoryview(COPY)[:length]) == wire.CopyRequest(wire.encode_key(KEY), None)
    assert accepted(wire.decode_response, memoryview(bytes(12))) == [12]
    assert accepted(wire.decode_key_response, memoryview(bytes(32))) == [32]


def test_more_chunks_than_there_may_be() -> None:
    for count in (wire.MAX_CHUNKS + 1, 0xFFFFFFFF):
        data = COPY[:24] + count.to_bytes(4, "little") + bytes(4 + 24 * (wire.MAX_CHUNKS + 1))
        assert wire.decode(memoryview(data)).chunks is None
    most = wire.encode(bytes(24), (wire.Chunk(0, 0, 1),) * wire.MAX_CHUNKS)
    assert len(wire.decode(memoryview(most)).chunks or ()) == wire.MAX_CHUNKS


_offsets = st.integers(-(2**63), 2**63 - 1)
_chunks = st.lists(st.builds(wire.Chunk, _offsets, _offsets, st.integers(0, 2**32 - 1)), max_size=5).map(tuple)


@given(st.binary(min_size=24, max_size=24), _chunks, damages(), st.binary(max_size=100))
@quick
def test_any_request(key: bytes, chunks: tuple[wire.Chunk, ...], damage: list[tuple[int, bytes]], junk: bytes) -> None:
    data = wire.encode(key, chunks)
    assert wire.decode(memoryview(data + junk)) == wire.CopyRequest(key, chunks)
    tolerate(wire.decode, damaged(memoryview(data), damage, 0))
    tolerate(wire.decode, memoryview(junk))
