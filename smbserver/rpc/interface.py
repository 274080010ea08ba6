"""What a service is to a pipe: an identity and a table of methods; how a method answers, at once or later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from uuid import UUID

from smbserver.rpc.ndr import NdrReader, NdrWriter
from smbserver.rpc.server_view import Caller, ServerView
from smbserver.waiter import Waiter

if TYPE_CHECKING:
    from smbserver.rpc.handles import Handles

T = TypeVar("T")


class Fault(Exception):
    """Answer the call with this fault status instead of a reply ([C706] 12.6.4.7)."""

    def __init__(self, status: int) -> None:
        super().__init__(f"fault 0x{status:08X}")
        self.status = status


class Call(NamedTuple):
    """What a method may know besides its parameters."""

    view: ServerView
    caller: Caller
    handles: Handles


Method = Callable[[Call, NdrReader, NdrWriter], Waiter[None] | None]
"""Reads its [in] parameters, writes its [out] parameters and return code. Raises WireError when the stub cannot be
read, Fault for a context handle that is none. A Waiter means that the reply is complete when it is resolved: until
then the pipe takes no further call.

Methods check the caller themselves, first, and refuse in the shape of their own reply.
"""


def afterwards(waiter: Waiter[T], write: Callable[[Waiter[T]], None]) -> Waiter[None] | None:
    """What a method returns that has to wait: `write` completes the reply from the waiter, which is done then.

    None when it was done already. What `write` raises becomes a fault, and so does a waiter that is cancelled.
    """
    if waiter.done:
        write(waiter)
        return None
    complete: Waiter[None] = Waiter(waiter.cancel)

    def finish(done: Waiter[T]) -> None:
        if done.cancelled:  # the server ends
            complete.cancel()
            return
        try:
            write(done)
        except Exception as error:  # noqa: BLE001 - the pipe answers a fault and raises it again
            complete.fail(error)
        else:
            complete.resolve(None)

    waiter.when_done(finish)
    return complete


class Interface(NamedTuple):
    """An RPC interface; methods that it does not list are answered with nca_s_op_rng_error."""

    name: str
    uuid: UUID
    major: int
    minor: int
    methods: Mapping[int, Method]
