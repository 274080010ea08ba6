"""Named pipes through SMB2 requests: what is opened, read, written, waited for, and how a waiting read ends."""

from __future__ import annotations

from struct import pack, unpack_from

import pytest

from conformance.client import commands, queries
from conformance.client.login import log_on
from conformance.client.message import Reply, Request
from conformance.client.ntlm import Credentials
from conformance.client.protocol import (
    GENERIC_READ,
    GENERIC_WRITE,
    OVERWRITE_IF,
    SMB_2_0_2,
    SMB_3_0,
    SMB_3_1_1,
    NoAnswer,
    StatusFailure,
)
from conformance.client.session import File, Options, Tree
from smbserver.auth.identity import ANONYMOUS
from smbserver.driver import INTERIM_DELAY
from smbserver.nt import status
from smbserver.rpc.host_names import HostAnswer
from smbserver.wire.ioctl import FSCTL_PIPE_PEEK, FSCTL_PIPE_TRANSCEIVE, FSCTL_PIPE_WAIT
from tests.harness import PASSWORD, USER, World, frames_of
from tests.rpc.client import BIND_ACK, BIND_SRVSVC, BINDS, enum_stub, request

READ_WRITE = GENERIC_READ | GENERIC_WRITE
SHARE_ENUM = 15
NO_FILE = b"\xff" * 16
BIND_ACK_LENGTH = 68  # one context, secondary address \PIPE\srvsvc


def opened(tree: Tree, name: str = "srvsvc") -> File:
    return tree.open(name, access=READ_WRITE)


def control(code: int, file: File | None, data: bytes, room: int) -> Request:
    return queries.ioctl(code, data, file.file_id if file is not None else NO_FILE, room)


def transceive(file: File, data: bytes, room: int = 4280) -> Reply:
    return file.tree.call(control(FSCTL_PIPE_TRANSCEIVE, file, data, room))


@pytest.fixture
def ipc(world: World) -> Tree:
    return world.tree("IPC$")


def test_shares_are_listed_over_a_pipe(ipc: Tree) -> None:
    pipe = opened(ipc)
    assert queries.decode_ioctl(transceive(pipe, BIND_SRVSVC).check())[2] == BIND_ACK
    stub = queries.decode_ioctl(transceive(pipe, request(SHARE_ENUM, enum_stub(1))).check())
    for name, comment in (("data", "Some files"), ("ro", "Only to read"), ("IPC$", "Remote IPC")):
        assert name.encode("utf-16-le") in stub
        assert comment.encode("utf-16-le") in stub


def test_a_share_that_ends_in_a_dollar_is_not_listed(world: World) -> None:
    world.shares[1].name = "hid$"
    pipe = opened(world.tree("IPC$"))
    transceive(pipe, BIND_SRVSVC)
    stub = queries.decode_ioctl(transceive(pipe, request(SHARE_ENUM, enum_stub(1))).check())
    assert "hid$".encode("utf-16-le") not in stub


@pytest.mark.parametrize("name", ["srvsvc", "SRVSVC", "wkssvc", "lsarpc", "samr"])
def test_names_of_pipes(ipc: Tree, name: str) -> None:
    created = opened(ipc, name).created
    assert (created.action, created.oplock, created.end_of_file) == (1, 0, 0)


@pytest.mark.parametrize("name", ["spoolss", "", "\\srvsvc", "srvsvc\\", "..\\srvsvc", "pipe\\srvsvc", "srvsvc:x"])
def test_other_names_do_not_exist(ipc: Tree, name: str) -> None:
    with pytest.raises(StatusFailure) as failure:
        opened(ipc, name)
    assert failure.value.status == status.OBJECT_NAME_NOT_FOUND


def test_an_anonymous_caller_opens_what_is_in_the_table_and_may_list_nothing(world: World) -> None:
    tree = world.tree("IPC$")
    world.state.sessions[tree.session.session_id].identity = ANONYMOUS  # no way to log on as nobody is built in
    pipe = opened(tree)
    transceive(pipe, BIND_SRVSVC).check()
    stub = queries.decode_ioctl(transceive(pipe, request(SHARE_ENUM, enum_stub(1))).check())
    assert int.from_bytes(stub[-4:], "little") == 5  # ERROR_ACCESS_DENIED
    with pytest.raises(StatusFailure) as failure:
        opened(tree, "spoolss")
    assert failure.value.status == status.ACCESS_DENIED


def test_disposition_share_access_and_options_mean_nothing(ipc: Tree) -> None:
    first = ipc.open("srvsvc", access=READ_WRITE | 0x10000, disposition=OVERWRITE_IF, options=0x1000, share=0)
    second = ipc.open("srvsvc", access=READ_WRITE, share=0)
    assert first.file_id != second.file_id
    first.close()
    opened(ipc)


def test_delegation_to_a_pipe_is_refused(ipc: Tree) -> None:
    create = commands.create("srvsvc", access=READ_WRITE, disposition=1, impersonation=3)
    assert ipc.call(create).status == status.BAD_IMPERSONATION_LEVEL


@pytest.mark.parametrize("dialect", [SMB_2_0_2, SMB_3_1_1])
def test_write_then_read(world: World, dialect: int) -> None:
    pipe = opened(world.tree("IPC$", Options(dialects=(dialect,))))
    assert pipe.write(0x7FFFFFFFFFFFFFF0, BIND_SRVSVC) == len(BIND_SRVSVC)
    assert pipe.read(12345, 4280)[2] == BIND_ACK


def test_a_message_longer_than_the_read_overflows_and_goes_on(ipc: Tree) -> None:
    pipe = opened(ipc)
    pipe.write(0, BIND_SRVSVC)
    first = ipc.call(commands.read(pipe.file_id, 0, 10))
    assert first.status == status.BUFFER_OVERFLOW
    rest = ipc.call(commands.read(pipe.file_id, 0, 4280)).check()
    whole = commands.decode_read(first) + commands.decode_read(rest)
    assert (len(commands.decode_read(first)), len(whole)) == (10, BIND_ACK_LENGTH)


def test_a_read_with_a_minimum_that_is_not_there_leaves_the_message(ipc: Tree) -> None:
    pipe = opened(ipc)
    pipe.write(0, BIND_SRVSVC)
    assert ipc.call(commands.read(pipe.file_id, 0, 4280, minimum=100)).status == status.END_OF_FILE
    assert len(pipe.read(0, 4280)) == BIND_ACK_LENGTH


def test_transceive_with_little_room_gives_the_rest_to_read(ipc: Tree) -> None:
    pipe = opened(ipc)
    reply = transceive(pipe, BIND_SRVSVC, 16)
    assert reply.status == status.BUFFER_OVERFLOW
    assert len(queries.decode_ioctl(reply)) == 16
    assert len(pipe.read(0, 4280)) == BIND_ACK_LENGTH - 16


def test_transceive_while_something_waits_to_be_read_is_busy(ipc: Tree) -> None:
    pipe = opened(ipc)
    pipe.write(0, BIND_SRVSVC)
    assert transceive(pipe, b"x").status == status.PIPE_BUSY
    assert len(pipe.read(0, 4280)) == BIND_ACK_LENGTH


def test_transceive_of_half_a_message_waits_for_the_other_half(ipc: Tree) -> None:
    pipe = opened(ipc)
    message = ipc.submit(control(FSCTL_PIPE_TRANSCEIVE, pipe, BIND_SRVSVC[:20], 4280))
    with pytest.raises(NoAnswer):
        ipc.session.connection.wait(message)
    assert transceive(pipe, b"").status == status.PIPE_BUSY
    pipe.write(0, BIND_SRVSVC[20:])
    assert len(queries.decode_ioctl(ipc.session.connection.wait(message).check())) == BIND_ACK_LENGTH


def waiting_read(pipe: File) -> int:
    """A READ of an empty pipe; its message id."""
    return pipe.tree.submit(commands.read(pipe.file_id, 0, 4280))


def test_a_read_of_an_empty_pipe_waits_for_what_is_written(world: World, ipc: Tree) -> None:
    pipe = opened(ipc)
    connection = ipc.session.connection
    first, second = waiting_read(pipe), waiting_read(pipe)
    world.runtime.advance(INTERIM_DELAY)
    assert connection.wait_interim(first).async_id != connection.wait_interim(second).async_id
    pipe.write(0, BIND_SRVSVC)
    reply = connection.wait(first).check()
    assert len(commands.decode_read(reply)) == BIND_ACK_LENGTH
    with pytest.raises(NoAnswer):
        connection.wait(second)
    pipe.write(0, request(SHARE_ENUM, enum_stub(1)))
    connection.wait(second).check()


@pytest.mark.parametrize("interim", [False, True])
def test_a_cancelled_read_takes_no_message(world: World, ipc: Tree, interim: bool) -> None:
    pipe = opened(ipc)
    connection = ipc.session.connection
    first, second = waiting_read(pipe), waiting_read(pipe)
    if interim:
        world.runtime.advance(INTERIM_DELAY)
        connection.wait_interim(first)
    connection.cancel(first)
    assert connection.wait(first).status == status.CANCELLED
    pipe.write(0, BIND_SRVSVC)
    connection.wait(second).check()


@pytest.mark.parametrize("end", ["close", "tree disconnect", "log off"])
@pytest.mark.parametrize("encryption", [False, True])
def test_what_ends_the_open_ends_its_reads(world: World, end: str, encryption: bool) -> None:
    tree = world.tree("IPC$", Options(signing=True, encryption=encryption))
    pipe = opened(tree)
    connection = tree.session.connection
    message = waiting_read(pipe)
    if end == "close":
        pipe.close()
    elif end == "tree disconnect":
        tree.disconnect()
    else:
        reply = tree.session.call(commands.logoff()).check()  # the client still has the keys to check with
        assert reply.signed or reply.encrypted
    reply = connection.wait(message)
    assert reply.status == status.PIPE_BROKEN
    assert reply.signed or reply.encrypted


def test_a_lost_connection_ends_its_reads(world: World, ipc: Tree) -> None:
    waiting_read(opened(ipc))
    frames = frames_of(ipc.session.connection)
    frames.close()
    assert not frames.server.pending
    assert not len(world.state.files)
    assert not world.runtime.timers


def test_a_new_session_that_replaces_one_ends_its_reads(world: World, ipc: Tree) -> None:
    message = waiting_read(opened(ipc))
    other = world.negotiated(Options(dialects=(SMB_3_0,)))
    log_on(other.connection, Credentials(USER, PASSWORD), b"", previous_session_id=ipc.session.session_id)
    assert ipc.session.connection.wait(message).status == status.PIPE_BROKEN


def test_garbage_breaks_the_pipe_after_its_answer(ipc: Tree) -> None:
    pipe = opened(ipc)
    reply = transceive(pipe, b"\xff" * 24)
    reply.check()
    with pytest.raises(StatusFailure) as failure:
        pipe.write(0, b"x")
    assert failure.value.status == status.PIPE_DISCONNECTED
    assert ipc.call(commands.read(pipe.file_id, 0, 10)).status == status.PIPE_DISCONNECTED
    assert ipc.call(control(FSCTL_PIPE_PEEK, pipe, b"", 100)).status == status.PIPE_DISCONNECTED


def test_peek_takes_nothing(ipc: Tree) -> None:
    pipe = opened(ipc)
    empty = queries.decode_ioctl(ipc.call(control(FSCTL_PIPE_PEEK, pipe, b"", 16)).check())
    assert empty == pack("<IIII", 3, 0, 0, 0)
    pipe.write(0, BIND_SRVSVC)
    reply = ipc.call(control(FSCTL_PIPE_PEEK, pipe, b"", 20))
    assert reply.status == status.BUFFER_OVERFLOW
    output = queries.decode_ioctl(reply)
    assert unpack_from("<IIII", output) == (3, BIND_ACK_LENGTH, 1, BIND_ACK_LENGTH)
    whole = queries.decode_ioctl(ipc.call(control(FSCTL_PIPE_PEEK, pipe, b"", 4280)).check())
    assert whole[16:20] == output[16:]
    assert whole[16:] == pipe.read(0, 4280)
    assert ipc.call(control(FSCTL_PIPE_PEEK, pipe, b"", 0)).status == status.BUFFER_OVERFLOW


def wait_request(name: bytes, length: int | None = None) -> bytes:
    return pack("<qIBx", -1, len(name) if length is None else length, 1) + name


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (wait_request("srvsvc".encode("utf-16-le")), status.SUCCESS),
        (wait_request("nothing".encode("utf-16-le")), status.OBJECT_NAME_NOT_FOUND),
        (wait_request("srvsvc".encode("utf-16-le"), 14), status.OBJECT_NAME_NOT_FOUND),
        (wait_request(b"odd"), status.OBJECT_NAME_NOT_FOUND),
        (b"short", status.OBJECT_NAME_NOT_FOUND),
    ],
)
def test_pipe_wait(ipc: Tree, data: bytes, expected: int) -> None:
    assert ipc.call(control(FSCTL_PIPE_WAIT, None, data, 0)).status == expected


def test_pipe_codes_on_a_disk_share(world: World) -> None:
    tree = world.tree()
    file = tree.create("file")
    for code in (FSCTL_PIPE_TRANSCEIVE, FSCTL_PIPE_PEEK):
        assert tree.call(control(code, file, b"x", 100)).status == status.NOT_SUPPORTED
    data = wait_request("srvsvc".encode("utf-16-le"))
    assert tree.call(control(FSCTL_PIPE_WAIT, None, data, 0)).status == status.INVALID_DEVICE_REQUEST
    assert tree.call(control(FSCTL_PIPE_WAIT, file, data, 0)).status == status.INVALID_PARAMETER


def test_flush_close_and_information(ipc: Tree) -> None:
    pipe = opened(ipc)
    pipe.flush()
    standard = pipe.query(1, 5)
    assert unpack_from("<QQIBB", standard) == (4096, 0, 1, 0, 0)
    assert pipe.query(1, 9)[4:].decode("utf-16-le") == "\\srvsvc"
    assert len(pipe.query(1, 24)) == 40
    for kind, level, expected in (
        (1, 22, status.INVALID_INFO_CLASS),
        (2, 1, status.NOT_SUPPORTED),
        (3, 0, status.NOT_SUPPORTED),
    ):
        assert ipc.call(queries.query_info(pipe.file_id, kind, level, 4096, 7)).status == expected
    assert pipe.close(1).attributes == 0x80


def test_what_belongs_to_files_is_refused(ipc: Tree) -> None:
    pipe = ipc.open("srvsvc", access=0x10000000)  # GENERIC_ALL
    rename = b"\0" * 16 + pack("<I", 2) + "x".encode("utf-16-le")
    basic = pack("<qqqqII", 0, 0, 0, 0, 1, 0)
    for level, data in (
        (4, basic),
        (10, rename),
        (11, rename),
        (13, b"\1"),
        (14, bytes(8)),
        (19, bytes(8)),
        (20, bytes(8)),
    ):
        assert ipc.call(queries.set_info(pipe.file_id, 1, level, data)).status == status.INVALID_INFO_CLASS
    directory = queries.query_directory(pipe.file_id)
    assert ipc.call(directory).status == status.INVALID_PARAMETER


def test_modes_of_a_pipe(ipc: Tree) -> None:
    pipe = opened(ipc)
    assert pipe.query(1, 23) == pack("<II", 1, 0)
    pipe.set(1, 23, pack("<II", 1, 1))
    assert ipc.call(commands.read(pipe.file_id, 0, 10)).status == status.PIPE_EMPTY
    pipe.set(1, 23, pack("<II", 0, 0))
    pipe.write(0, BIND_SRVSVC)
    assert len(pipe.read(0, 10)) == 10  # a stream has no messages that could overflow
    assert transceive(pipe, b"x").status == status.INVALID_PIPE_STATE
    for modes in (pack("<II", 1, 0), pack("<II", 2, 0), pack("<II", 0, 2), b"short"):
        assert ipc.call(queries.set_info(pipe.file_id, 1, 23, modes)).status == status.INVALID_PARAMETER


def test_flags_that_make_no_sense_on_a_pipe(ipc: Tree) -> None:
    pipe = opened(ipc)
    assert ipc.call(commands.write(pipe.file_id, 0, b"x", 1)).status == status.INVALID_PARAMETER
    assert ipc.call(commands.read(pipe.file_id, 0, 1, flags=1)).status == status.INVALID_PARAMETER


def test_a_related_compound_opens_asks_and_closes(ipc: Tree) -> None:
    replies = ipc.call_compound(
        [
            commands.create("srvsvc", access=READ_WRITE, disposition=1),
            queries.ioctl(FSCTL_PIPE_TRANSCEIVE, BIND_SRVSVC, NO_FILE, 4280),
            commands.close(NO_FILE),
        ]
    )
    assert [reply.status for reply in replies] == [0, 0, 0]
    assert queries.decode_ioctl(replies[1])[2] == BIND_ACK
    created = commands.decode_create(replies[0])
    assert replies[1].body[8:24] == created.file_id


def test_rights_are_those_of_the_open(ipc: Tree) -> None:
    reader = ipc.open("srvsvc", access=GENERIC_READ)
    assert ipc.call(commands.write(reader.file_id, 0, b"x")).status == status.ACCESS_DENIED
    assert transceive(reader, BIND_SRVSVC).status == status.ACCESS_DENIED
    writer = ipc.open("srvsvc", access=GENERIC_WRITE)
    assert ipc.call(commands.read(writer.file_id, 0, 1)).status == status.ACCESS_DENIED
    assert ipc.call(control(FSCTL_PIPE_PEEK, writer, b"", 16)).status == status.ACCESS_DENIED


def lookup(uid: int) -> tuple[bytes, bytes]:
    """Opening a policy, and asking for the name of a uid; the host is asked in a thread."""
    attributes = pack("<6I", 24, 0, 0, 0, 0, 0)
    sids = pack("<IIIIIBB6sII", 1, 1, 1, 1, 2, 1, 2, b"\0\0\0\0\0\x16", 1, uid)
    tail = pack("<IIHxxI", 0, 0, 1, 0)
    policy = pack("<I16s", 0, (1).to_bytes(16, "big"))
    return request(44, bytes(4) + attributes + pack("<I", 0x02000000)), request(15, policy + sids + tail)


def test_an_answer_that_comes_later(world: World, ipc: Tree) -> None:
    world.state.host_questions.ask_host = lambda question: HostAnswer(dict.fromkeys(question.uids, "ann"))
    pipe = opened(ipc, "lsarpc")
    transceive(pipe, BINDS["lsarpc"]).check()
    policy, names = lookup(1000)
    transceive(pipe, policy).check()
    world.runtime.hold_offloaded = True
    connection = ipc.session.connection
    message = ipc.submit(control(FSCTL_PIPE_TRANSCEIVE, pipe, names, 4280))
    with pytest.raises(NoAnswer):
        connection.wait(message)
    world.runtime.run_offloaded()
    assert "ann".encode("utf-16-le") in queries.decode_ioctl(connection.wait(message).check())


def test_an_answer_that_comes_too_late(world: World, ipc: Tree) -> None:
    pipe = opened(ipc, "lsarpc")
    transceive(pipe, BINDS["lsarpc"]).check()
    policy, names = lookup(1000)
    transceive(pipe, policy).check()
    world.runtime.hold_offloaded = True
    pipe.write(0, names)
    pipe.close()
    world.runtime.run_offloaded()
