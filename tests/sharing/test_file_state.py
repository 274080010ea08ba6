"""Share modes, delete-pending and the table of open files, against a model that is too simple to be wrong."""

from itertools import product

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from smbserver.errors import StatusError
from smbserver.nt import access, status
from smbserver.nt.names import Path
from smbserver.sharing.file_state import FileState, Identity
from smbserver.sharing.file_table import FileTable
from smbserver.sharing.holder import Holder

VOLUME = object()
# [MS-FSA] 2.1.5.1.2.2: which rights each share bit is about.
ABOUT = {
    access.FILE_SHARE_READ: (access.FILE_READ_DATA, access.FILE_EXECUTE),
    access.FILE_SHARE_WRITE: (access.FILE_WRITE_DATA, access.FILE_APPEND_DATA),
    access.FILE_SHARE_DELETE: (access.DELETE,),
}
RIGHTS = (0, *(right for rights in ABOUT.values() for right in rights))


def conflict(held: int, held_share: int, wanted: int, wanted_share: int) -> bool:
    """The rule, said in another way than the code under test says it."""
    shared = {right for rights in ABOUT.values() for right in rights}
    if not any(held & right for right in shared) or not any(wanted & right for right in shared):
        return False
    for bit, rights in ABOUT.items():
        for right in rights:
            if held & right and not wanted_share & bit:
                return True
            if wanted & right and not held_share & bit:
                return True
    return False


def refused(state: FileState, granted: int, share: int) -> int:
    """The status of an open; 0 when it is let in."""
    try:
        state.check_open(granted, share)
    except StatusError as error:
        return error.status
    return 0


@pytest.mark.parametrize(("held", "wanted"), list(product(RIGHTS, RIGHTS)))
def test_every_pair_of_rights_and_share_modes(held: int, wanted: int) -> None:
    for held_share, wanted_share in product(range(8), range(8)):
        table = FileTable()
        state = table.enter((1, 1), Holder(held | access.SYNCHRONIZE, held_share, ("a",), VOLUME))
        expected = status.SHARING_VIOLATION if conflict(held, held_share, wanted, wanted_share) else 0
        assert refused(state, wanted | access.READ_CONTROL, wanted_share) == expected


def test_stat_opens_conflict_with_nobody() -> None:
    table = FileTable()
    state = table.enter((1, 1), Holder(access.FILE_ALL_ACCESS, 0, ("a",), VOLUME))
    assert refused(state, access.STAT_ONLY, 0) == 0
    assert refused(state, access.FILE_READ_ATTRIBUTES, 0) == 0
    table.enter((1, 1), Holder(access.STAT_ONLY, 0, ("a",), VOLUME))
    assert refused(state, access.FILE_READ_DATA, 7) == status.SHARING_VIOLATION
    other = table.enter((1, 2), Holder(access.STAT_ONLY, 0, ("b",), VOLUME))
    assert refused(other, access.FILE_ALL_ACCESS, 0) == 0


@pytest.mark.parametrize("right", [access.FILE_READ_EA, access.FILE_WRITE_EA, access.WRITE_DAC, access.READ_CONTROL])
def test_rights_that_no_share_bit_is_about(right: int) -> None:
    table = FileTable()
    state = table.enter((1, 1), Holder(right, 0, ("a",), VOLUME))
    assert refused(state, access.FILE_ALL_ACCESS, 0) == 0
    table.enter((1, 1), Holder(access.FILE_READ_DATA, 0, ("a",), VOLUME))
    assert refused(state, right, 0) == 0


def test_a_file_that_goes_lets_nobody_in() -> None:
    table = FileTable()
    state = table.enter((1, 1), Holder(access.DELETE, 7, ("a",), VOLUME))
    state.set_delete(("a",), VOLUME)
    assert refused(state, access.STAT_ONLY, 7) == status.DELETE_PENDING
    assert refused(state, access.FILE_READ_DATA, 7) == status.DELETE_PENDING
    state.clear_delete()
    assert refused(state, access.FILE_READ_DATA, 7) == 0


def test_the_last_one_deletes() -> None:
    table = FileTable()
    holders = [Holder(access.DELETE, 7, ("a",), VOLUME) for _ in range(2)]
    for holder in holders:
        state = table.enter((1, 1), holder)
    state.set_delete(("a",), VOLUME)
    assert not table.leave(state, holders[0])
    assert table.leave(state, holders[1])
    assert len(table) == 0
    assert table.find((1, 1)) is None
    assert table.enter((1, 1), holders[0]) is not state  # an inode number used again starts clean


def test_leaving_twice_is_an_error_and_takes_nobody_else_out() -> None:
    table = FileTable()
    first, second = (Holder(0, 7, ("a",), VOLUME) for _ in range(2))
    state = table.enter((1, 1), first)
    table.enter((1, 1), second)
    table.leave(state, first)
    with pytest.raises(ValueError):
        table.leave(state, first)
    assert state.holders == [second]


def test_a_name_that_moves() -> None:
    table = FileTable()
    through_a, through_b, elsewhere = (
        Holder(0, 7, path, volume) for path, volume in ((("a",), VOLUME), (("b",), VOLUME), (("a",), object()))
    )
    state = table.enter((1, 1), through_a)
    table.enter((1, 1), through_b)  # another link of the same file
    table.enter((1, 1), elsewhere)  # the same path in another share
    state.set_delete(("a",), VOLUME)
    table.renamed(VOLUME, ("a",), ("d", "c"))
    assert [holder.path for holder in state.holders] == [("d", "c"), ("b",), ("a",)]
    assert state.delete_path == ("d", "c")


def test_opens_below_follow_a_renamed_directory() -> None:
    table = FileTable()
    holders = [Holder(0, 7, path, VOLUME) for path in (("d",), ("d", "x"), ("d", "x", "y"), ("dx",))]
    foreign = Holder(0, 7, ("d", "x"), object())
    for number, holder in enumerate([*holders, foreign]):
        table.enter((1, number), holder)
    state = table.find((1, 2))
    assert state is not None
    state.set_delete(("d", "x", "y"), VOLUME)
    table.renamed(VOLUME, ("d",), ("n", "m"))
    assert [holder.path for holder in holders] == [("n", "m"), ("n", "m", "x"), ("n", "m", "x", "y"), ("dx",)]
    assert state.delete_path == ("n", "m", "x", "y")
    assert foreign.path == ("d", "x")


def test_open_below() -> None:
    table = FileTable()
    holder = Holder(0, 7, ("d", "e", "f"), VOLUME)
    state = table.enter((1, 1), holder)
    for directory, expected in (
        ((), True),
        (("d",), True),
        (("d", "e"), True),
        (("d", "e", "f"), False),
        (("d", "x"), False),
        (("D",), False),  # paths are as stored: the spelling of a stored directory is one
    ):
        assert table.has_open_below(VOLUME, directory) is expected
    assert not table.has_open_below(object(), ("d",))
    table.leave(state, holder)
    assert not table.has_open_below(VOLUME, ())


class Files(RuleBasedStateMachine):
    """A few files, opened and closed in any order, beside a plain list of what is open."""

    opens = Bundle("opens")
    identities = st.tuples(st.just(1), st.integers(1, 3))
    paths = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map(tuple)

    def __init__(self) -> None:
        super().__init__()
        self.table = FileTable()
        self.held: list[tuple[Identity, Holder]] = []
        self.going: dict[Identity, Path] = {}

    @rule(
        target=opens,
        identity=identities,
        granted=st.sets(st.sampled_from([*RIGHTS, access.SYNCHRONIZE])).map(sum),
        share=st.integers(0, 7),
        path=paths,
    )
    def open(self, identity: Identity, granted: int, share: int, path: Path) -> tuple[Identity, Holder] | None:
        """Somebody wants in."""
        expected = 0
        if identity in self.going:
            expected = status.DELETE_PENDING
        elif any(
            conflict(holder.granted, holder.share_access, granted, share)
            for held, holder in self.held
            if held == identity
        ):
            expected = status.SHARING_VIOLATION
        state = self.table.find(identity)
        assert (0 if state is None else refused(state, granted, share)) == expected
        if expected:
            return None
        opened = (identity, Holder(granted, share, path, VOLUME))
        self.table.enter(*opened)
        self.held.append(opened)
        return opened

    @rule(opened=consumes(opens))
    def close(self, opened: tuple[Identity, Holder] | None) -> None:
        """Somebody goes; the last one takes the file along when it is to go."""
        if opened is None:
            return
        self.held.remove(opened)
        identity, holder = opened
        state = self.table.find(identity)
        assert state is not None
        last = all(held != identity for held, _ in self.held)
        assert bool(self.table.leave(state, holder)) == (last and identity in self.going)
        if last:
            self.going.pop(identity, None)

    @rule(opened=opens, going=st.booleans())
    def disposition(self, opened: tuple[Identity, Holder] | None, going: bool) -> None:
        """Somebody wants the file gone, or no more."""
        if opened is None or opened not in self.held:
            return
        identity, holder = opened
        state = self.table.find(identity)
        assert state is not None
        if going:
            state.set_delete(holder.path, VOLUME)
            self.going[identity] = holder.path
        else:
            state.clear_delete()
            self.going.pop(identity, None)

    @rule(old=paths, new=paths)
    def rename(self, old: Path, new: Path) -> None:
        """A name moves; every open through it or below it follows."""

        def follow(path: Path) -> Path:
            return (*new, *path[len(old) :]) if path[: len(old)] == old else path

        expected = [follow(holder.path) for _, holder in self.held]
        self.table.renamed(VOLUME, old, new)
        assert [holder.path for _, holder in self.held] == expected
        self.going = {identity: follow(path) for identity, path in self.going.items()}

    @rule(directory=paths)
    def below(self, directory: Path) -> None:
        """Whether something is open in a directory."""
        expected = any(
            len(holder.path) > len(directory) and holder.path[: len(directory)] == directory for _, holder in self.held
        )
        assert self.table.has_open_below(VOLUME, directory) == expected

    @invariant()
    def nothing_else_is_kept(self) -> None:
        """A state per open file, with exactly its holders; none when nothing is open."""
        assert len(self.table) == len({identity for identity, _ in self.held})
        for identity in {identity for identity, _ in self.held}:
            state = self.table.find(identity)
            assert state is not None
            assert state.holders == [holder for held, holder in self.held if held == identity]
            assert state.delete_path == self.going.get(identity)
            assert state.delete_pending == (identity in self.going)


TestFiles = Files.TestCase
TestFiles.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
