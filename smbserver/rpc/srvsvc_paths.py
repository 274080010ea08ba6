"""srvsvc and paths as texts: of which type, in which form, the same or not. [MS-SRVS] 3.1.4.29 to 3.1.4.31

No file is looked for, so the answers are for everybody: they are in the specification. Canonicalization was the hole of
MS08-067; here it is a loop over components.
"""

from __future__ import annotations

import re
from typing import Final

from smbserver.errors import WireError
from smbserver.rpc.interface import Call
from smbserver.rpc.ndr import NdrReader, NdrWriter
from smbserver.rpc.win32 import ERROR_INVALID_NAME, ERROR_INVALID_PARAMETER, NERR_BUF_TOO_SMALL, NERR_SUCCESS

MAX_PATH: Final = 260
"""Characters of a path (3.1.4.29)."""
MAX_OLD_PATH: Final = 128
MAX_BUFFER: Final = 64000
"""Bytes that a client may ask for (3.1.4.30)."""

ITYPE_UNC: Final = 4096
ITYPE_UNC_WC_PATH: Final = 4097
ITYPE_UNC_COMPNAME: Final = 4144
ITYPE_UNC_WC: Final = 4145
ITYPE_PATH_RELND: Final = 8192
ITYPE_PATH_ABSND: Final = 8194
ITYPE_PATH_ABSD: Final = 8198
ITYPE_DEVICE_DISK: Final = 16384
ITYPE_DEVICE_LPT: Final = 16400
ITYPE_DEVICE_COM: Final = 16416
_WILD_CARD: Final = 1
"""Added to the types of paths that contain * or ? ([MS-SRVS] 2.2.2.9)."""

_INVALID: Final = frozenset('<>"|')
_DEVICE: Final = re.compile(r"(?:\\DEV\\)?(LPT|COM)[1-9][0-9]*:?", re.IGNORECASE | re.ASCII)
_DRIVE: Final = re.compile(r"[A-Z]:", re.IGNORECASE | re.ASCII)
_OLD_COMPONENT: Final = re.compile(r"[^.]{1,8}(?:\.[^.]{0,3})?|\.\.?")
_OLD_RULES: Final = 1
_FLAGS_OF_CANONICALIZE: Final = frozenset((0, 1, 0x80000000, 0x80000001))


def path_type(path: str) -> int | None:
    """The type of a path by the algorithm of [MS-SRVS] 3.1.1.9; None for an invalid one."""
    if not path or len(path) > MAX_PATH or not _INVALID.isdisjoint(path):
        return None
    wild = _WILD_CARD if "*" in path or "?" in path else 0
    device = _DEVICE.fullmatch(path)
    if device is not None:
        return ITYPE_DEVICE_LPT if device[1].upper() == "LPT" else ITYPE_DEVICE_COM
    if path.startswith("\\\\"):
        return _type_behind_two(path[2:], wild)
    if path.startswith("\\"):
        return None if re.match(r"\\DEV(?:\\|$)", path, re.IGNORECASE) else ITYPE_PATH_ABSND | wild
    if _DRIVE.match(path):
        return ITYPE_DEVICE_DISK if len(path) == len("C:") else ITYPE_PATH_ABSD | wild
    return ITYPE_PATH_RELND | wild


def _type_behind_two(rest: str, wild: int) -> int | None:
    computer, separator, share = rest.partition("\\")
    if computer == ".":
        return ITYPE_PATH_ABSD | wild if separator else None
    if computer.startswith("*"):
        return ITYPE_UNC_WC if rest == "*" else None
    if not computer:
        return None
    if not separator:
        return ITYPE_UNC_COMPNAME
    return (ITYPE_UNC_WC_PATH if wild else ITYPE_UNC) if share else None


def canonical(path: str) -> str | None:
    """Slashes turned, `.` and `..` resolved, devices in capitals; None where `..` leads above the beginning."""
    path = path.replace("/", "\\")
    if _DEVICE.fullmatch(path):
        return path.upper().removesuffix(":")
    drive = path[:2] if _DRIVE.match(path) else ""
    rest = path[len(drive) :]
    root = rest[: len(rest) - len(rest.lstrip("\\"))]
    fixed = 2 if root == "\\\\" else 0  # computer and share are no folders that one could leave
    kept: list[str] = []
    for component in rest[len(root) :].split("\\"):
        if component == "..":
            if len(kept) <= fixed:
                return None
            kept.pop()
        elif component not in ("", "."):
            kept.append(component)
    return drive + root + "\\".join(kept)


def _fits_old_rules(path: str) -> bool:
    """128 bytes, and components of eight and three."""
    components = [each for each in re.split(r"[\\:]", path) if each]
    return len(path) <= MAX_OLD_PATH and all(_OLD_COMPONENT.fullmatch(each) for each in components)


def netpr_path_type(_call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 30 ([MS-SRVS] 3.1.4.29)."""
    request.optional_string()  # ServerName
    path, flags = request.string(), request.u32()
    found = path_type(path)
    code = NERR_SUCCESS
    if flags not in (0, _OLD_RULES):
        code = ERROR_INVALID_PARAMETER
    elif found is None or (flags == _OLD_RULES and not _fits_old_rules(path)):
        code = ERROR_INVALID_NAME
    reply.u32(found or 0 if code == NERR_SUCCESS else 0)
    reply.u32(code)


def netpr_path_canonicalize(_call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 31 (3.1.4.30)."""
    request.optional_string()  # ServerName
    path, length = request.string(), request.u32()
    if length > MAX_BUFFER:
        raise WireError(f"an output buffer of {length} bytes")
    prefix, stated, flags = request.string(), request.u32(), request.u32()
    code, text, found = _canonicalize(path, prefix, flags)
    if code == NERR_SUCCESS and len(text) > length:
        code = NERR_BUF_TOO_SMALL
    # the buffer has the size that the client has said, whatever is in it
    reply.u32(length)
    reply.raw((text if code == NERR_SUCCESS else b"").ljust(length, b"\0"))
    reply.u32(found if code == NERR_SUCCESS else stated)
    reply.u32(code)


def _canonicalize(path: str, prefix: str, flags: int) -> tuple[int, bytes, int]:
    """Code, text with its terminator, and type."""
    if flags not in _FLAGS_OF_CANONICALIZE:
        return ERROR_INVALID_PARAMETER, b"", 0
    for part in (path, prefix) if prefix else (path,):
        if path_type(part) is None:
            return ERROR_INVALID_NAME, b"", 0
    whole = path if not prefix else prefix.removesuffix("\\") + "\\" + path
    text = canonical(whole)
    found = path_type(text) if text is not None else None
    if text is None or found is None:
        return ERROR_INVALID_NAME, b"", 0
    return NERR_SUCCESS, f"{text}\0".encode("utf-16-le", "surrogatepass"), found


def netpr_path_compare(_call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 32 (3.1.4.31): 0 for the same, 1 or -1."""
    request.optional_string()  # ServerName
    first, second = request.string(), request.string()
    request.u32()  # PathType: their own decide
    reply.u32(_compare(first, second, request.u32()))


def _compare(first: str, second: str, flags: int) -> int:
    if flags not in (0, 1):
        return ERROR_INVALID_PARAMETER
    if flags == 0:
        texts = canonical(first), canonical(second)
        types = [None if text is None else path_type(text) for text in texts]
        if texts[0] is None or texts[1] is None or None in types:
            return ERROR_INVALID_NAME
        if types[0] != types[1]:
            return 1
        first, second = texts[0], texts[1]
    return 0 if first == second else -1 if first < second else 1
