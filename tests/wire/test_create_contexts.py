"""The data of create contexts."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import create
from smbserver.wire import create_contexts as wire
from tests.wire import captured
from tests.wire.checks import message, quick
from tests.wire.strategies import GUID, LEASES, U32, U64

Decode = Callable[[bytes], object]

KEY = bytes.fromhex("0df0dde0fe0fdcbaf20f221f01f02345")


def _request(body: bytes, name: bytes) -> bytes:
    return create.decode(message(body)).contexts[name]


def _response(body: bytes, name: bytes) -> bytes:
    return create.decode_contexts(memoryview(create.decode_response(message(body)).contexts))[name]


FIELDS = {
    wire.Lease: ("version", "key", "state", "flags", "parent_key", "epoch"),
    wire.DurableRequestV2: ("timeout", "flags", "create_guid"),
}
"""Of those that are no tuples and do not compare."""


def fields(value: object) -> object:
    """What compares."""
    names = FIELDS.get(type(value))
    return value if names is None else tuple(getattr(value, name) for name in names)


def test_captured_leases() -> None:
    asked = _request(captured.CREATE_LEASE_REQUEST, create.REQUEST_LEASE)
    granted = _response(captured.CREATE_LEASE_RESPONSE, create.REQUEST_LEASE)
    assert fields(wire.decode_lease(asked)) == (2, KEY, 1, 0, wire.NO_PARENT, 0x4711)
    assert fields(wire.decode_lease(granted)) == (2, KEY, 1, 0, wire.NO_PARENT, 0x4712)
    assert wire.decode_lease(granted).encode() == granted


def test_captured_durable_handle() -> None:
    guid = UUID("876b118e-11cd-4978-86af-809dd2c3b439").bytes_le
    asked = _request(captured.CREATE_DURABLE_REQUEST, create.DURABLE_REQUEST_V2)
    granted = _response(captured.CREATE_DURABLE_RESPONSE, create.DURABLE_REQUEST_V2)
    back = _request(captured.CREATE_RECONNECT_REQUEST, create.DURABLE_RECONNECT_V2)
    assert fields(wire.decode_durable_request_v2(asked)) == (0xFFFFFFFF, 0, guid)
    assert wire.decode_durable_response_v2(granted) == wire.DurableResponseV2(300_000, 0)
    assert wire.decode_durable_reconnect_v2(back) == wire.DurableReconnectV2(0x0EE123EE, 0x03F336CF, guid, 0)


@pytest.mark.parametrize(
    ("value", "decode", "data"),
    [
        (wire.Lease(1, KEY, 7, 2), wire.decode_lease, KEY.hex() + "07000000 02000000 0000000000000000"),
        (
            wire.Lease(2, KEY, 7, 4, KEY[::-1], 3),
            wire.decode_lease,
            KEY.hex() + "07000000 04000000 0000000000000000" + KEY[::-1].hex() + "0300 0000",
        ),
        (wire.DurableReconnect(1, 2), wire.decode_durable_reconnect, "0100000000000000 0200000000000000"),
        (
            wire.DurableRequestV2(1000, wire.DHANDLE_FLAG_PERSISTENT, KEY),
            wire.decode_durable_request_v2,
            "e8030000 02000000 0000000000000000" + KEY.hex(),
        ),
        (
            wire.DurableReconnectV2(1, 2, KEY, 2),
            wire.decode_durable_reconnect_v2,
            "0100000000000000 0200000000000000" + KEY.hex() + "02000000",
        ),
        (wire.DurableResponseV2(1000, 2), wire.decode_durable_response_v2, "e8030000 02000000"),
        (wire.MaximalAccess(0, 0x1F01FF), wire.decode_maximal_access, "00000000 ff011f00"),
        (
            wire.OnDiskId(5, 6),
            wire.decode_on_disk_id,
            "0500000000000000 0600000000000000 00000000000000000000000000000000",
        ),
        (
            wire.AppInstanceVersion(1, 2),
            wire.decode_app_instance_version,
            "1800 0000 00000000 0100000000000000 0200000000000000",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) or callable(value) else type(value).__name__,
)
def test_golden_and_every_other_length(value: wire.Lease | wire.DurableReconnect, decode: Decode, data: str) -> None:
    """Each layout from the field table of its section; a length that is not its own is refused."""
    raw = bytes.fromhex(data)
    assert value.encode() == raw
    assert fields(decode(raw)) == fields(value)
    for length in {*range(len(raw)), len(raw) + 1} - {32 if decode is wire.decode_lease else -1}:
        with pytest.raises(WireError):
            decode((raw + b"\0")[:length])


def test_numbers_and_ids() -> None:
    assert wire.encode_u64(0x1000) == bytes.fromhex("0010000000000000")
    assert wire.decode_u64(wire.encode_u64(2**64 - 1)) == 2**64 - 1
    assert wire.decode_maximal_access_request(b"") is None
    assert wire.decode_maximal_access_request(bytes(8)) == 0
    assert wire.encode_app_instance_id(KEY) == bytes.fromhex("1400 0000") + KEY
    assert wire.decode_app_instance_id(wire.encode_app_instance_id(KEY)) == KEY


@pytest.mark.parametrize(
    ("decode", "data"),
    [
        (wire.decode_u64, bytes(7)),
        (wire.decode_maximal_access_request, bytes(9)),
        (wire.decode_app_instance_id, bytes(20)),
        (wire.decode_app_instance_id, b"\x14\0" + bytes(17)),
        (wire.decode_app_instance_version, bytes(24)),
    ],
)
def test_wrong_sizes_are_refused(decode: Decode, data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data)


@quick
@given(LEASES)
def test_lease_round_trip(lease: wire.Lease) -> None:
    assert fields(wire.decode_lease(lease.encode())) == fields(lease)


@quick
@given(U64, U64, GUID, U32)
def test_reconnect_round_trip(persistent: int, volatile: int, guid: bytes, flags: int) -> None:
    value = wire.DurableReconnectV2(persistent, volatile, guid, flags)
    assert wire.decode_durable_reconnect_v2(value.encode()) == value


@quick
@given(st.binary(max_size=60))
def test_rubbish(junk: bytes) -> None:
    for decode in (
        wire.decode_lease,
        wire.decode_durable_reconnect,
        wire.decode_durable_request_v2,
        wire.decode_durable_reconnect_v2,
        wire.decode_durable_response_v2,
        wire.decode_maximal_access,
        wire.decode_maximal_access_request,
        wire.decode_on_disk_id,
        wire.decode_u64,
        wire.decode_app_instance_id,
        wire.decode_app_instance_version,
    ):
        try:
            decode(junk)
        except WireError:
            pass
