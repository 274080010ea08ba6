"""NTSTATUS codes: one name each, the right severity, and what an errno becomes."""

from __future__ import annotations

import errno

import pytest

from smbserver.nt import status

CODES = {name: value for name, value in vars(status).items() if name.isupper() and isinstance(value, int)}
SEVERITY_ERROR = 3  # [MS-ERREF] 2.3: the two highest bits
NOT_ERRORS = {
    "SUCCESS": 0,
    "PENDING": 0,
    "MORE_ENTRIES": 0,
    "SOME_NOT_MAPPED": 0,
    "NOTIFY_CLEANUP": 0,
    "NOTIFY_ENUM_DIR": 0,
    "BUFFER_OVERFLOW": 2,
    "NO_MORE_FILES": 2,
    "INVALID_EA_NAME": 2,
    "EA_LIST_INCONSISTENT": 2,
    "STOPPED_ON_SYMLINK": 2,
}


def test_every_code_has_one_name() -> None:
    assert len(status.NAMES) == len(CODES)
    assert {name: status.NAMES[value] for name, value in CODES.items()} == {name: name for name in CODES}


def test_severity() -> None:
    assert {name: value >> 30 for name, value in CODES.items() if value >> 30 != SEVERITY_ERROR} == NOT_ERRORS
    assert all(value < 1 << 32 for value in CODES.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NOTIFY_ENUM_DIR", 0x0000010C),
        ("BUFFER_OVERFLOW", 0x80000005),
        ("NO_MORE_FILES", 0x80000006),
        ("INFO_LENGTH_MISMATCH", 0xC0000004),
        ("INVALID_PARAMETER", 0xC000000D),
        ("END_OF_FILE", 0xC0000011),
        ("MORE_PROCESSING_REQUIRED", 0xC0000016),
        ("ACCESS_DENIED", 0xC0000022),
        ("BUFFER_TOO_SMALL", 0xC0000023),
        ("OBJECT_NAME_NOT_FOUND", 0xC0000034),
        ("OBJECT_PATH_NOT_FOUND", 0xC000003A),
        ("SHARING_VIOLATION", 0xC0000043),
        ("FILE_LOCK_CONFLICT", 0xC0000054),
        ("DELETE_PENDING", 0xC0000056),
        ("LOGON_FAILURE", 0xC000006D),
        ("DISK_FULL", 0xC000007F),
        ("DEVICE_NOT_CONNECTED", 0xC000009D),
        ("MEDIA_WRITE_PROTECTED", 0xC00000A2),
        ("NOT_SAME_DEVICE", 0xC00000D4),
        ("DISK_CORRUPT_ERROR", 0xC0000032),
        ("FILE_CORRUPT_ERROR", 0xC0000102),
        ("IO_DEVICE_ERROR", 0xC0000185),
        ("FILE_IS_A_DIRECTORY", 0xC00000BA),
        ("NETWORK_NAME_DELETED", 0xC00000C9),
        ("BAD_NETWORK_NAME", 0xC00000CC),
        ("DIRECTORY_NOT_EMPTY", 0xC0000101),
        ("NOT_A_DIRECTORY", 0xC0000103),
        ("CANCELLED", 0xC0000120),
        ("FILE_CLOSED", 0xC0000128),
        ("FS_DRIVER_REQUIRED", 0xC000019C),
        ("USER_SESSION_DELETED", 0xC0000203),
        ("NETWORK_SESSION_EXPIRED", 0xC000035C),
        ("SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP", 0xC05D0000),
    ],
)
def test_values_of_the_specification(name: str, value: int) -> None:
    """[MS-ERREF] 2.3.1."""
    assert CODES[name] == value


def test_an_errno_is_never_a_success() -> None:
    assert all(value >> 30 == SEVERITY_ERROR for value in status.FROM_ERRNO.values())
    assert set(status.FROM_ERRNO.values()) <= set(CODES.values())


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOENT, status.OBJECT_NAME_NOT_FOUND),
        (errno.ENOTDIR, status.OBJECT_PATH_NOT_FOUND),
        (errno.EACCES, status.ACCESS_DENIED),
        (errno.EEXIST, status.OBJECT_NAME_COLLISION),
        (errno.ENOTEMPTY, status.DIRECTORY_NOT_EMPTY),
        (errno.ENOSPC, status.DISK_FULL),
        (errno.EROFS, status.MEDIA_WRITE_PROTECTED),
        (errno.ELOOP, status.OBJECT_NAME_NOT_FOUND),
        (errno.EXDEV, status.NOT_SAME_DEVICE),
        (errno.EDQUOT, status.DISK_FULL),
        (errno.EFBIG, status.DISK_FULL),
        (errno.EPERM, status.ACCESS_DENIED),
        (errno.EIO, status.IO_DEVICE_ERROR),
        (errno.EUCLEAN, status.DISK_CORRUPT_ERROR),
        (errno.EBADMSG, status.FILE_CORRUPT_ERROR),
        (errno.ENODEV, status.DEVICE_NOT_CONNECTED),
        (errno.ENOTCONN, status.DEVICE_NOT_CONNECTED),
        (errno.ETIMEDOUT, status.IO_TIMEOUT),
        (errno.EMFILE, status.TOO_MANY_OPENED_FILES),
        (errno.ENFILE, status.TOO_MANY_OPENED_FILES),
        (errno.ENAMETOOLONG, status.OBJECT_NAME_INVALID),
        (errno.ETXTBSY, status.SHARING_VIOLATION),
        (errno.EBUSY, status.SHARING_VIOLATION),
        (errno.ECHILD, status.UNEXPECTED_IO_ERROR),
    ],
)
def test_what_an_errno_means(number: int, code: int) -> None:
    assert status.from_os_error(OSError(number, "")) == code


def test_an_error_without_a_number() -> None:
    assert status.from_os_error(OSError("nothing known")) == status.UNEXPECTED_IO_ERROR


def test_describe() -> None:
    assert status.describe(status.ACCESS_DENIED) == "ACCESS_DENIED"
    assert status.describe(0xC0001234) == "0xC0001234"
