"""Whom the kernel takes a client for: a local user, and the context in which a thread is that user."""

from types import TracebackType
from typing import NamedTuple, Protocol


class LocalUser(NamedTuple):
    """A user of this machine. `groups` are the supplementary ones, `gid` perhaps among them."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]


class ActsAs(Protocol):
    """`with` it, what this thread does with files is done by `user`, checked by the kernel; contexts may nest.

    Entering raises PermissionError when the thread could not become the user; it has then done nothing as anybody else.
    """

    @property
    def user(self) -> LocalUser:
        """Who."""

    def __enter__(self) -> object:
        """Become the user."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Be again who the thread was before."""
