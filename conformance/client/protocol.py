"""Names the numbers of [MS-SMB2] that the client uses, and the two ways in which a call can fail."""

from typing import Final

NEGOTIATE: Final = 0
SESSION_SETUP: Final = 1
LOGOFF: Final = 2
TREE_CONNECT: Final = 3
TREE_DISCONNECT: Final = 4
CREATE: Final = 5
CLOSE: Final = 6
FLUSH: Final = 7
READ: Final = 8
WRITE: Final = 9
LOCK: Final = 10
IOCTL: Final = 11
CANCEL: Final = 12
ECHO: Final = 13
QUERY_DIRECTORY: Final = 14
CHANGE_NOTIFY: Final = 15
QUERY_INFO: Final = 16
SET_INFO: Final = 17
OPLOCK_BREAK: Final = 18

COMMAND_NAMES: Final = (
    "NEGOTIATE",
    "SESSION_SETUP",
    "LOGOFF",
    "TREE_CONNECT",
    "TREE_DISCONNECT",
    "CREATE",
    "CLOSE",
    "FLUSH",
    "READ",
    "WRITE",
    "LOCK",
    "IOCTL",
    "CANCEL",
    "ECHO",
    "QUERY_DIRECTORY",
    "CHANGE_NOTIFY",
    "QUERY_INFO",
    "SET_INFO",
    "OPLOCK_BREAK",
)

# Header flags, section 2.2.1.1.
FLAG_RESPONSE: Final = 0x1
FLAG_ASYNC: Final = 0x2
FLAG_RELATED: Final = 0x4
FLAG_SIGNED: Final = 0x8

SMB_2_0_2: Final = 0x0202
SMB_2_1: Final = 0x0210
SMB_3_0: Final = 0x0300
SMB_3_0_2: Final = 0x0302
SMB_3_1_1: Final = 0x0311
DIALECTS: Final = {"2.0.2": SMB_2_0_2, "2.1": SMB_2_1, "3.0": SMB_3_0, "3.0.2": SMB_3_0_2, "3.1.1": SMB_3_1_1}

SIGNING_ENABLED: Final = 0x1
SIGNING_REQUIRED: Final = 0x2

CAP_DFS: Final = 0x01
CAP_LEASING: Final = 0x02
CAP_LARGE_MTU: Final = 0x04
CAP_MULTI_CHANNEL: Final = 0x08
CAP_PERSISTENT_HANDLES: Final = 0x10
CAP_DIRECTORY_LEASING: Final = 0x20
CAP_ENCRYPTION: Final = 0x40

# Negotiate contexts, section 2.2.3.1.
PREAUTH_INTEGRITY: Final = 1
ENCRYPTION_CAPABILITIES: Final = 2
SIGNING_CAPABILITIES: Final = 8
SHA_512: Final = 1

AES_128_CCM: Final = 1
AES_128_GCM: Final = 2
AES_256_CCM: Final = 3
AES_256_GCM: Final = 4
CIPHERS: Final = {
    "aes-128-ccm": AES_128_CCM,
    "aes-128-gcm": AES_128_GCM,
    "aes-256-ccm": AES_256_CCM,
    "aes-256-gcm": AES_256_GCM,
}

HMAC_SHA256: Final = 0
AES_CMAC: Final = 1
AES_GMAC: Final = 2
SIGNING_ALGORITHMS: Final = {"hmac-sha256": HMAC_SHA256, "aes-cmac": AES_CMAC, "aes-gmac": AES_GMAC}

SESSION_IS_GUEST: Final = 0x1
SESSION_IS_NULL: Final = 0x2
SESSION_ENCRYPT_DATA: Final = 0x4
SHARE_ENCRYPT_DATA: Final = 0x8000

UNSOLICITED: Final = 0xFFFFFFFFFFFFFFFF
"""The message id of what the server sends unasked (oplock and lease breaks)."""
RELATED_FILE_ID: Final = b"\xff" * 16
"""The FileId of a related request in a compound: "the one of the request before"."""

# Access masks, section 2.2.13.1.1.
READ_DATA: Final = 0x1
WRITE_DATA: Final = 0x2
APPEND_DATA: Final = 0x4
READ_ATTRIBUTES: Final = 0x80
WRITE_ATTRIBUTES: Final = 0x100
DELETE: Final = 0x10000
READ_CONTROL: Final = 0x20000
SYNCHRONIZE: Final = 0x100000
MAXIMUM_ALLOWED: Final = 0x02000000
GENERIC_ALL: Final = 0x10000000
GENERIC_WRITE: Final = 0x40000000
GENERIC_READ: Final = 0x80000000

SHARE_READ: Final = 1
SHARE_WRITE: Final = 2
SHARE_DELETE: Final = 4
SHARE_ALL: Final = 7

SUPERSEDE: Final = 0
OPEN: Final = 1
CREATE_NEW: Final = 2
OPEN_IF: Final = 3
OVERWRITE: Final = 4
OVERWRITE_IF: Final = 5

DIRECTORY_FILE: Final = 0x1
NON_DIRECTORY_FILE: Final = 0x40
DELETE_ON_CLOSE: Final = 0x1000

OPLOCK_NONE: Final = 0
OPLOCK_II: Final = 1
OPLOCK_EXCLUSIVE: Final = 8
OPLOCK_BATCH: Final = 9
OPLOCK_LEASE: Final = 0xFF
LEASE_READ: Final = 1
LEASE_HANDLE: Final = 2
LEASE_WRITE: Final = 4

INFO_FILE: Final = 1
INFO_FILESYSTEM: Final = 2
INFO_SECURITY: Final = 3
INFO_QUOTA: Final = 4

FSCTL_VALIDATE_NEGOTIATE_INFO: Final = 0x00140204

# Status codes, [MS-ERREF] section 2.3.
SUCCESS: Final = 0x00000000
PENDING: Final = 0x00000103
NOTIFY_ENUM_DIR: Final = 0x0000010C
BUFFER_OVERFLOW: Final = 0x80000005
NO_MORE_FILES: Final = 0x80000006
MORE_PROCESSING_REQUIRED: Final = 0xC0000016

STATUS_NAMES: Final = {
    SUCCESS: "SUCCESS",
    PENDING: "PENDING",
    0x0000010B: "NOTIFY_CLEANUP",
    NOTIFY_ENUM_DIR: "NOTIFY_ENUM_DIR",
    BUFFER_OVERFLOW: "BUFFER_OVERFLOW",
    NO_MORE_FILES: "NO_MORE_FILES",
    0x8000002D: "STOPPED_ON_SYMLINK",
    0xC0000001: "UNSUCCESSFUL",
    0xC0000002: "NOT_IMPLEMENTED",
    0xC0000003: "INVALID_INFO_CLASS",
    0xC0000004: "INFO_LENGTH_MISMATCH",
    0xC0000008: "INVALID_HANDLE",
    0xC000000D: "INVALID_PARAMETER",
    0xC000000E: "NO_SUCH_DEVICE",
    0xC000000F: "NO_SUCH_FILE",
    0xC0000010: "INVALID_DEVICE_REQUEST",
    0xC0000011: "END_OF_FILE",
    MORE_PROCESSING_REQUIRED: "MORE_PROCESSING_REQUIRED",
    0xC0000022: "ACCESS_DENIED",
    0xC0000023: "BUFFER_TOO_SMALL",
    0xC0000033: "OBJECT_NAME_INVALID",
    0xC0000034: "OBJECT_NAME_NOT_FOUND",
    0xC0000035: "OBJECT_NAME_COLLISION",
    0xC000003A: "OBJECT_PATH_NOT_FOUND",
    0xC000003B: "OBJECT_PATH_SYNTAX_BAD",
    0xC0000043: "SHARING_VIOLATION",
    0xC0000054: "FILE_LOCK_CONFLICT",
    0xC0000055: "LOCK_NOT_GRANTED",
    0xC0000056: "DELETE_PENDING",
    0xC000006D: "LOGON_FAILURE",
    0xC000007E: "RANGE_NOT_LOCKED",
    0xC000007F: "DISK_FULL",
    0xC000009A: "INSUFFICIENT_RESOURCES",
    0xC00000A2: "MEDIA_WRITE_PROTECTED",
    0xC00000B0: "PIPE_DISCONNECTED",
    0xC00000BA: "FILE_IS_A_DIRECTORY",
    0xC00000BB: "NOT_SUPPORTED",
    0xC00000C9: "NETWORK_NAME_DELETED",
    0xC00000CC: "BAD_NETWORK_NAME",
    0xC00000D0: "REQUEST_NOT_ACCEPTED",
    0xC00000E3: "INVALID_OPLOCK_PROTOCOL",
    0xC0000101: "DIRECTORY_NOT_EMPTY",
    0xC0000103: "NOT_A_DIRECTORY",
    0xC0000120: "CANCELLED",
    0xC0000121: "CANNOT_DELETE",
    0xC0000128: "FILE_CLOSED",
    0xC000019C: "FS_DRIVER_REQUIRED",
    0xC0000203: "USER_SESSION_DELETED",
    0xC0000205: "INSUFF_SERVER_RESOURCES",
    0xC0000225: "NOT_FOUND",
    0xC0000257: "PATH_NOT_COVERED",
    0xC000035C: "NETWORK_SESSION_EXPIRED",
    0xC05D0000: "SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP",
}


def status_name(status: int) -> str:
    """The name of an NTSTATUS, or its number in hexadecimal when this client has no name for it."""
    return STATUS_NAMES.get(status, f"0x{status:08X}")


class StatusFailure(Exception):
    """The server answered a request with a status that the caller did not accept. Both are kept as numbers."""

    def __init__(self, command: int, status: int) -> None:
        name = COMMAND_NAMES[command] if command < len(COMMAND_NAMES) else f"command {command}"
        super().__init__(f"{name}: {status_name(status)}")
        self.command = command
        self.status = status


class ProtocolFailure(Exception):
    """What came back is not SMB2, breaks a rule of [MS-SMB2], or carries a wrong signature or tag."""


class ConnectionEnded(ProtocolFailure):
    """The server closed the connection or reset it."""


class NoAnswer(ProtocolFailure):
    """Nothing arrived before the deadline."""
