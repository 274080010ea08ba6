"""The POSIX extensions of SMB 3.1.1 as a client asks for them and reads them (draft of the Samba team)."""

import struct
from typing import Final, NamedTuple

from .contexts import Context
from .protocol import ProtocolFailure

EXTENSIONS: Final = bytes.fromhex("93AD25509CB411E7B42383DE968BCD7C")
NEGOTIATE: Final = (0x100, EXTENSIONS)
"""The negotiate context, for `Options.extra_contexts`."""

INFORMATION: Final = 100
NO_MODE: Final = 0xFFFF
"""What Linux's client sends with an open that is to make nothing."""
TYPE_FILE: Final = 0
TYPE_DIRECTORY: Final = 1
TYPE_SYMLINK: Final = 2


def posix_context(mode: int = NO_MODE) -> Context:
    """The create context; `mode` is that of what is made."""
    return EXTENSIONS, struct.pack("<I", mode)


class PosixFacts(NamedTuple):
    """What the context of a CREATE reply says; SIDs as text, `type` one of TYPE_*."""

    links: int
    tag: int
    mode: int
    type: int
    owner: str
    group: str


class PosixInfo(NamedTuple):
    """FilePosixInformation: times as FILETIMEs, sizes in bytes. `name` only in listings."""

    times: tuple[int, int, int, int]
    end_of_file: int
    allocation_size: int
    attributes: int
    inode: int
    device: int
    facts: PosixFacts
    name: str = ""


class PosixVolume(NamedTuple):
    """FileFsPosixInformation."""

    transfer_size: int
    block_size: int
    blocks: int
    blocks_free: int
    blocks_available: int
    files: int
    files_free: int
    identifier: int


def decode_facts(data: bytes) -> PosixFacts:
    """The data of the context in a CREATE reply."""
    facts, end = _facts(data, 0)
    if end != len(data):
        raise ProtocolFailure("bytes behind the SIDs")
    return facts


def _facts(data: bytes, at: int) -> tuple[PosixFacts, int]:
    if at + 12 > len(data):
        raise ProtocolFailure("a POSIX record is cut short")
    links, tag, mode = struct.unpack_from("<III", data, at)
    owner, at = _sid(data, at + 12)
    group, at = _sid(data, at)
    return PosixFacts(links, tag, mode & 0o7777, mode >> 12, owner, group), at


def _sid(data: bytes, at: int) -> tuple[str, int]:
    if at + 8 > len(data) or data[at] != 1:
        raise ProtocolFailure("no SID where one should be")
    count = data[at + 1]
    end = at + 8 + 4 * count
    if end > len(data):
        raise ProtocolFailure("a SID is cut short")
    parts = struct.unpack_from(f"<{count}I", data, at + 8)
    return "-".join(["S-1", str(int.from_bytes(data[at + 2 : at + 8], "big")), *map(str, parts)]), end


def decode_info(data: bytes) -> PosixInfo:
    """FilePosixInformation of QUERY_INFO."""
    info, end = _info(data, 0)
    if end != len(data):
        raise ProtocolFailure("bytes behind the SIDs")
    return info


def _info(data: bytes, at: int) -> tuple[PosixInfo, int]:
    if at + 68 > len(data):
        raise ProtocolFailure("a POSIX record is cut short")
    *times, end, allocated, attributes, inode, device, _ = struct.unpack_from("<6QIQII", data, at)
    facts, behind = _facts(data, at + 68)
    when = (times[0], times[1], times[2], times[3])
    return PosixInfo(when, end, allocated, attributes, inode, device, facts), behind


def decode_posix_entries(data: bytes) -> list[PosixInfo]:
    """The entries of QUERY_DIRECTORY; raises ProtocolFailure when the chain leaves its bounds or is not aligned."""
    entries: list[PosixInfo] = []
    offset = 0
    while data:
        step = int.from_bytes(data[offset : offset + 4], "little")
        info, at = _info(data, offset + 8)
        size = int.from_bytes(data[at : at + 4], "little")
        raw = data[at + 4 : at + 4 + size]
        if len(raw) != size or step % 8 or (step and offset + step < at + 4 + size):
            raise ProtocolFailure("a directory entry overlaps the next, or its name is cut short")
        entries.append(info._replace(name=raw.decode("utf-16-le", "surrogatepass")))
        if step == 0:
            break
        offset += step
    return entries


def decode_volume(data: bytes) -> PosixVolume:
    """FileFsPosixInformation of QUERY_INFO."""
    if len(data) != 56:
        raise ProtocolFailure(f"FileFsPosixInformation of {len(data)} bytes")
    return PosixVolume(*struct.unpack("<II6Q", data))


def chmod_descriptor(mode: int) -> bytes:
    """What Linux's client sets for a chmod: a DACL of one entry, S-1-5-88-3-mode."""
    sid = bytes((1, 3)) + (5).to_bytes(6, "big") + struct.pack("<III", 88, 3, mode)
    ace = struct.pack("<BBHI", 0, 0, 8 + len(sid), 0) + sid
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(ace), 1, 0) + ace
    return struct.pack("<BBHIIII", 1, 0, 0x8004, 0, 0, 0, 20) + acl
