"""One client among many: opens, caches, locks, answers breaks, and counts under a lock."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from conformance.client import Options, connect
from conformance.client import commands as c
from conformance.client.contexts import lease_v1
from conformance.client.message import Reply, Request
from conformance.client.protocol import OPLOCK_BATCH, OPLOCK_II, OPLOCK_LEASE, OPLOCK_NONE
from conformance.client.session import Tree
from conformance.servers import Server

COUNTER: Final = "counter"
ALONE: Final = "alone"
GENERIC: Final = 0xC0000000  # read and write
OPEN_IF: Final = 3
SHARE_ALL: Final = 7
SHARING_VIOLATION: Final = 0xC0000043
ALL_CACHING: Final = 7
FULL: Final = 0
SUCCESS: Final = 0


class Broken(Exception):
    """Something that must never happen has happened; the text says what."""


@dataclass
class Model:
    """What all clients know of the truth. Guarded by its lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    counted: int = 0
    inside_alone: int = 0
    done: Counter[str] = field(default_factory=Counter)


class Client:
    """A connection with a tree, used by one thread."""

    def __init__(self, server: Server, model: Model, number: int) -> None:
        self.model = model
        self.number = number
        self.random = random.Random(number)
        self.session = connect(server.host, server.port, server.user, server.password, options=Options(timeout=60.0))
        self.tree: Tree = self.session.tree("data")
        self._acknowledgements: set[int] = set()

    def close(self) -> None:
        """End the connection without a word, as a client does that is switched off."""
        self.session.connection.close()

    def call(self, request: Request) -> Reply:
        """A request's final reply; breaks that come while it waits are answered at once, or nobody would get on."""
        connection = self.session.connection
        wanted = self.tree.submit(request)
        while wanted not in connection.replies:
            connection.pump()
            while connection.unsolicited:
                self._answer(c.decode_break(connection.unsolicited.popleft()))
            for message_id in self._acknowledgements & connection.replies.keys():
                self._acknowledgements.remove(message_id)
                connection.replies.pop(message_id)
        connection.interims.pop(wanted, None)
        return connection.replies.pop(wanted)

    def _answer(self, notice: c.OplockBreak | c.LeaseBreak) -> None:
        """What is acknowledged is what was asked for; an error means that the open was closed meanwhile."""
        if isinstance(notice, c.OplockBreak):
            if notice.level == OPLOCK_II or notice.level == OPLOCK_NONE:
                self._acknowledgements.add(self.tree.submit(c.oplock_break_ack(notice.file_id, notice.level)))
        elif notice.flags & 1:
            self._acknowledgements.add(self.tree.submit(c.lease_break_ack(notice.key, notice.new_state)))
        with self.model.lock:
            self.model.done["breaks answered"] += 1

    def _open(self, name: str, share: int) -> bytes | None:
        """A FileId with some oplock or lease or none; None on a sharing violation."""
        oplock = self.random.choice((OPLOCK_NONE, OPLOCK_II, OPLOCK_BATCH, OPLOCK_LEASE))
        contexts = []
        if oplock == OPLOCK_LEASE:
            key = self.number.to_bytes(8, "little") + name.encode().ljust(8)[:8]
            contexts.append(lease_v1(key, ALL_CACHING))
        request = c.create(name, access=GENERIC, disposition=OPEN_IF, share=share, oplock=oplock, contexts=contexts)
        reply = self.call(request)
        if reply.status == SHARING_VIOLATION:
            return None
        return c.decode_create(reply.check()).file_id

    def count(self) -> None:
        """Read, add one, write, under an exclusive lock that waits."""
        file_id = self._open(COUNTER, SHARE_ALL)
        if file_id is None:
            raise Broken("a shared open was refused")
        self.call(c.lock(file_id, [(0, 8, c.LOCK_EXCLUSIVE)])).check()
        value = int.from_bytes(c.decode_read(self.call(c.read(file_id, 0, 8)).check()), "little")
        self.call(c.write(file_id, 0, (value + 1).to_bytes(8, "little"))).check()
        with self.model.lock:
            self.model.counted += 1
            self.model.done["counted"] += 1
        if self.random.random() < 0.7:  # else the close must give the lock back
            self.call(c.lock(file_id, [(0, 8, c.LOCK_UNLOCK)])).check()
        self.call(c.close(file_id)).check()

    def be_alone(self) -> None:
        """Open a file without sharing: nobody else may have it open in the meantime."""
        file_id = self._open(ALONE, 0)
        if file_id is None:
            with self.model.lock:
                self.model.done["refused"] += 1
            return
        with self.model.lock:
            self.model.inside_alone += 1
            if self.model.inside_alone != 1:
                raise Broken("two clients have a file open that neither shares")
        self.call(c.write(file_id, 0, b"mine")).check()
        with self.model.lock:
            self.model.inside_alone -= 1
            self.model.done["alone"] += 1
        self.call(c.close(file_id)).check()

    def run(self, until: float) -> None:
        """Go on until the time (monotonic seconds) has come."""
        while time.monotonic() < until:
            if self.random.random() < 0.7:
                self.count()
            else:
                self.be_alone()
