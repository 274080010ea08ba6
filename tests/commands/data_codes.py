"""Control codes on the data of files, as a client of the tests sends them."""

from __future__ import annotations

from typing import NamedTuple

from conformance.client import queries
from conformance.client.message import Reply
from conformance.client.protocol import OPEN_IF
from conformance.client.session import File, Tree
from smbserver.nt import status
from smbserver.wire import copychunk, ioctl, sparse

IOCTL_BODY = 49  # StructureSize of a reply that is no error


class Answer(NamedTuple):
    """The status and the output; an error without one has none."""

    status: int
    output: bytes


def answer_of(reply: Reply) -> Answer:
    """What a reply says, whatever its status."""
    is_whole = int.from_bytes(reply.at(64, 2), "little") == IOCTL_BODY
    return Answer(reply.status, queries.decode_ioctl(reply) if is_whole else b"")


def asked(file: File, code: int, data: bytes = b"", room: int = 4096) -> Answer:
    """One request that is answered at once."""
    return answer_of(file.tree.call(queries.ioctl(code, data, file.file_id, room)))


def done(file: File, code: int, data: bytes = b"", room: int = 4096) -> bytes:
    """One request that succeeds; its output."""
    answer = asked(file, code, data, room)
    assert answer.status == status.SUCCESS, status.describe(answer.status)
    return answer.output


def opened(tree: Tree, name: str, access: int) -> File:
    """An open with these rights and no others."""
    return tree.open(name, access=access, disposition=OPEN_IF)


def resume_key(file: File) -> bytes:
    """The 24 bytes."""
    return copychunk.decode_key_response(memoryview(done(file, ioctl.FSCTL_SRV_REQUEST_RESUME_KEY)))


def set_sparse(file: File, is_sparse: bool = True) -> None:
    """FSCTL_SET_SPARSE."""
    done(file, ioctl.FSCTL_SET_SPARSE, bytes([is_sparse]))


def allocated(file: File, offset: int = 0, length: int = 1 << 40, room: int = 4096) -> list[sparse.Range]:
    """FSCTL_QUERY_ALLOCATED_RANGES."""
    data = sparse.encode_ranges([(offset, length)])
    return sparse.decode_ranges(memoryview(done(file, ioctl.FSCTL_QUERY_ALLOCATED_RANGES, data, room)))
