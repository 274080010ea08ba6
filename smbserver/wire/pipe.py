"""What clients ask of named pipes: control code bodies and information classes ([MS-FSCC] 2.3.45 ff., 2.4.37 f.)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.bounds import text

PIPE: Final = 23
PIPE_LOCAL: Final = 24
PIPE_REMOTE: Final = 25  # how a redirector collects what is written: nobody does that here

FIXED_SIZE: Final = {PIPE: 8, PIPE_LOCAL: 40}

BYTE_STREAM_MODE: Final = 0
MESSAGE_MODE: Final = 1
QUEUE_OPERATION: Final = 0
COMPLETE_OPERATION: Final = 1

CONNECTED_STATE: Final = 3
CLOSING_STATE: Final = 4

_MESSAGE_TYPE: Final = 1
_FULL_DUPLEX: Final = 2
_UNLIMITED_INSTANCES: Final = 0xFFFFFFFF
_CLIENT_END: Final = 0

_PEEK: Final = Struct("<IIII")
_WAIT: Final = Struct("<qIBx")
_PIPE: Final = Struct("<II")
_PIPE_LOCAL: Final = Struct("<IIIIIIIIII")

PEEK_HEAD: Final = _PEEK.size


def encode_peek(state: int, available: int, messages: int, message_length: int, data: bytes) -> bytes:
    """FSCTL_PIPE_PEEK reply (2.3.46): the counts, then the beginning of the first message."""
    return _PEEK.pack(state, available, messages, message_length) + data


def decode_wait(data: memoryview) -> str:
    """The name in an FSCTL_PIPE_WAIT request (2.3.49). Raises WireError.

    Its timeout is of no use here: each of our pipes has an instance for everybody at any time.
    """
    if len(data) < _WAIT.size:
        raise WireError("short FSCTL_PIPE_WAIT")
    _, length, _ = _WAIT.unpack_from(data)
    raw = data[_WAIT.size : _WAIT.size + length]
    if len(raw) != length:
        raise WireError("FSCTL_PIPE_WAIT without its name")
    return text(raw)


class PipeModes(NamedTuple):
    """FilePipeInformation (2.4.37): how this end reads, and whether it waits."""

    read_mode: int
    completion_mode: int


def encode_modes(modes: PipeModes) -> bytes:
    """FilePipeInformation."""
    return _PIPE.pack(*modes)


def decode_modes(data: memoryview) -> PipeModes:
    """FilePipeInformation to set. Raises WireError: short, or a mode that does not exist."""
    if len(data) < _PIPE.size:
        raise WireError("short FilePipeInformation")
    modes = PipeModes._make(_PIPE.unpack_from(data))
    if modes.read_mode > MESSAGE_MODE or modes.completion_mode > COMPLETE_OPERATION:
        raise WireError("unknown pipe mode")
    return modes


def encode_local(instances: int, quota: int, available: int, state: int) -> bytes:
    """FilePipeLocalInformation (2.4.38) of a client's end; `quota` is the bytes each direction may hold."""
    return _PIPE_LOCAL.pack(
        _MESSAGE_TYPE, _FULL_DUPLEX, _UNLIMITED_INSTANCES, instances, quota, available, quota, quota, state, _CLIENT_END
    )
