"""A small SMB2/3 client of our own that shares no code with the server, so that it can check it."""

from .connection import Connection
from .message import Reply, Request
from .ntlm import Credentials
from .protocol import ConnectionEnded, NoAnswer, ProtocolFailure, StatusFailure
from .session import File, Options, Session, Tree, connect

__all__ = [
    "Connection",
    "ConnectionEnded",
    "Credentials",
    "File",
    "NoAnswer",
    "Options",
    "ProtocolFailure",
    "Reply",
    "Request",
    "Session",
    "StatusFailure",
    "Tree",
    "connect",
]
