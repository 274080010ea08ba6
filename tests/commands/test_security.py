"""Security descriptors over the wire: asked for, set, inherited, obeyed. Both stores, several users."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from struct import unpack

import pytest

from conformance.client import contexts, queries
from conformance.client.protocol import DIRECTORY_FILE, StatusFailure
from conformance.client.session import File, Tree
from smbserver.backend.memory import MemoryBackend
from smbserver.backend.posix import PosixBackend
from smbserver.nt import access, attributes, sid, status
from smbserver.nt import descriptor as sd
from smbserver.nt.descriptor import Ace, Descriptor, build, parse
from smbserver.objects.share import Share
from tests.harness import OTHER_USER, World

SECURITY = 3
OWNER, GROUP, DACL, SACL, LABEL = 1, 2, 4, 8, 16
ALL = access.FILE_ALL_ACCESS
INHERITABLE = sd.OBJECT_INHERIT_ACE | sd.CONTAINER_INHERIT_ACE
CREATE, OPEN, OPEN_IF, OVERWRITE_IF, SUPERSEDE = 2, 1, 3, 5, 0


class OnDisk(PosixBackend):
    """A folder whose file system is said to have no extended attributes."""

    @property
    def keeps_descriptors(self) -> bool:
        return False


@pytest.fixture(params=["posix", "memory"])
def world(request: pytest.FixtureRequest, share_folder: Path) -> Iterator[World]:
    """A server whose `data` is on the disk or in memory; `hidden` hides what one may not read, `raw` keeps flags."""
    (share_folder / "files").mkdir()

    def backend() -> PosixBackend | MemoryBackend:
        if request.param == "posix":
            return PosixBackend(share_folder / "files")
        return MemoryBackend(lambda: made.runtime.now())

    shares: list[Share] = []
    made = World(share_folder, shares=[Share("placeholder", None)])
    shares = [
        Share("data", backend()),
        Share("hidden", backend(), hide_unreadable=True),
        Share("raw", backend(), keep_acl_flags=True),
    ]
    made.close()
    for name in ("data", "ro"):
        (share_folder / name).rmdir()
    made = World(share_folder, shares=shares)
    yield made
    made.close()


@pytest.fixture
def alice(world: World) -> Tree:
    return world.log_on().tree("data")


@pytest.fixture
def bob(world: World) -> Tree:
    return world.log_on(user=OTHER_USER).tree("data")


def sid_of(world: World, name: str) -> bytes:
    found = world.state.sids.sid_of(name)
    assert found is not None
    return found


def get(file: File, parts: int = OWNER | GROUP | DACL) -> Descriptor:
    return parse(file.query(SECURITY, 0, additional=parts))


def put(file: File, descriptor: Descriptor, parts: int = DACL) -> None:
    file.set(SECURITY, 0, build(descriptor), additional=parts)


def dacl(*entries: Ace, control: int = 0) -> Descriptor:
    return Descriptor(sd.SE_DACL_PRESENT | control, None, None, entries)


def allow(who: bytes, mask: int, flags: int = 0) -> Ace:
    return Ace(sd.ACCESS_ALLOWED, flags, mask, who)


def refused(code: int, call: object, *arguments: object, **named: object) -> None:
    assert callable(call)
    with pytest.raises(StatusFailure) as caught:
        call(*arguments, **named)
    assert caught.value.status == code


def make(tree: Tree, name: str, *entries: Ace, options: int = 0) -> None:
    """A file or directory that belongs to the tree's user and has this DACL."""
    with tree.open(name, access=ALL, disposition=CREATE, options=options) as file:
        put(file, dacl(*entries))


def granted(tree: Tree, name: str) -> int:
    """What MAXIMUM_ALLOWED gives."""
    with tree.open(name, access=access.MAXIMUM_ALLOWED) as file:
        (mask,) = unpack("<I", file.query(1, 8))
        return int(mask)


def test_without_one_the_owner_is_oneself(world: World, alice: Tree, bob: Tree) -> None:
    with alice.open("a", access=ALL, disposition=CREATE) as file:
        shown = get(file)
        if isinstance(alice_backend(world), PosixBackend):
            assert shown.owner == sid_of(world, "alice")
        assert shown.dacl is not None
        assert len(shown.dacl) == 3
    with bob.open("a", access=ALL) as file:
        assert get(file).dacl is not None


def alice_backend(world: World) -> object:
    return world.shares[0].backend


def test_who_stores_one_owns_the_file(world: World, alice: Tree, bob: Tree) -> None:
    mine = sid_of(world, "alice")
    with alice.open("a", access=ALL, disposition=CREATE) as file:
        put(file, Descriptor(sd.SE_DACL_PRESENT, mine, None, (allow(mine, ALL),)), OWNER | DACL)
        assert get(file).owner == mine
    for wanted in (access.READ_CONTROL, access.FILE_READ_DATA, access.WRITE_DAC, access.WRITE_OWNER):
        refused(status.ACCESS_DENIED, bob.open, "a", access=wanted)
    assert granted(alice, "a") == ALL
    # What is left comes through the directory.
    assert granted(bob, "a") == access.DELETE | access.FILE_READ_ATTRIBUTES


def test_rights_come_from_the_dacl_and_the_order_decides(world: World, alice: Tree, bob: Tree) -> None:
    other = sid_of(world, OTHER_USER)
    deny = Ace(sd.ACCESS_DENIED, 0, access.FILE_WRITE_DATA, other)
    make(alice, "a", deny, allow(sid.EVERYONE, ALL))
    assert granted(bob, "a") == ALL & ~access.FILE_WRITE_DATA
    refused(status.ACCESS_DENIED, bob.open, "a", access=access.FILE_WRITE_DATA)
    refused(status.ACCESS_DENIED, bob.open, "a", access=access.MAXIMUM_ALLOWED | access.FILE_WRITE_DATA)
    bob.open("a", access=access.FILE_READ_DATA).close()


def test_overwriting_is_writing(world: World, alice: Tree, bob: Tree) -> None:
    make(alice, "a", allow(sid.EVERYONE, access.FILE_GENERIC_READ))
    for disposition in (OVERWRITE_IF, SUPERSEDE):
        refused(status.ACCESS_DENIED, bob.open, "a", access=access.FILE_READ_DATA, disposition=disposition)


def test_maximal_access_tells_what_the_dacl_gives(world: World, alice: Tree, bob: Tree) -> None:
    make(alice, "a", allow(sid.EVERYONE, access.FILE_GENERIC_READ))
    wanted = [(contexts.MAXIMAL_ACCESS, b"")]
    with bob.open("a", access=access.FILE_READ_ATTRIBUTES, contexts=wanted) as file:
        code, mask = unpack("<II", file.created.contexts[contexts.MAXIMAL_ACCESS])
        assert (code, mask) == (0, access.FILE_GENERIC_READ | access.DELETE)
        known = file.created.change_time.to_bytes(8, "little")
    with bob.open("a", access=0x80, contexts=[(contexts.MAXIMAL_ACCESS, known)]) as file:
        assert unpack("<II", file.created.contexts[contexts.MAXIMAL_ACCESS]) == (status.NONE_MAPPED, 0)


def test_readonly_and_the_dacl_both_count(world: World, alice: Tree) -> None:
    make(alice, "a", allow(sid.EVERYONE, ALL & ~access.FILE_EXECUTE))
    with alice.open("a", access=ALL & ~access.FILE_EXECUTE) as file:
        file.set(1, queries.FILE_BASIC, queries.basic_data(attributes=attributes.READONLY))
    forbidden = access.FILE_WRITE_DATA | access.FILE_APPEND_DATA | access.FILE_DELETE_CHILD | access.FILE_EXECUTE
    assert granted(alice, "a") == ALL & ~forbidden
    refused(status.ACCESS_DENIED, alice.open, "a", access=access.FILE_WRITE_DATA)
    refused(status.ACCESS_DENIED, alice.open, "a", access=access.FILE_READ_DATA, disposition=OVERWRITE_IF)


def test_a_directory_says_who_may_add_to_it(world: World, alice: Tree, bob: Tree) -> None:
    make(alice, "d", allow(sid.EVERYONE, access.FILE_GENERIC_READ | access.FILE_ADD_FILE), options=DIRECTORY_FILE)
    refused(status.ACCESS_DENIED, bob.open, "d\\sub", access=ALL, disposition=CREATE, options=DIRECTORY_FILE)
    bob.open("d\\file", access=ALL, disposition=CREATE).close()
    bob.open("loose", access=ALL, disposition=CREATE, options=DIRECTORY_FILE).close()
    with bob.open("loose", access=ALL) as file:
        refused(status.ACCESS_DENIED, file.set, 1, queries.FILE_RENAME, queries.rename_data("d\\loose"))
    with bob.open("d\\file", access=ALL) as file:
        file.set(1, queries.FILE_RENAME, queries.rename_data("away"))
    make(alice, "closed", options=DIRECTORY_FILE)
    with bob.open("away", access=ALL) as file:
        refused(status.ACCESS_DENIED, file.set, 1, queries.FILE_RENAME, queries.rename_data("closed\\x"))
        link = queries.rename_data("closed\\x")
        refused(status.ACCESS_DENIED, file.set, 1, 11, link)


def test_what_is_replaced_must_be_his_to_delete(world: World, alice: Tree, bob: Tree) -> None:
    make(alice, "d", allow(sid.EVERYONE, ALL & ~access.FILE_DELETE_CHILD), options=DIRECTORY_FILE)
    make(alice, "d\\kept", allow(sid.EVERYONE, access.FILE_GENERIC_READ))
    bob.open("mine", access=ALL, disposition=CREATE).close()
    over = queries.rename_data("d\\kept", replace=True)
    with bob.open("mine", access=ALL) as file:
        refused(status.ACCESS_DENIED, file.set, 1, queries.FILE_RENAME, over)
        refused(status.ACCESS_DENIED, file.set, 1, 11, over)


def test_a_link_needs_the_right_and_not_the_open(world: World, alice: Tree, bob: Tree) -> None:
    """[MS-FSA] 2.1.5.15.7 and Linux's client: the open may be for reading, its user must be more than a reader."""
    make(alice, "read", allow(sid.EVERYONE, access.FILE_GENERIC_READ))
    make(alice, "written", allow(sid.EVERYONE, ALL))
    with bob.open("read", access=access.FILE_READ_ATTRIBUTES) as file:
        refused(status.ACCESS_DENIED, file.set, 1, 11, queries.rename_data("other"))
    with bob.open("written", access=access.FILE_READ_ATTRIBUTES) as file:
        file.set(1, 11, queries.rename_data("other"))
    assert granted(bob, "other") == ALL


def test_delete_and_attributes_through_the_directory(world: World, alice: Tree, bob: Tree) -> None:
    everything = allow(sid.EVERYONE, ALL, INHERITABLE)
    make(alice, "open", everything, options=DIRECTORY_FILE)
    make(alice, "shut", allow(sid.EVERYONE, access.FILE_ADD_FILE), options=DIRECTORY_FILE)
    for name in ("open\\a", "shut\\a"):
        make(alice, name)
    assert granted(bob, "open\\a") == access.DELETE | access.FILE_READ_ATTRIBUTES
    refused(status.ACCESS_DENIED, bob.open, "shut\\a", access=access.DELETE)
    refused(status.ACCESS_DENIED, bob.open, "shut\\a", access=access.FILE_READ_ATTRIBUTES)


def test_new_files_inherit(world: World, alice: Tree, bob: Tree) -> None:
    other = sid_of(world, OTHER_USER)
    make(
        alice,
        "d",
        allow(sid.EVERYONE, ALL),
        allow(sid.CREATOR_OWNER, access.FILE_WRITE_DATA, INHERITABLE),
        allow(sid_of(world, "alice"), access.FILE_GENERIC_READ, INHERITABLE),
        options=DIRECTORY_FILE,
    )
    with bob.open("d\\a", access=ALL, disposition=CREATE) as file:
        made = get(file)
        assert made.owner == other
        assert made.dacl is not None
        assert [(ace.sid, ace.flags, ace.mask) for ace in made.dacl] == [
            (other, 0, access.FILE_WRITE_DATA),
            (sid_of(world, "alice"), 0, access.FILE_GENERIC_READ),
        ]
    with alice.open("d\\a", access=access.FILE_READ_DATA) as file:
        refused(status.ACCESS_DENIED, file.set, SECURITY, 0, build(dacl()), DACL)
    refused(status.ACCESS_DENIED, alice.open, "d\\a", access=access.FILE_WRITE_DATA)
    with bob.open("d\\sub", access=ALL, disposition=CREATE, options=DIRECTORY_FILE) as file:
        entries = get(file).dacl or ()
        assert [ace.flags for ace in entries] == [0, INHERITABLE | sd.INHERIT_ONLY_ACE, INHERITABLE]


def test_a_new_file_gets_the_given_descriptor(world: World, alice: Tree, bob: Tree) -> None:
    given = build(dacl(allow(sid_of(world, "alice"), access.GENERIC_ALL)))
    context = [(contexts.SECURITY_DESCRIPTOR, given)]
    with alice.open("a", access=ALL, disposition=OPEN_IF, contexts=context) as file:
        assert get(file) == Descriptor(
            sd.SE_DACL_PRESENT,
            sid_of(world, "alice"),
            world.state.sids.users_group,
            (allow(sid_of(world, "alice"), ALL),),
        )
    refused(status.ACCESS_DENIED, bob.open, "a", access=access.FILE_READ_DATA)
    # For a file that is there it means nothing.
    with alice.open("a", access=ALL, disposition=OPEN_IF, contexts=[(contexts.SECURITY_DESCRIPTOR, b"no")]) as file:
        assert len(get(file).dacl or ()) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", status.INVALID_SECURITY_DESCR),
        (bytes(20), status.INVALID_SECURITY_DESCR),
        (build(Descriptor(4, sid.SYSTEM, None, ())), status.INVALID_OWNER),
        (build(Descriptor(0x14, None, None, (), (Ace(2, 0x40, 1, sid.EVERYONE),))), status.PRIVILEGE_NOT_HELD),
    ],
)
def test_a_refused_descriptor_leaves_no_file(alice: Tree, data: bytes, code: int) -> None:
    context = [(contexts.SECURITY_DESCRIPTOR, data)]
    refused(code, alice.open, "a", access=ALL, disposition=CREATE, contexts=context)
    assert [entry.name for entry in alice.list_directory()] == [".", ".."]


@pytest.mark.parametrize(
    ("parts", "needed"),
    [(OWNER, access.WRITE_OWNER), (GROUP, access.WRITE_OWNER), (LABEL, access.WRITE_OWNER), (DACL, access.WRITE_DAC)],
)
def test_each_part_needs_its_right(world: World, alice: Tree, parts: int, needed: int) -> None:
    data = build(Descriptor(4, sid_of(world, "alice"), sid.EVERYONE, (), None))
    alice.open("a", access=ALL, disposition=CREATE).close()
    with alice.open("a", access=ALL & ~needed) as file:
        refused(status.ACCESS_DENIED, file.set, SECURITY, 0, data, parts)
        refused(status.ACCESS_DENIED, file.set, SECURITY, 0, data, parts | OWNER | GROUP | DACL)
    with alice.open("a", access=needed) as file:
        file.set(SECURITY, 0, data, parts)
        refused(status.ACCESS_DENIED, file.query, SECURITY, 0, additional=OWNER)
        assert file.query(SECURITY, 0, additional=0) == build(Descriptor(0, None, None, None))


def test_the_sacl_needs_what_nobody_has(alice: Tree) -> None:
    refused(status.PRIVILEGE_NOT_HELD, alice.open, "a", access=access.ACCESS_SYSTEM_SECURITY, disposition=CREATE)
    with alice.open("a", access=ALL, disposition=CREATE) as file:
        refused(status.ACCESS_DENIED, file.query, SECURITY, 0, additional=SACL)
        refused(status.ACCESS_DENIED, file.set, SECURITY, 0, build(Descriptor(0x10, None, None, None)), SACL)
        refused(status.ACCESS_DENIED, file.set, SECURITY, 0, build(Descriptor(0x10, None, None, None)), 0x10000)


def test_a_label_is_kept_and_acts_on_nothing(alice: Tree) -> None:
    label = Ace(sd.SYSTEM_MANDATORY_LABEL, 0, 1, sid.sid(16, 4096))
    with alice.open("a", access=ALL, disposition=CREATE) as file:
        file.set(SECURITY, 0, build(Descriptor(sd.SE_SACL_PRESENT, None, None, None, (label,))), LABEL)
        assert get(file, LABEL).sacl == (label,)
        assert get(file).sacl is None


def test_one_may_take_a_file_and_not_give_it_away(world: World, alice: Tree, bob: Tree) -> None:
    other = sid_of(world, OTHER_USER)
    make(alice, "a", allow(sid.EVERYONE, ALL))
    with bob.open("a", access=ALL) as file:
        for who in (sid.SYSTEM, None):
            wrong = build(Descriptor(0, who, None, None))
            refused(status.INVALID_OWNER, file.set, SECURITY, 0, wrong, OWNER)
        current = get(file).owner
        put(file, Descriptor(0, current, None, None), OWNER)
        put(file, Descriptor(0, other, None, None), OWNER)
        assert get(file).owner == other


@pytest.mark.parametrize("share", ["data", "raw"])
@pytest.mark.parametrize("asked", [False, True])
def test_auto_inherited_is_kept_when_asked_for(world: World, share: str, asked: bool) -> None:
    tree = world.log_on().tree(share)
    control = sd.SE_DACL_AUTO_INHERITED | sd.SE_DACL_PROTECTED | (sd.SE_DACL_AUTO_INHERIT_REQ if asked else 0)
    with tree.open("a", access=ALL, disposition=CREATE) as file:
        put(file, dacl(allow(sid.EVERYONE, ALL), control=control))
        kept = sd.SE_DACL_AUTO_INHERITED if asked or share == "raw" else 0
        assert get(file).control == sd.SE_DACL_PRESENT | sd.SE_DACL_PROTECTED | kept


def test_null_and_empty_dacls(world: World, alice: Tree, bob: Tree) -> None:
    with alice.open("a", access=ALL, disposition=CREATE) as file:
        put(file, Descriptor(sd.SE_DACL_PRESENT, sid_of(world, "alice"), None, None), OWNER | DACL)
        assert get(file).dacl is None
        assert granted(bob, "a") == ALL
        put(file, dacl())
        assert get(file).dacl == ()
    assert granted(alice, "a") == (access.READ_CONTROL | access.WRITE_DAC | access.DELETE | access.FILE_READ_ATTRIBUTES)


def test_too_little_room_tells_how_much(alice: Tree) -> None:
    with alice.open("a", access=ALL, disposition=CREATE) as file:
        whole = file.query(SECURITY, 0, additional=OWNER | GROUP | DACL)
        refused(status.BUFFER_TOO_SMALL, file.query, SECURITY, 0, len(whole) - 1, OWNER | GROUP | DACL)
        assert file.query(SECURITY, 0, len(whole), OWNER | GROUP | DACL) == whole


@pytest.mark.parametrize("data", [b"", b"\1", bytes(20), bytes.fromhex("0100048000000000000000000000000018000000")])
def test_no_descriptor(alice: Tree, data: bytes) -> None:
    with alice.open("a", access=ALL, disposition=CREATE) as file:
        refused(status.INVALID_SECURITY_DESCR, file.set, SECURITY, 0, data, DACL)


def test_watchers_hear_of_it(world: World, alice: Tree) -> None:
    alice.open("a", access=ALL, disposition=CREATE).close()
    with alice.open("", access=ALL, options=DIRECTORY_FILE) as directory:
        waiting = alice.submit(queries.change_notify(directory.file_id, 0x100))
        with alice.open("a", access=ALL) as file:
            put(file, dacl(allow(sid.EVERYONE, ALL)))
        connection = alice.session.connection
        changed = queries.decode_changes(queries.decode_buffer(connection.wait(waiting).check()))
        assert [name for _, name in changed] == ["a"]


def test_a_listing_may_hide_what_one_may_not_read(world: World) -> None:
    alice, bob = world.log_on().tree("hidden"), world.log_on(user=OTHER_USER).tree("hidden")
    assert alice.connected.share_flags & 0x800
    mine = sid_of(world, "alice")
    for name, entry in (("secret", allow(mine, ALL)), ("shared", allow(sid.EVERYONE, access.FILE_GENERIC_READ))):
        with alice.open(name, access=ALL, disposition=CREATE) as file:
            put(file, Descriptor(sd.SE_DACL_PRESENT, mine, None, (entry,)), OWNER | DACL)
    alice.open("plain", access=ALL, disposition=CREATE).close()
    assert sorted(entry.name for entry in bob.list_directory()) == [".", "..", "plain", "shared"]
    assert [entry.name for entry in bob.list_directory(pattern="plain")] == ["plain"]
    refused(status.NO_SUCH_FILE, bob.list_directory, pattern="secret")
    assert sorted(entry.name for entry in alice.list_directory()) == [".", "..", "plain", "secret", "shared"]


def test_guests_do_not_own_what_the_server_owns(share_folder: Path) -> None:
    world = World(share_folder, guest=True)
    alice = world.log_on().tree("data")
    with alice.open("a", access=ALL, disposition=CREATE) as file:
        put(file, Descriptor(4, sid_of(world, "alice"), None, (allow(sid.BUILTIN_USERS, ALL),)), OWNER | DACL)
    guest = world.log_on(user="stranger", password="x").tree("data")
    refused(status.ACCESS_DENIED, guest.open, "a", access=access.READ_CONTROL)
    assert granted(world.log_on(user=OTHER_USER).tree("data"), "a") == ALL
    world.close()


def test_a_damaged_descriptor_lets_only_the_owner_in(share_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    world = World(share_folder)
    alice = world.log_on().tree("data")
    with alice.open("a", access=ALL, disposition=CREATE) as file:
        put(file, dacl(allow(sid.EVERYONE, ALL)))
    path = world.data / "a"
    name = next(name for name in os.listxattr(path) if name.endswith("NTACL"))
    os.setxattr(path, name, os.getxattr(path, name)[:-7])
    refused(status.ACCESS_DENIED, alice.open, "a", access=access.FILE_READ_DATA)
    with alice.open("a", access=access.WRITE_DAC) as file:
        put(file, dacl(allow(sid.EVERYONE, ALL)))
    alice.open("a", access=access.FILE_READ_DATA).close()
    assert len([record for record in caplog.records if "security descriptor" in record.message]) == 1
    world.close()


@pytest.mark.pure(reason="derives from a compiled class")
def test_a_store_without_room_says_so(share_folder: Path) -> None:
    (share_folder / "files").mkdir()
    backend = OnDisk(share_folder / "files")
    world = World(share_folder, shares=[Share("data", backend)])
    alice = world.log_on().tree("data")
    context = [(contexts.SECURITY_DESCRIPTOR, build(dacl()))]
    refused(status.NOT_SUPPORTED, alice.open, "b", access=ALL, disposition=CREATE, contexts=context)
    with alice.open("a", access=ALL, disposition=CREATE) as file:
        put(file, get(file), OWNER | GROUP | DACL)
        assert not unpack("<I", file.query(2, 5)[:4])[0] & 8
    assert [name for name in os.listxattr(share_folder / "files" / "a") if name.endswith("NTACL")] == []
    world.close()


def test_pipes_have_none(world: World) -> None:
    tree = world.log_on().tree("IPC$")
    pipe = tree.open("srvsvc", access=0x12019F)
    refused(status.ACCESS_DENIED, pipe.set, SECURITY, 0, build(dacl()), DACL)
    pipe.close()
