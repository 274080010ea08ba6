"""The memory and the posix store driven alike with random operations: same results, same errors, same trees."""

import errno
import shutil
import tempfile
from collections.abc import Callable
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from smbserver.backend.base import Backend, Handle, Located
from smbserver.backend.memory import MemoryBackend
from smbserver.backend.posix import PosixBackend
from smbserver.errors import StatusError
from smbserver.nt.names import Path
from tests.records import values

T = TypeVar("T")
CREATED = 132_000_000_000_000_000

# Few names, so that they meet: alike in case, in composition, and not at all.
NAMES = st.sampled_from(["a", "A", "b", "\u00e9", "e\u0301", "\u00c9", "\u00df", "ss"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)
SIZES = st.integers(0, 10_000)


def outcome(call: Callable[[], T]) -> T | str:
    """The result, or which error it was."""
    try:
        return call()
    except StatusError as error:
        return f"status {error.status:08X}"
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def tree(store: Backend, path: Path = ()) -> list[tuple[object, ...]]:
    """Everything below a directory, by the contract alone."""
    located = store.locate(path)
    handle = store.open(located, True, False)
    located.close()
    found: list[tuple[object, ...]] = []
    try:
        entries = sorted(list(handle.scan())[2:])
    finally:
        handle.close()
    for name, meta in entries:
        here = (*path, name)
        facts = (meta.attributes, meta.end_of_file, meta.number_of_links, meta.creation_time, meta.is_directory)
        found.append((here, *facts))
        if meta.is_directory:
            found += tree(store, here)
        else:
            found.append((here, content(store, here)))
    return found


def content(store: Backend, path: Path) -> bytes:
    """A file's bytes."""
    located = store.locate(path)
    handle = store.open(located, True, False)
    located.close()
    try:
        return bytes(handle.read_blocking(1 << 20, 0))
    finally:
        handle.close()


class Comparison(RuleBasedStateMachine):
    """Each rule does one thing to both stores."""

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.mkdtemp()
        self.stores: tuple[Backend, Backend] = (PosixBackend(self.root), MemoryBackend(lambda: CREATED))
        self.handles: list[tuple[Handle, Handle]] = []

    def teardown(self) -> None:
        for pair in self.handles:
            for handle in pair:
                handle.close()
        for store in self.stores:
            store.close()
        shutil.rmtree(self.root)

    def both(self, call: Callable[[Backend], T]) -> tuple[T, T] | None:
        """The two results when both succeed; both fail in the same way or the test does."""
        first, second = (outcome(lambda store=store: call(store)) for store in self.stores)  # type: ignore[misc]
        if isinstance(first, str) or isinstance(second, str):
            assert first == second
            return None
        return first, second

    def at(self, path: Path, call: Callable[[Backend, Located], T]) -> Callable[[Backend], T]:
        """`call` at what is located at `path`."""

        def run(store: Backend) -> T:
            located = store.locate(path)
            try:
                return call(store, located)
            finally:
                located.close()

        return run

    @rule(path=PATHS, directory=st.booleans(), keep=st.booleans(), hidden=st.integers(0, 7))
    def create(self, path: Path, directory: bool, keep: bool, hidden: int) -> None:
        """A file or a directory, perhaps left open."""

        def call(store: Backend, located: Located) -> Handle:
            make = store.create_directory if directory else store.create_file
            return make(located, hidden, CREATED + hidden)

        self.keep(self.both(self.at(path, call)), keep)

    @rule(path=PATHS, keep=st.booleans())
    def open(self, path: Path, keep: bool) -> None:
        """What is there."""

        def call(store: Backend, located: Located) -> Handle:
            if located.metadata is None:
                raise FileNotFoundError(errno.ENOENT, "")
            return store.open(located, True, not located.metadata.is_directory)

        self.keep(self.both(self.at(path, call)), keep)

    def keep(self, handles: tuple[Handle, Handle] | None, keep: bool) -> None:
        """Close both, or use them later."""
        if handles is None:
            return
        assert handles[0].is_directory == handles[1].is_directory
        if keep and not handles[0].is_directory:
            self.handles.append(handles)
        else:
            for handle in handles:
                handle.close()

    @rule(data=st.data(), offset=SIZES, size=SIZES, what=st.sampled_from(["write", "truncate", "attributes", "close"]))
    def use(self, data: st.DataObject, offset: int, size: int, what: str) -> None:
        """Something with an open file, removed and renamed ones included."""
        if not self.handles:
            return
        pair = data.draw(st.sampled_from(self.handles))
        for handle in pair:
            if what == "write":
                handle.write(b"x" * (size + 1), offset)
            elif what == "truncate":
                handle.truncate(size)
            elif what == "attributes":
                handle.set_attributes(size & 7)
            else:
                handle.close()
        if what == "close":
            self.handles.remove(pair)
        else:
            first, second = (
                (values(handle.metadata())[5:8], bytes(handle.read_blocking(1 << 20, offset))) for handle in pair
            )
            assert first == second

    @rule(path=PATHS)
    def remove(self, path: Path) -> None:
        """A name."""

        def call(store: Backend, located: Located) -> Path:
            if located.identity is None:
                raise FileNotFoundError(errno.ENOENT, "")
            store.remove(located.path, located.identity)
            return located.path

        self.same(self.both(self.at(path, call)))

    @rule(source=PATHS, to=PATHS, replace=st.booleans(), link=st.booleans())
    def rename_or_link(self, source: Path, to: Path, replace: bool, link: bool) -> None:
        """A new name, or a further one."""

        def call(store: Backend, located: Located) -> Path:
            identity = located.identity
            if identity is None:
                raise FileNotFoundError(errno.ENOENT, "")
            target = store.locate(to)
            try:
                if link:
                    store.link(located.path, identity, target, replace)
                    return target.path
                return store.rename(located.path, identity, target, replace)
            finally:
                target.close()

        self.same(self.both(self.at(source, call)))

    @staticmethod
    def same(results: tuple[Path, Path] | None) -> None:
        """Both stores say the same path."""
        assert results is None or results[0] == results[1]

    @invariant()
    def trees_are_equal(self) -> None:
        """Names, sizes, attributes, links, contents."""
        assert tree(self.stores[0]) == tree(self.stores[1])


TestComparison = Comparison.TestCase
TestComparison.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
