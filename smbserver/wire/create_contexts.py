"""The data of create contexts, in requests and replies ([MS-SMB2] 2.2.13.2.1 to 2.2.14.2.15).

A context's name is in wire.create; which layout its data has depends on the name, the direction, and for a lease on
the length.
"""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError

LEASE_FLAG_BREAK_IN_PROGRESS: Final = 0x00000002
LEASE_FLAG_PARENT_LEASE_KEY_SET: Final = 0x00000004
DHANDLE_FLAG_PERSISTENT: Final = 0x00000002

LEASE_V1: Final = Struct("<16sIIQ")
LEASE_V2: Final = Struct("<16sIIQ16sHH")
DURABLE_RECONNECT: Final = Struct("<QQ")
DURABLE_REQUEST_V2: Final = Struct("<IIQ16s")
DURABLE_RECONNECT_V2: Final = Struct("<QQ16sI")
DURABLE_RESPONSE_V2: Final = Struct("<II")
MAXIMAL_ACCESS: Final = Struct("<II")
ON_DISK_ID: Final = Struct("<QQ16x")
U64: Final = Struct("<Q")
APP_INSTANCE_ID: Final = Struct("<HH16s")
APP_INSTANCE_VERSION: Final = Struct("<HHIQQ")

DURABLE_REQUEST_DATA: Final = bytes(16)  # 2.2.13.2.3: reserved
DURABLE_RESPONSE_DATA: Final = bytes(8)  # 2.2.14.2.3: reserved
NO_PARENT: Final = bytes(16)


def _whole(data: bytes, layout: Struct, name: str) -> None:
    """Raise WireError unless the data has exactly the layout's size."""
    if len(data) != layout.size:
        raise WireError(f"{name} of {len(data)} bytes, {layout.size} needed")


class Lease:
    """RqLs in both directions (2.2.13.2.8, 2.2.13.2.10, 2.2.14.2.10, 2.2.14.2.11). Nobody changes one.

    Version 1 has neither `parent_key` nor `epoch`: they are zero then.
    """

    __slots__ = ("epoch", "flags", "key", "parent_key", "state", "version")

    def __init__(
        self, version: int, key: bytes, state: int, flags: int, parent_key: bytes = NO_PARENT, epoch: int = 0
    ) -> None:
        self.version = version
        self.key = key
        self.state = state
        self.flags = flags
        self.parent_key = parent_key
        self.epoch = epoch

    def encode(self) -> bytes:
        """See `encode_lease`."""
        return encode_lease(self.version, self.key, self.state, self.flags, self.parent_key, self.epoch)


def encode_lease(version: int, key: bytes, state: int, flags: int, parent_key: bytes, epoch: int) -> bytes:
    """The data of a Lease, 32 or 52 bytes by `version`."""
    if version == 1:
        return LEASE_V1.pack(key, state, flags, 0)
    return LEASE_V2.pack(key, state, flags, 0, parent_key, epoch, 0)


def decode_lease(data: bytes) -> Lease:
    """Read a lease; its length tells the version. Raises WireError on any other length."""
    if len(data) == LEASE_V1.size:
        key, state, flags, _ = LEASE_V1.unpack(data)
        return Lease(1, key, state, flags)
    _whole(data, LEASE_V2, "lease")
    key, state, flags, _, parent, epoch, _ = LEASE_V2.unpack(data)
    return Lease(2, key, state, flags, parent, epoch)


class DurableReconnect(NamedTuple):
    """DHnC: the open to come back to (2.2.13.2.4)."""

    persistent_id: int
    volatile_id: int

    def encode(self) -> bytes:
        """The data."""
        return DURABLE_RECONNECT.pack(*self)


def decode_durable_reconnect(data: bytes) -> DurableReconnect:
    """Read DHnC. Raises WireError."""
    _whole(data, DURABLE_RECONNECT, "DHnC")
    return DurableReconnect._make(DURABLE_RECONNECT.unpack(data))


class DurableRequestV2:
    """DH2Q: make the open durable (2.2.13.2.11). `timeout` is milliseconds, 0 leaves it to the server."""

    __slots__ = ("create_guid", "flags", "timeout")

    def __init__(self, timeout: int, flags: int, create_guid: bytes) -> None:
        self.timeout = timeout
        self.flags = flags
        self.create_guid = create_guid

    def encode(self) -> bytes:
        """The data."""
        return DURABLE_REQUEST_V2.pack(self.timeout, self.flags, 0, self.create_guid)


def decode_durable_request_v2(data: bytes) -> DurableRequestV2:
    """Read DH2Q of a request. Raises WireError."""
    _whole(data, DURABLE_REQUEST_V2, "DH2Q")
    timeout, flags, _, guid = DURABLE_REQUEST_V2.unpack(data)
    return DurableRequestV2(timeout, flags, guid)


class DurableReconnectV2(NamedTuple):
    """DH2C: the open to come back to, and the guid that made it (2.2.13.2.12)."""

    persistent_id: int
    volatile_id: int
    create_guid: bytes
    flags: int

    def encode(self) -> bytes:
        """The data."""
        return DURABLE_RECONNECT_V2.pack(*self)


def decode_durable_reconnect_v2(data: bytes) -> DurableReconnectV2:
    """Read DH2C. Raises WireError."""
    _whole(data, DURABLE_RECONNECT_V2, "DH2C")
    return DurableReconnectV2._make(DURABLE_RECONNECT_V2.unpack(data))


class DurableResponseV2(NamedTuple):
    """DH2Q of a reply: for how many milliseconds the open outlives its connection (2.2.14.2.12)."""

    timeout: int
    flags: int

    def encode(self) -> bytes:
        """See `encode_durable_response_v2`."""
        return encode_durable_response_v2(self.timeout, self.flags)


def encode_durable_response_v2(timeout: int, flags: int) -> bytes:
    """The data of a DurableResponseV2."""
    return DURABLE_RESPONSE_V2.pack(timeout, flags)


def decode_durable_response_v2(data: bytes) -> DurableResponseV2:
    """Read DH2Q of a reply. Raises WireError."""
    _whole(data, DURABLE_RESPONSE_V2, "DH2Q reply")
    return DurableResponseV2._make(DURABLE_RESPONSE_V2.unpack(data))


class MaximalAccess(NamedTuple):
    """MxAc of a reply (2.2.14.2.5)."""

    query_status: int
    maximal_access: int

    def encode(self) -> bytes:
        """The data."""
        return MAXIMAL_ACCESS.pack(*self)


def decode_maximal_access(data: bytes) -> MaximalAccess:
    """Read MxAc of a reply. Raises WireError."""
    _whole(data, MAXIMAL_ACCESS, "MxAc reply")
    return MaximalAccess._make(MAXIMAL_ACCESS.unpack(data))


def decode_maximal_access_request(data: bytes) -> int | None:
    """MxAc of a request: nothing, or the last change (a FILETIME) that the client knows (2.2.13.2.5)."""
    return decode_u64(data) if data else None


class OnDiskId(NamedTuple):
    """QFid of a reply (2.2.14.2.9)."""

    disk_file_id: int
    volume_id: int

    def encode(self) -> bytes:
        """The data."""
        return ON_DISK_ID.pack(*self)


def decode_on_disk_id(data: bytes) -> OnDiskId:
    """Read QFid of a reply. Raises WireError."""
    _whole(data, ON_DISK_ID, "QFid reply")
    return OnDiskId._make(ON_DISK_ID.unpack(data))


def encode_u64(value: int) -> bytes:
    """The data of AlSi (bytes) and TWrp (a FILETIME)."""
    return U64.pack(value)


def decode_u64(data: bytes) -> int:
    """Read AlSi, TWrp (2.2.13.2.6, 2.2.13.2.7). Raises WireError."""
    _whole(data, U64, "context of one number")
    return int(U64.unpack(data)[0])


def encode_app_instance_id(instance_id: bytes) -> bytes:
    """The data of SMB2_CREATE_APP_INSTANCE_ID (2.2.13.2.13) for 16 bytes of id."""
    return APP_INSTANCE_ID.pack(20, 0, instance_id)


def decode_app_instance_id(data: bytes) -> bytes:
    """The 16 bytes of id. Raises WireError."""
    _whole(data, APP_INSTANCE_ID, "application instance id")
    size, _, instance_id = APP_INSTANCE_ID.unpack(data)
    if size != APP_INSTANCE_ID.size:
        raise WireError("application instance id of a wrong StructureSize")
    return bytes(instance_id)


class AppInstanceVersion(NamedTuple):
    """SMB2_CREATE_APP_INSTANCE_VERSION (2.2.13.2.15): `high` counts first."""

    high: int
    low: int

    def encode(self) -> bytes:
        """The data."""
        return APP_INSTANCE_VERSION.pack(APP_INSTANCE_VERSION.size, 0, 0, *self)


def decode_app_instance_version(data: bytes) -> AppInstanceVersion:
    """Read the version. Raises WireError."""
    _whole(data, APP_INSTANCE_VERSION, "application instance version")
    size, _, _, high, low = APP_INSTANCE_VERSION.unpack(data)
    if size != APP_INSTANCE_VERSION.size:
        raise WireError("application instance version of a wrong StructureSize")
    return AppInstanceVersion(high, low)
