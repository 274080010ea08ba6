"""Streams of both stores against a model, by random steps: a dict of names to bytes, and what is open."""

from __future__ import annotations

import errno
import shutil
import tempfile
from functools import partial
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from smbserver.backend.base import Backend, Handle, StreamHandle, Streams
from smbserver.backend.memory import MemoryBackend
from smbserver.backend.posix import PosixBackend
from smbserver.backend.posix.disk_names import STORE_NAME
from smbserver.nt.names import fold
from tests.backend.test_contract import make, opened
from tests.backend.test_streams import refused
from tests.conftest import MEMORY_FOLDER

CREATED = 132_000_000_000_000_000
LARGE = 65535  # the most that an attribute has; around it a stream moves
NAMES = st.sampled_from(["s", "S", "\u00e9", "e\u0301", "a b?*", "x" * 200])
SIZES = st.sampled_from([0, 1, 100, LARGE - 1, LARGE, LARGE + 1, 150_000])


class StreamMachine(RuleBasedStateMachine):
    """One file in each store. `model` has the streams by folded name: the name as it was given, and the bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None))
        self.stores: list[Backend] = [MemoryBackend(lambda: CREATED)]
        disk = PosixBackend(self.folder)
        if disk.has_streams:
            self.stores.append(disk)
        self.files: list[Handle] = []
        for store in self.stores:
            make(store, "f", data=b"own")
            self.files.append(opened(store, "f"))
        self.model: dict[str, tuple[str, bytearray]] = {}
        self.held: list[tuple[str, list[StreamHandle]]] = []

    def teardown(self) -> None:
        """Nothing stays behind: not an open descriptor, and not a stream file once the file is gone."""
        for _, handles in self.held:
            for handle in handles:
                handle.close()
        for store, file in zip(self.stores, self.files, strict=True):
            store.remove(("f",), file.identity)
            file.close()
            store.close()
        assert list(self.folder.glob(f"{STORE_NAME}/*")) == []
        shutil.rmtree(self.folder)

    def streams(self) -> list[Streams]:
        return [file.streams() for file in self.files]

    def keep(self, key: str, handles: list[StreamHandle], keeps: bool) -> None:
        """Hold them open, as long as the stream is there."""
        if keeps:
            self.held.append((key, handles))
        else:
            for handle in handles:
                handle.close()

    @rule(name=NAMES, keeps=st.booleans())
    def create(self, name: str, keeps: bool) -> None:
        """A new stream, or a refusal."""
        key = fold(name)
        if key in self.model:
            for streams in self.streams():
                refused(errno.EEXIST, partial(streams.create, name))
            return
        self.model[key] = (name, bytearray())
        self.keep(key, [streams.create(name) for streams in self.streams()], keeps)

    @rule(name=NAMES, offset=SIZES, size=SIZES, what=st.sampled_from(["write", "truncate", "allocate", "replace"]))
    def change(self, name: str, offset: int, size: int, what: str) -> None:
        """Through a handle of its own; handles that are held see it."""
        key = fold(name)
        if key not in self.model:
            return
        data = self.model[key][1]
        written = bytes([size % 251]) * size
        for streams in self.streams():
            handle = streams.replace(name) if what == "replace" else streams.open(name, True)
            if what == "write":
                handle.write(written, offset)
            elif what == "truncate":
                handle.truncate(size)
            elif what == "allocate":
                handle.allocate(size)
            handle.close()
        if what == "write" and size:
            data.extend(bytes(max(offset - len(data), 0)))
            data[offset : offset + size] = written
        elif what == "truncate":
            del data[size:]
            data.extend(bytes(size - len(data)))
        elif what == "replace":
            data.clear()

    @rule(index=st.integers(0, 10), offset=SIZES, size=SIZES)
    def write_through_held(self, index: int, offset: int, size: int) -> None:
        """Whatever happened to the stream since it was opened."""
        if self.held and size:
            key, handles = self.held[index % len(self.held)]
            for handle in handles:
                handle.write(b"h" * size, offset)
            data = self.model[key][1]
            data.extend(bytes(max(offset - len(data), 0)))
            data[offset : offset + size] = b"h" * size

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        """Once nobody has it open, as the server does."""
        key = fold(name)
        if key in self.model and all(key != held for held, _ in self.held):
            del self.model[key]
            for streams in self.streams():
                streams.remove(name)

    @rule(name=NAMES, to=NAMES)
    def rename(self, name: str, to: str) -> None:
        """Handles are told, as the server does."""
        key, new = fold(name), fold(to)
        if key not in self.model or new in self.model:
            return
        for streams in self.streams():
            streams.rename(name, to)
        self.model[new] = (to, self.model.pop(key)[1])
        for index, (held, handles) in enumerate(self.held):
            if held == key:
                self.held[index] = (new, handles)
                for handle in handles:
                    handle.renamed(to)

    @rule(index=st.integers(0, 10))
    def close(self, index: int) -> None:
        """One less is held."""
        if self.held:
            for handle in self.held.pop(index % len(self.held))[1]:
                handle.close()

    @invariant()
    def stores_are_as_the_model(self) -> None:
        """Names, sizes, bytes; through the file and through what is held."""
        expected = {name: len(data) for name, data in self.model.values()}
        for file, streams in zip(self.files, self.streams(), strict=True):
            assert {facts.name: facts.end_of_file for facts in streams.all() if facts.name} == expected
            assert bytes(file.read_blocking(10, 0)) == b"own"
            for name, data in self.model.values():
                handle = streams.open(name.swapcase(), False)
                assert handle.stream == name
                assert bytes(handle.read_blocking(len(data) + 1, 0)) == data
                handle.close()
        for key, handles in self.held:
            for handle in handles:
                assert handle.metadata().end_of_file == len(self.model[key][1])


TestStreamMachine = StreamMachine.TestCase
TestStreamMachine.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
