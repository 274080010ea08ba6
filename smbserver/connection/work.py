"""One request on its way: what was asked, what it was settled to, and the answer to it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from smbserver.auth.token import token_of
from smbserver.connection.pending import Pending
from smbserver.crypto.signing import Signer
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.metadata import Metadata
from smbserver.nt.token import Token
from smbserver.objects.open import Open
from smbserver.objects.session import Session
from smbserver.objects.tree import Tree
from smbserver.waiter import Waiter
from smbserver.wire.header import Fields, async_id

if TYPE_CHECKING:
    from smbserver.connection.connection import Connection

T = TypeVar("T")
Buffer = bytes | bytearray | memoryview

TAG_ROOM: Final = 16  # bytes that a cipher puts behind what it seals
CREDIT_UNIT: Final = 65536  # bytes that one credit pays for ([MS-SMB2] 3.1.5.2)


class FileTail:
    """The last bytes of a reply, still in a file: the transport sends them from there and then calls `done`, once.

    `descriptor` is valid until then. What is left goes down from `offset` and `length` as it is sent. `read` gives the
    bytes to whoever cannot send a file.
    """

    __slots__ = ("descriptor", "done", "length", "offset", "read")

    def __init__(
        self, descriptor: int, offset: int, length: int, read: Callable[[int, int], Buffer], done: Callable[[], None]
    ) -> None:
        self.descriptor = descriptor
        self.offset = offset
        self.length = length
        self.read = read  # (length, offset)
        self.done = done


class Reply:
    """A finished answer. `on_wire` is called with the parts of the message as it is sent.

    `tail` follows the buffers, if nothing has to be signed or sealed and nothing follows in the same frame. `whole` is
    the one buffer once more, with room for the header in front of it and TAG_ROOM behind it: the message can be signed
    and sealed in one piece then.
    """

    __slots__ = ("buffers", "on_wire", "status", "tail", "whole")

    def __init__(
        self,
        buffers: list[Buffer],
        status: int = status.SUCCESS,
        on_wire: Callable[[list[Buffer]], None] | None = None,
        tail: FileTail | None = None,
        whole: memoryview | None = None,
    ) -> None:
        self.buffers = buffers
        self.status = status
        self.on_wire = on_wire
        self.tail = tail
        self.whole = whole

    def read_tail(self) -> None:
        """Make ordinary bytes of the tail."""
        tail, self.tail = self.tail, None
        if tail is not None:
            self.buffers.append(tail.read(tail.length, tail.offset))
            tail.done()


class Compound:
    """The requests of one frame and how far they are. A single request is a compound of one.

    It knows its works and they do not know it: a cycle would keep their frame until the garbage collector comes.
    """

    __slots__ = ("answered", "last_failure", "last_open", "position", "sealed_by", "works")

    def __init__(self, works: "list[Work]", sealed_by: Session | None) -> None:
        self.works = works
        self.position = 0
        self.answered: list[tuple[Work, Reply]] = []
        self.sealed_by = sealed_by
        # What the next related request inherits: the open, and the failure before it.
        self.last_open: Open | None = None
        self.last_failure = status.SUCCESS


class Work:
    """A request. `session`, `tree` and `opened` are set by dispatch once they are found valid."""

    __slots__ = (
        "async_id",
        "body_size",
        "channel_sequence",
        "command",
        "connection",
        "credit_charge",
        "credits_requested",
        "failure",
        "flags",
        "looked",
        "message",
        "message_id",
        "next_command",
        "opened",
        "pending",
        "protected_by",
        "sealed_by",
        "session",
        "session_id",
        "signature",
        "signer",
        "tree",
        "tree_id",
    )

    def __init__(
        self, connection: "Connection", header: Fields, message: memoryview, sealed_by: Session | None
    ) -> None:
        self.connection = connection
        self.message = message
        (
            _,
            _,
            self.credit_charge,
            sequence,
            self.command,
            self.credits_requested,
            self.flags,
            self.next_command,
            self.message_id,
            _,
            self.tree_id,
            self.session_id,
            self.signature,
            self.body_size,
        ) = header
        self.channel_sequence = sequence & 0xFFFF  # of the 3.x dialects
        self.async_id = 0  # not 0 since the interim response that told it and gave the credits
        self.sealed_by = sealed_by
        self.protected_by: Session | None = None  # whose signature or seal was found right
        self.failure = status.SUCCESS
        self.signer: Signer | None = None  # of the channel, or of the session while a channel is being bound
        self.session: Session | None = None
        self.tree: Tree | None = None
        self.opened: Open | None = None
        self.pending: Pending[object] | None = None
        # What CREATE has seen of its file, for the request right behind it in the same frame, and for no other: that
        # one was here before the look.
        self.looked: Metadata | None = None

    @property
    def header_async_id(self) -> int:
        """The AsyncId that a CANCEL names; only meaningful when ASYNC_COMMAND is set."""
        return async_id(self.message)

    def need_session(self) -> Session:
        """The session that dispatch has settled."""
        if self.session is None:
            raise StatusError(status.USER_SESSION_DELETED)
        return self.session

    def need_tree(self) -> Tree:
        """The tree that dispatch has settled."""
        if self.tree is None:
            raise StatusError(status.NETWORK_NAME_DELETED)
        return self.tree

    def need_open(self) -> Open:
        """The open that dispatch has settled."""
        if self.opened is None:
            raise StatusError(status.FILE_CLOSED)
        return self.opened

    def check_user(self) -> None:
        """Refuse what names a file while the session acts as nobody: that may be used which was opened before."""
        if self.need_session().identity.is_anonymous:
            raise StatusError(status.ACCESS_DENIED)

    def token(self) -> Token:
        """Who asks, as access checks know him; he may have logged on again as somebody else since the last time."""
        tree, identity = self.need_tree(), self.need_session().identity
        if tree.token is None or tree.token[0] != identity:
            user = tree.local_user
            groups = (user.gid, *user.groups)
            tree.token = (identity, token_of(identity, self.connection.server.sids, user.uid, groups))
        return tree.token[1]

    def check_charge(self, size: int) -> None:
        """Refuse a payload that the credits do not pay for ([MS-SMB2] 3.3.5.2.5)."""
        if size > CREDIT_UNIT and size > max(self.credit_charge, 1) * CREDIT_UNIT:
            raise StatusError(status.INVALID_PARAMETER)

    def in_thread(self, call: Callable[[], T], line: object = None) -> Waiter[T]:
        """Run a blocking call in a thread of the share, when it is this connection's turn; `line` as the runtime's."""
        return self.connection.server.runtime.offload(call, self.need_tree().share, self.connection, line)

    def others_wait(self) -> bool:
        """Whether its connection has sent more than this already."""
        more_waits = self.connection.more_waits
        return more_waits is not None and more_waits()

    def offload(self, call: Callable[[], T], finish: Callable[[T], Reply], line: object = None) -> "Pending[T]":
        """Run a blocking call on the open's handle in a thread; the handle stays open until it is done."""
        opened = self.need_open()
        opened.hold()
        waiter = self.in_thread(call, line)
        waiter.when_done(lambda _: opened.release())
        return Pending(waiter, finish, can_cancel=False)
