"""Copies within the server: FSCTL_SRV_REQUEST_RESUME_KEY and FSCTL_SRV_COPYCHUNK ([MS-SMB2] 2.2.31.1, 2.2.32.1, .3)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError

# What Windows takes as well ([MS-SMB2] 3.3.3): a chunk is what a thread holds in memory, the sum what it does unasked.
MAX_CHUNKS: Final = 256
MAX_CHUNK_SIZE: Final = 1 << 20  # bytes
MAX_DATA_SIZE: Final = 16 << 20  # bytes

KEY_SIZE: Final = 24
AT_END_OF_FILE: Final = -1  # a target offset: behind what there is

_KEY: Final = Struct("<QQQ")
_KEY_RESPONSE: Final = Struct("<24sII")  # ContextLength, and the four bytes of context that Windows sends
_COPY: Final = Struct("<24sII")
_CHUNK: Final = Struct("<qqI4x")
_RESPONSE: Final = Struct("<III")
KEY_RESPONSE_SIZE: Final = _KEY_RESPONSE.size
RESPONSE_SIZE: Final = _RESPONSE.size


class ResumeKey(NamedTuple):
    """What a key stands for: an open of a session. To the client it is 24 bytes without a meaning."""

    volatile_id: int
    persistent_id: int
    session_id: int


class Chunk(NamedTuple):
    """A part to copy; offsets are signed on the wire and here."""

    source_offset: int
    target_offset: int
    length: int


class CopyRequest(NamedTuple):
    """SRV_COPYCHUNK_COPY. `chunks` is None when there are more than MAX_CHUNKS or fewer than announced."""

    source_key: bytes
    chunks: tuple[Chunk, ...] | None


class CopyResponse(NamedTuple):
    """SRV_COPYCHUNK_RESPONSE; `chunk_bytes` are those of the chunk that broke off, all in all `total_bytes`."""

    chunks: int
    chunk_bytes: int
    total_bytes: int


LIMITS: Final = CopyResponse(MAX_CHUNKS, MAX_CHUNK_SIZE, MAX_DATA_SIZE)


def encode_key(key: ResumeKey) -> bytes:
    """The 24 bytes."""
    return _KEY.pack(*key)


def decode_key(data: bytes) -> ResumeKey:
    """Any 24 bytes name some open; whether there is one is another matter. Raises WireError."""
    if len(data) != KEY_SIZE:
        raise WireError("a resume key has 24 bytes")
    return ResumeKey._make(_KEY.unpack(data))


def encode_key_response(key: ResumeKey) -> bytes:
    """SRV_REQUEST_RESUME_KEY: no context."""
    return _KEY_RESPONSE.pack(encode_key(key), 0, 0)


def decode_key_response(data: memoryview) -> bytes:
    """The 24 bytes. Raises WireError."""
    if len(data) < _KEY_RESPONSE.size:
        raise WireError("short SRV_REQUEST_RESUME_KEY")
    key: bytes = _KEY_RESPONSE.unpack_from(data)[0]
    return key


def decode(data: memoryview) -> CopyRequest:
    """Read the input of FSCTL_SRV_COPYCHUNK. Raises WireError when even the key is not whole."""
    if len(data) < _COPY.size:
        raise WireError("short SRV_COPYCHUNK_COPY")
    key, count, _ = _COPY.unpack_from(data)
    if count > MAX_CHUNKS or len(data) < _COPY.size + count * _CHUNK.size:
        return CopyRequest(key, None)
    end = _COPY.size + count * _CHUNK.size
    return CopyRequest(key, tuple(Chunk._make(each) for each in _CHUNK.iter_unpack(data[_COPY.size : end])))


def encode(key: bytes, chunks: tuple[Chunk, ...]) -> bytes:
    """The input of FSCTL_SRV_COPYCHUNK."""
    return _COPY.pack(key, len(chunks), 0) + b"".join(_CHUNK.pack(*chunk) for chunk in chunks)


def encode_response(response: CopyResponse) -> bytes:
    """The output: what was done, or with INVALID_PARAMETER what may be asked for."""
    return _RESPONSE.pack(*response)


def decode_response(data: memoryview) -> CopyResponse:
    """Read the output. Raises WireError."""
    if len(data) < _RESPONSE.size:
        raise WireError("short SRV_COPYCHUNK_RESPONSE")
    return CopyResponse._make(_RESPONSE.unpack_from(data))
