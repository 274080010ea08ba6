"""IOCTL on files and without: which control codes are answered, how others are refused, whose file id is checked."""

from __future__ import annotations

from struct import pack

import pytest

from conformance.client import commands, queries
from conformance.client.message import Request
from conformance.client.protocol import (
    FSCTL_VALIDATE_NEGOTIATE_INFO,
    GENERIC_READ,
    OPEN_IF,
    SMB_2_0_2,
    SMB_2_1,
    SMB_3_0,
    SMB_3_0_2,
    SMB_3_1_1,
    ConnectionEnded,
    ProtocolFailure,
)
from conformance.client.session import Options, Session, Tree
from smbserver.nt import status
from smbserver.objects.interface import Interface
from smbserver.objects.server_state import Policy
from smbserver.wire import ioctl as wire
from smbserver.wire import network_interface
from smbserver.wire.negotiate import CAP_DIRECTORY_LEASING, CAP_MULTI_CHANNEL
from tests.harness import World

NO_FILE = b"\xff" * 16
# What no store here can do: offloaded copies, integrity streams, zeroing on deallocation, UDF, NTFS's insides.
REFUSED = (
    0x00094264,  # FSCTL_OFFLOAD_READ
    0x00098268,  # FSCTL_OFFLOAD_WRITE
    0x0009027C,  # FSCTL_GET_INTEGRITY_INFORMATION
    0x0009C280,  # FSCTL_SET_INTEGRITY_INFORMATION
    0x00090380,  # FSCTL_SET_INTEGRITY_INFORMATION_EX
    0x00090194,  # FSCTL_SET_ZERO_ON_DEALLOCATION
    0x0009013C,  # FSCTL_QUERY_ON_DISK_VOLUME_INFO
    0x00090060,  # FSCTL_FILESYSTEM_GET_STATISTICS
    0x00090064,  # FSCTL_GET_NTFS_VOLUME_DATA
)
ANY_FILE = pack("<QQ", 1, 1)


def asked(tree: Tree, code: int, file_id: bytes, data: bytes = b"", room: int = 4096, flags: int = 1) -> int:
    return tree.call(queries.ioctl(code, data, file_id, room, flags)).status


@pytest.fixture
def tree(world: World) -> Tree:
    return world.tree("data", Options(dialects=(SMB_3_0_2,)))


@pytest.mark.parametrize("code", sorted(wire.WITHOUT_OPEN))
def test_codes_without_a_file_take_none(tree: Tree, code: int) -> None:
    assert asked(tree, code, ANY_FILE) == status.INVALID_PARAMETER
    assert asked(tree, code, b"\xff" * 8 + bytes(8)) == status.INVALID_PARAMETER


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (wire.FSCTL_DFS_GET_REFERRALS, status.FS_DRIVER_REQUIRED),
        (wire.FSCTL_DFS_GET_REFERRALS_EX, status.FS_DRIVER_REQUIRED),
    ],
)
def test_what_the_server_does_not_have(world: World, tree: Tree, code: int, expected: int) -> None:
    assert asked(tree, code, NO_FILE, b"\4\0" + "\\x\\y\0".encode("utf-16-le")) == expected
    assert asked(tree.session.tree("IPC$"), code, NO_FILE) == expected


@pytest.mark.parametrize("code", [0x00090028, 0x0009009C, 0x83840000, 0, *REFUSED])
def test_unknown_codes(tree: Tree, code: int) -> None:
    file = tree.create("file")
    assert asked(tree, code, file.file_id) == status.INVALID_DEVICE_REQUEST
    assert asked(tree, code, ANY_FILE[:8] + b"\x63" + bytes(7)) == status.FILE_CLOSED


def test_what_is_no_fsctl_is_not_supported(tree: Tree) -> None:
    assert asked(tree, 0x00090028, ANY_FILE, flags=0) == status.NOT_SUPPORTED


def test_sizes(tree: Tree) -> None:
    file = tree.create("file")
    assert asked(tree, 0x00090028, file.file_id, room=(8 << 20) + 1) == status.INVALID_PARAMETER
    cheap = queries.ioctl(0x00090028, b"", file.file_id, 65537)
    cheap.charge = 1
    cheap.span = 0
    assert tree.call(cheap).status == status.INVALID_PARAMETER
    moved = queries.ioctl(0x00090028, b"12345678" * 2, file.file_id)
    moved.body = moved.body[:24] + pack("<I", 124) + moved.body[28:]  # InputOffset
    assert tree.call(moved).status == status.INVALID_PARAMETER


def test_a_related_request_inherits_the_file(tree: Tree) -> None:
    replies = tree.call_compound(
        [
            commands.create("file", access=GENERIC_READ, disposition=OPEN_IF),
            queries.ioctl(wire.FSCTL_SRV_ENUMERATE_SNAPSHOTS, b"", NO_FILE, 16),
            commands.close(NO_FILE),
        ]
    )
    assert [reply.status for reply in replies] == [0, 0, 0]
    assert replies[1].body[8:24] == commands.decode_create(replies[0]).file_id


def test_a_related_request_behind_a_failed_open_fails_likewise(tree: Tree) -> None:
    replies = tree.call_compound(
        [
            commands.create("missing", access=GENERIC_READ, disposition=1),
            queries.ioctl(wire.FSCTL_SRV_ENUMERATE_SNAPSHOTS, b"", NO_FILE, 16),
        ]
    )
    assert [reply.status for reply in replies] == [status.OBJECT_NAME_NOT_FOUND] * 2


def test_no_file_has_snapshots(tree: Tree) -> None:
    file = tree.create("file")
    request = queries.ioctl(wire.FSCTL_SRV_ENUMERATE_SNAPSHOTS, b"", file.file_id, 16)
    assert queries.decode_ioctl(tree.call(request).check()) == pack("<III", 0, 0, 2) + bytes(4)
    assert asked(tree, wire.FSCTL_SRV_ENUMERATE_SNAPSHOTS, file.file_id, room=15) == status.INVALID_PARAMETER
    pipe = tree.session.tree("IPC$").open("srvsvc", access=GENERIC_READ)
    assert asked(pipe.tree, wire.FSCTL_SRV_ENUMERATE_SNAPSHOTS, pipe.file_id) == status.INVALID_DEVICE_REQUEST


def test_every_file_has_an_object_id_of_its_own(tree: Tree) -> None:
    def object_id(name: str) -> bytes:
        with tree.create(name, disposition=3) as file:
            request = queries.ioctl(wire.FSCTL_CREATE_OR_GET_OBJECT_ID, b"", file.file_id, 64)
            return queries.decode_ioctl(tree.call(request).check())

    first, second = object_id("first"), object_id("second")
    assert len(first) == len(second) == 64
    assert first[:16] == first[32:48] != second[:16]
    assert first[16:32] == second[16:32]
    assert object_id("first") == first


def test_an_object_id_needs_room_and_a_file(tree: Tree) -> None:
    file = tree.create("file")
    assert asked(tree, wire.FSCTL_CREATE_OR_GET_OBJECT_ID, file.file_id, room=63) == status.INVALID_PARAMETER
    pipe = tree.session.tree("IPC$").open("srvsvc", access=GENERIC_READ)
    assert asked(pipe.tree, wire.FSCTL_CREATE_OR_GET_OBJECT_ID, pipe.file_id) == status.INVALID_DEVICE_REQUEST


# --- FSCTL_VALIDATE_NEGOTIATE_INFO, [MS-SMB2] 3.3.5.15.12 ---


def truth(session: Session) -> tuple[int, bytes, int, tuple[int, ...]]:
    options = session.options
    return options.capabilities, session.client_guid, session.security_mode, options.dialects


def claim(
    session: Session, capabilities: int, guid: bytes, mode: int, dialects: tuple[int, ...], room: int = 24
) -> Request:
    data = pack(f"<I16sHH{len(dialects)}H", capabilities, guid, mode, len(dialects), *dialects)
    return queries.ioctl(FSCTL_VALIDATE_NEGOTIATE_INFO, data, NO_FILE, room)


@pytest.mark.parametrize("dialects", [(SMB_2_1, SMB_3_0), (SMB_2_0_2, SMB_2_1, SMB_3_0, SMB_3_0_2)])
def test_the_truth_is_confirmed(world: World, dialects: tuple[int, ...]) -> None:
    world.log_on(Options(dialects=dialects)).tree("data", validate=True)


@pytest.mark.parametrize("offered", [(SMB_2_1, SMB_3_0, SMB_3_0_2), (SMB_2_0_2, SMB_2_1, SMB_3_0, SMB_3_1_1)])
def test_a_client_that_was_negotiated_down_by_policy_hears_the_truth(world: World, offered: tuple[int, ...]) -> None:
    world.state.policy = Policy(max_dialect=SMB_2_1)
    tree = world.tree("data", Options(dialects=offered))
    assert tree.session.negotiated.dialect == SMB_2_1
    tree.session.validate_negotiation(tree)  # raises ProtocolFailure when the answer differs from NEGOTIATE's


@pytest.mark.parametrize(
    "lie", ["capabilities", "guid", "mode", "fewer dialects", "more dialects", "none", "room", "short"]
)
def test_a_lie_ends_the_connection(world: World, tree: Tree, lie: str) -> None:
    session = tree.session
    capabilities, guid, mode, dialects = truth(session)
    request = {
        "capabilities": lambda: claim(session, capabilities ^ 0x40, guid, mode, dialects),
        "guid": lambda: claim(session, capabilities, bytes(16), mode, dialects),
        "mode": lambda: claim(session, capabilities, guid, mode ^ 2, dialects),
        "fewer dialects": lambda: claim(session, capabilities, guid, mode, (SMB_2_1,)),
        "more dialects": lambda: claim(session, capabilities, guid, mode, (*dialects, SMB_3_1_1)),
        "none": lambda: claim(session, capabilities, guid, mode, ()),
        "room": lambda: claim(session, capabilities, guid, mode, dialects, room=23),
        "short": lambda: queries.ioctl(FSCTL_VALIDATE_NEGOTIATE_INFO, b"short", NO_FILE, 24),
    }[lie]()
    with pytest.raises(ConnectionEnded):
        tree.call(request)


def test_at_311_the_question_itself_ends_the_connection(world: World) -> None:
    tree = world.tree()
    assert tree.session.negotiated.dialect == SMB_3_1_1
    with pytest.raises(ProtocolFailure):
        tree.call(claim(tree.session, *truth(tree.session)))


def test_interfaces_are_told_as_the_host_has_them(world: World) -> None:
    found = [Interface(2, 10**10, "192.0.2.7"), Interface(2, 10**10, "2001:db8::7")]
    world.state.interfaces = lambda: found
    tree = world.tree("IPC$", Options(dialects=(SMB_3_1_1,)))
    reply = tree.call(queries.ioctl(wire.FSCTL_QUERY_NETWORK_INTERFACE_INFO, b"", NO_FILE, 65536, 1)).check()
    told = network_interface.decode(memoryview(queries.decode_ioctl(reply)))
    assert [(each.if_index, each.speed, each.address) for each in told] == found
    assert [each.capability for each in told] == [0, 0]
    code = wire.FSCTL_QUERY_NETWORK_INTERFACE_INFO
    assert asked(tree, code, NO_FILE, room=2 * network_interface.SIZE - 1) == status.BUFFER_TOO_SMALL
    assert asked(world.tree("IPC$", Options(dialects=(SMB_2_1,))), code, NO_FILE) == status.NOT_SUPPORTED


@pytest.mark.parametrize("dialect", [SMB_3_0, SMB_3_1_1])
@pytest.mark.parametrize("asked_for", [0, CAP_MULTI_CHANNEL, CAP_DIRECTORY_LEASING])
def test_only_what_was_asked_for_is_offered(world: World, dialect: int, asked_for: int) -> None:
    """impacket asks for neither, and fails at each CREATE where it is offered both."""
    session = world.log_on(Options(dialects=(dialect,), capabilities=asked_for))
    either = CAP_MULTI_CHANNEL | CAP_DIRECTORY_LEASING
    assert session.negotiated.capabilities & either == asked_for
    session.tree("data")  # which asks again whether that was the truth


@pytest.mark.parametrize(("dialect", "expected"), [(SMB_2_1, False), (SMB_3_0, True), (SMB_3_1_1, True)])
def test_channels_are_offered_from_3_0_on(world: World, dialect: int, expected: bool) -> None:
    capabilities = world.negotiated(
        Options(dialects=(dialect,), capabilities=CAP_MULTI_CHANNEL)
    ).negotiated.capabilities
    assert bool(capabilities & CAP_MULTI_CHANNEL) is expected
