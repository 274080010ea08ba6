"""What a service is to a pipe: an identity and a table of methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple
from uuid import UUID

from smbserver.rpc.ndr import NdrReader, NdrWriter
from smbserver.rpc.server_view import Caller, ServerView


class Call(NamedTuple):
    """What a method may know besides its parameters."""

    view: ServerView
    caller: Caller


Method = Callable[[Call, NdrReader, NdrWriter], None]
"""Reads its [in] parameters, writes its [out] parameters and return code. Raises WireError when the stub cannot be
read.

Methods check the caller themselves, first, and refuse in the shape of their own reply.
"""


class Interface(NamedTuple):
    """An RPC interface; methods that it does not list are answered with nca_s_op_rng_error."""

    name: str
    uuid: UUID
    major: int
    minor: int
    methods: Mapping[int, Method]
