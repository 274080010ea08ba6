"""One opened RPC pipe: bytes are written to it and replies are read from it. Holds the association, and all state
that RPC has here.

Theory of operation. `write` puts bytes into a bounded buffer. `_advance` takes whole PDUs out of it and answers each
at once, as long as less than OUTPUT_HIGH_WATER waits to be read; `read` makes room and lets it go on. So the output
is bounded by replies, not by requests, and neither a split nor a coalesced PDU is special. What a PDU *says* may be
wrong: it is answered (fault, bind_nak, a rejected context) and the pipe goes on. When its *frame* is wrong nobody
knows where the next one begins: it is answered once, and the pipe is broken: what waits can still be read, then every
verb raises STATUS_PIPE_DISCONNECTED. A method that must wait for a disk returns a Waiter; until it is resolved no
further PDU is taken, so that replies keep the order of their requests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from smbserver.errors import StatusError, WireError
from smbserver.rpc import pdu, security
from smbserver.rpc.handles import Handles
from smbserver.rpc.interface import Call, Fault, Interface
from smbserver.rpc.ndr import NdrReader, NdrWriter
from smbserver.rpc.pdu import Bind, ContextElement, ContextResult, Header, Request
from smbserver.rpc.security import Association, LoginRefused, Trailer
from smbserver.rpc.server_view import Caller, ServerView
from smbserver.waiter import Waiter

STATUS_PIPE_BUSY: Final = 0xC00000AE
STATUS_PIPE_DISCONNECTED: Final = 0xC00000B0
STATUS_PIPE_EMPTY: Final = 0xC00000D9

MAX_UNREAD_INPUT: Final = 128 * 1024
"""Bytes written and not yet processed: a full request with room for coalesced ones."""
OUTPUT_HIGH_WATER: Final = 64 * 1024
"""Unread reply bytes from which no further PDU is taken. At most one more reply than this waits
(enumeration.MAX_ENUMERATION_BYTES).
"""
MAX_REQUEST_STUB: Final = 64 * 1024
"""Stub bytes of one call over all its fragments. The protocol's limit is 4 MiB ([MS-RPCE] 3.3.3.5.4); no method here
needs 4 KiB.
"""
MAX_CONTEXTS: Final = 32
"""Presentation contexts of one pipe. Clients use one to three; [MS-RPCE] 3.3.3.5.5 would allow thousands."""

DEFAULT_ASSOC_GROUP: Final = 0x53F0
"""Given to clients that ask for a new association; groups share context handles, and ours belong to one pipe."""
KEEP_CONNECTION_ON_ORPHAN: Final = 0x02
"""The one bind-time feature that we have ([MS-RPCE] 2.2.2.14)."""


class _Call:
    """A request whose last fragment has not come yet."""

    __slots__ = ("big_endian", "call_id", "context_id", "opnum", "stub")

    def __init__(self, header: Header, request: Request) -> None:
        self.call_id = header.call_id
        self.big_endian = header.big_endian
        self.context_id = request.context_id
        self.opnum = request.opnum
        self.stub = bytearray(request.stub)

    def continues(self, header: Header, request: Request) -> bool:
        """Whether a later fragment belongs to this call."""
        theirs = header.call_id, header.big_endian, request.context_id, request.opnum
        return theirs == (self.call_id, self.big_endian, self.context_id, self.opnum)


class RpcPipe:
    """A pipe in message mode: one message is one fragment. Made by `pipes.open_pipe`; closing it is dropping it."""

    __slots__ = (
        "_assembling",
        "_association",
        "_bound",
        "_call",
        "_contexts",
        "_dropped_call_id",
        "_input",
        "_interfaces",
        "_max_xmit_frag",
        "_output",
        "_pending",
        "_running",
        "_unauthorised",
        "broken",
        "name",
        "on_output",
    )

    def __init__(self, name: str, interfaces: Sequence[Interface], view: ServerView, caller: Caller) -> None:
        self.name = name
        self.broken: str | None = None
        """Why the pipe is broken, for a log line; None while it is not. Contains numbers only, no text of the
        client's.
        """
        self.on_output: Callable[[], None] | None = None
        """Called when a reply that came later can be read."""
        self._interfaces = tuple(interfaces)
        self._call = Call(view, caller, Handles())
        self._association: Association | None = None
        self._unauthorised = False  # a login has failed: nothing is answered any more but a fault
        self._running: Waiter[None] | None = None
        self._input = bytearray()
        self._output: deque[memoryview] = deque()
        self._pending = 0
        self._bound = False
        self._contexts: dict[int, Interface] = {}
        self._max_xmit_frag = pdu.MIN_FRAGMENT
        self._assembling: _Call | None = None
        self._dropped_call_id: int | None = None

    # --- what the file system side calls ---

    @property
    def pending(self) -> int:
        """Reply bytes that wait to be read (FSCTL_PIPE_PEEK's ReadDataAvailable)."""
        return self._pending

    @property
    def message_length(self) -> int:
        """What is left of the first waiting message, 0 when none waits (FSCTL_PIPE_PEEK's MessageLength)."""
        return len(self._output[0]) if self._output else 0

    @property
    def messages(self) -> int:
        """How many messages wait (FSCTL_PIPE_PEEK's NumberOfMessages)."""
        return len(self._output)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Takes all of `data`, or nothing and raises StatusError: PIPE_DISCONNECTED on a broken pipe, PIPE_BUSY when
        the client has written too much without reading.
        """
        if self.broken is not None:
            raise StatusError(STATUS_PIPE_DISCONNECTED)
        if len(self._input) + len(data) > MAX_UNREAD_INPUT:
            raise StatusError(STATUS_PIPE_BUSY)
        self._input += data
        self._advance()

    def read(self, max_length: int) -> tuple[bytes, bool]:
        """At most `max_length` bytes of the first waiting message, and whether some of *that message* is left: then
        the caller answers STATUS_BUFFER_OVERFLOW with the data.

        Raises StatusError: PIPE_EMPTY when nothing waits (and nothing will until the next write), PIPE_DISCONNECTED
        when moreover the pipe is broken.
        """
        if not self._output:
            raise StatusError(STATUS_PIPE_EMPTY if self.broken is None else STATUS_PIPE_DISCONNECTED)
        message = self._output[0]
        part, rest = message[:max_length], message[max_length:]
        self._pending -= len(part)
        if rest:
            self._output[0] = rest
        else:
            self._output.popleft()
        data = bytes(part)
        self._advance()
        return data, bool(rest)

    def close(self) -> None:
        """Nobody will read any more. What runs is given up as far as it can be."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()

    def peek(self, max_length: int) -> bytes:
        """The first bytes of the first waiting message, which stays; empty when none waits."""
        return bytes(self._output[0][:max_length]) if self._output else b""

    def transceive(self, data: bytes | bytearray | memoryview, max_length: int) -> tuple[bytes, bool]:
        """`write`, then `read` (FSCTL_PIPE_TRANSCEIVE). Raises what they raise, and PIPE_BUSY when unread data waits
        already.
        """
        if self._output:
            raise StatusError(STATUS_PIPE_BUSY)
        self.write(data)
        return self.read(max_length)

    # --- PDUs ---

    def _advance(self) -> None:
        """Answers the PDUs that are complete. Each turn consumes a fragment (Header.decode sees to it), breaks the
        pipe or returns.
        """
        while (
            self.broken is None
            and self._running is None
            and self._pending < OUTPUT_HIGH_WATER
            and len(self._input) >= pdu.HEADER_SIZE
        ):
            try:
                header = Header.decode(self._input)
            except WireError as error:
                self._refuse_frame(str(error))
                return
            if len(self._input) < header.frag_length:
                return
            frame = bytes(self._input[: header.frag_length])
            del self._input[: header.frag_length]
            self._handle(header, frame)

    def _handle(self, header: Header, frame: bytes) -> None:
        ptype = header.ptype
        if ptype == pdu.REQUEST:
            self._request(header, frame)
        elif ptype in (pdu.BIND, pdu.ALTER_CONTEXT):
            self._negotiate(header, frame)
        elif ptype == pdu.AUTH_3:
            self._finish_login(header, frame)
        elif ptype == pdu.ORPHANED:
            if self._assembling is not None and self._assembling.call_id == header.call_id:
                self._assembling = None
        elif ptype not in (pdu.CO_CANCEL, pdu.SHUTDOWN):
            # Cancel comes too late: a call ends before the next PDU is read. The others get no reply by definition.
            # All else is a PDU of a server, or none at all.
            self._send(pdu.encode_fault(header, 0, pdu.FAULT_PROTO_ERROR))

    def _refuse_frame(self, reason: str) -> None:
        """Answers a header that cannot be believed, as far as its type can, and breaks the pipe."""
        self.broken = reason
        header = Header(0, self._input[2], 0, False, pdu.HEADER_SIZE, 0, int.from_bytes(self._input[12:16], "little"))
        if header.ptype == pdu.BIND:
            self._send(pdu.encode_bind_nak(header, pdu.NAK_PROTOCOL_ERROR))
        else:
            self._send(pdu.encode_fault(header, 0, pdu.FAULT_PROTO_ERROR))
        self._input.clear()
        self._assembling = None

    # --- bind and alter_context ---

    def _negotiate(self, header: Header, frame: bytes) -> None:
        is_bind = header.ptype == pdu.BIND
        self._assembling = None  # a half-sent call does not survive a new negotiation
        if is_bind == self._bound:
            # a second bind, or an alter_context without a first one
            self._refuse_negotiation(header, pdu.NAK_NOT_SPECIFIED)
            return
        try:
            trailer = Trailer.decode(header, frame) if header.auth_length else None
            bind = Bind.decode(header, frame if trailer is None else frame[: trailer.start])
        except WireError:
            self._refuse_negotiation(header, pdu.NAK_PROTOCOL_ERROR)
            return
        if len(self._contexts) + len(bind.elements) > MAX_CONTEXTS:
            self._refuse_negotiation(header, pdu.NAK_LOCAL_LIMIT_EXCEEDED)
            return
        try:
            auth = b"" if trailer is None else self._log_in(trailer, is_bind)
        except LoginRefused:
            self._refuse_negotiation(header, pdu.NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED)
            return
        if is_bind:
            self._bound = True
            self._max_xmit_frag = _fragment_size(bind.max_recv_frag)
        self._send(
            pdu.encode_bind_ack(
                header,
                pdu.BIND_ACK if is_bind else pdu.ALTER_CONTEXT_RESP,
                max_xmit_frag=self._max_xmit_frag,
                max_recv_frag=_fragment_size(bind.max_xmit_frag),
                assoc_group_id=bind.assoc_group_id or DEFAULT_ASSOC_GROUP,
                secondary_address=f"\\PIPE\\{self.name}" if is_bind else "",
                results=[self._propose(element) for element in bind.elements],
                auth=auth,
            )
        )

    def _log_in(self, trailer: Trailer, is_bind: bool) -> bytes:
        """One leg of the login that a bind began: our trailer and token. Raises LoginRefused."""
        if is_bind:
            login = self._call.view.new_login(self._call.caller, trailer.auth_type)
            if login is None or trailer.level not in security.LEVELS:
                raise LoginRefused
            self._association = Association(login, trailer)
        if self._association is None:
            raise LoginRefused
        try:
            token = self._association.step(trailer)
        except LoginRefused:
            if is_bind:
                self._association = None  # as if it had not been sent
            else:
                self._unauthorised = True
            raise
        return self._association.trailer(0) + token if token else b""

    def _finish_login(self, header: Header, frame: bytes) -> None:
        """AUTH3 ([MS-RPCE] 2.2.2.10): the last token. It has no answer; what it failed to prove is a fault later."""
        if self._association is None:
            return
        try:
            self._association.step(Trailer.decode(header, frame))
        except (LoginRefused, WireError):
            self._unauthorised = True

    def _refuse_negotiation(self, header: Header, reason: int) -> None:
        if header.ptype == pdu.BIND or reason == pdu.NAK_LOCAL_LIMIT_EXCEEDED:
            self._send(pdu.encode_bind_nak(header, reason))
        elif reason == pdu.NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED:
            self._send(pdu.encode_fault(header, 0, pdu.FAULT_ACCESS_DENIED))
        else:
            self._send(pdu.encode_fault(header, 0, pdu.FAULT_PROTO_ERROR))

    def _propose(self, element: ContextElement) -> ContextResult:
        """Accepts or rejects one presentation context ([MS-RPCE] 3.3.1.5.3, 3.3.1.5.6)."""
        features = element.feature_bits()
        if features is not None:
            return ContextResult(pdu.NEGOTIATE_ACK, features & KEEP_CONNECTION_ON_ORPHAN)
        interface = self._find_interface(element.abstract_syntax)
        if interface is None:
            return ContextResult(pdu.PROVIDER_REJECTION, pdu.ABSTRACT_SYNTAX_NOT_SUPPORTED)
        if pdu.NDR not in element.transfer_syntaxes:
            return ContextResult(pdu.PROVIDER_REJECTION, pdu.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED)
        if self._contexts.setdefault(element.context_id, interface) is not interface:
            return ContextResult(pdu.PROVIDER_REJECTION, pdu.REASON_NOT_SPECIFIED)
        return ContextResult(pdu.ACCEPTANCE, 0, pdu.NDR)

    def _find_interface(self, syntax: pdu.Syntax) -> Interface | None:
        for interface in self._interfaces:
            if interface.uuid == syntax.uuid and interface.major == syntax.major and interface.minor >= syntax.minor:
                return interface
        return None

    # --- requests ---

    def _request(self, header: Header, frame: bytes) -> None:
        first, last = header.flags & pdu.PFC_FIRST_FRAG, header.flags & pdu.PFC_LAST_FRAG
        if not first and self._assembling is None and header.call_id == self._dropped_call_id:
            # The rest of a call that got its fault before its last fragment ([MS-RPCE] 3.3.3.5.8).
            if last:
                self._dropped_call_id = None
            return
        self._dropped_call_id = None
        try:
            request = Request.decode(header, self._unprotected(header, frame))
        except WireError:
            self._drop_call(header, 0, pdu.FAULT_PROTO_ERROR)
            return
        except LoginRefused:
            self._unauthorised = self._association is not None  # what follows cannot be checked any more
            self._drop_call(header, 0, pdu.FAULT_ACCESS_DENIED)
            return
        if first:
            self._begin_call(header, request)
        else:
            self._continue_call(header, request)
        call = self._assembling
        if call is not None and last:
            self._assembling = None
            self._execute(header, call)

    def _unprotected(self, header: Header, frame: bytes) -> bytes:
        """A request's fragment without its trailer. Raises LoginRefused, WireError."""
        if self._unauthorised or (self._association is None and header.auth_length):
            raise LoginRefused
        if self._association is None:
            return frame
        return self._association.unprotect(header, frame, pdu.stub_start(header))

    def _begin_call(self, header: Header, request: Request) -> None:
        if self._assembling is not None or not self._bound:
            self._drop_call(header, request.context_id, pdu.FAULT_PROTO_ERROR)
            return
        interface = self._contexts.get(request.context_id)
        if interface is None:
            self._drop_call(header, request.context_id, pdu.FAULT_UNK_IF)
        elif request.opnum not in interface.methods:
            self._drop_call(header, request.context_id, pdu.FAULT_OP_RNG_ERROR)
        else:
            self._assembling = _Call(header, request)

    def _continue_call(self, header: Header, request: Request) -> None:
        call = self._assembling
        if call is None or not call.continues(header, request):
            self._drop_call(header, request.context_id, pdu.FAULT_PROTO_ERROR)
        elif len(call.stub) + len(request.stub) > MAX_REQUEST_STUB:
            self._drop_call(header, request.context_id, pdu.FAULT_ACCESS_DENIED)
        else:
            call.stub += request.stub

    def _drop_call(self, header: Header, context_id: int, status: int) -> None:
        """Answers a fault, forgets what was collected, and remembers which fragments are still on their way."""
        self._assembling = None
        self._dropped_call_id = None if header.flags & pdu.PFC_LAST_FRAG else header.call_id
        self._send(pdu.encode_fault(header, context_id, status))

    def _execute(self, header: Header, call: _Call) -> None:
        method = self._contexts[call.context_id].methods[call.opnum]
        reply = NdrWriter()
        try:
            running = method(self._call, NdrReader(call.stub, big_endian=call.big_endian), reply)
        except WireError:
            self._send(pdu.encode_fault(header, call.context_id, pdu.FAULT_BAD_STUB_DATA, executed=True))
            return
        except Fault as fault:
            self._send(pdu.encode_fault(header, call.context_id, fault.status, executed=True))
            return
        if running is None:
            self._respond(header, call, reply)
        else:
            self._running = running
            running.when_done(partial(self._finish_call, header, call, reply))

    def _finish_call(self, header: Header, call: _Call, reply: NdrWriter, done: Waiter[None]) -> None:
        if self._running is not done:
            return  # the pipe is closed
        self._running = None
        try:
            if done.cancelled:
                self._send(pdu.encode_fault(header, call.context_id, pdu.FAULT_CANCEL, executed=True))
            else:
                done.result()
                self._respond(header, call, reply)
        except Exception:  # a bug of ours: the client must not wait for ever, and we must hear of it
            self._send(pdu.encode_fault(header, call.context_id, pdu.FAULT_UNSPEC, executed=True))
            raise
        finally:
            self._advance()
            if self.on_output is not None:
                self.on_output()

    def _respond(self, header: Header, call: _Call, reply: NdrWriter) -> None:
        fragments: Iterable[bytes]
        if self._association is None:
            fragments = pdu.encode_response(header, call.context_id, reply.stub(), self._max_xmit_frag)
        else:
            fragments = self._association.response(header, call.context_id, reply.stub(), self._max_xmit_frag)
        for fragment in fragments:
            self._send(fragment)

    def _send(self, message: bytes) -> None:
        self._output.append(memoryview(message))
        self._pending += len(message)


def _fragment_size(offered: int) -> int:
    """Our limit or the client's, whichever is less; a client that offers less than everybody must take gets that."""
    return max(pdu.MIN_FRAGMENT, min(pdu.MAX_FRAGMENT, offered))
