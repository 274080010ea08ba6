"""FSCTL_SMBTORTURE: control codes of Samba's test suite (not in any specification), and the replies they distort."""

from struct import Struct
from typing import Final

from smbserver.wire import read
from smbserver.wire.header import SIZE as HEADER_SIZE

# Device 0x8384, write access, METHOD_NEITHER ([MS-FSCC] 2.3 has the layout of a control code).
FORCE_UNACKED_TIMEOUT: Final = 0x83848003
IOCTL_RESPONSE_PADDING: Final = 0x83848013
READ_RESPONSE_PADDING: Final = 0x83848023
ASYNC_SLEEP: Final = 0x83848043

WITHOUT_OPEN: Final = frozenset((FORCE_UNACKED_TIMEOUT, IOCTL_RESPONSE_PADDING, READ_RESPONSE_PADDING))
PADDING: Final = bytes(8)
_CODE: Final = Struct("<I")
_CODE_AT: Final = HEADER_SIZE + 4
_READ_DATA_OFFSET_AT: Final = 2
_IOCTL_OFFSETS_AT: Final = (24, 32)  # of input and output


def control_code(message: memoryview) -> int:
    """The CtlCode of an IOCTL request, 0 when the message is too short to have one."""
    return int(_CODE.unpack_from(message, _CODE_AT)[0]) if len(message) >= _CODE_AT + _CODE.size else 0


def pad_ioctl_response(encoded: bytes, fixed: int) -> bytes:
    """An IOCTL response without input whose output begins eight bytes later; `fixed` is the size of its fixed part."""
    changed = bytearray(encoded[:fixed])
    for place in _IOCTL_OFFSETS_AT:
        offset = int(_CODE.unpack_from(changed, place)[0])
        _CODE.pack_into(changed, place, offset + len(PADDING))
    return bytes(changed) + PADDING + encoded[fixed:]


def pad_read_response(fixed: bytes) -> bytes:
    """The fixed part of a READ response, made to say that its data begins eight bytes later, and those bytes."""
    changed = bytearray(fixed[: read.RESPONSE.size])
    changed[_READ_DATA_OFFSET_AT] += len(PADDING)
    return bytes(changed) + PADDING + fixed[read.RESPONSE.size :]
