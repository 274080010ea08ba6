"""The adaptor for aiosmb, which signs 2.x and encrypts 3.x where the server can, or is told to do neither."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from datetime import datetime
from typing import Final, Protocol, TypeVar
from urllib.parse import quote

from aiosmb.commons.connection.factory import SMBConnectionFactory  # type: ignore[import-not-found]  # elsewhere
from aiosmb.commons.interfaces.directory import SMBDirectory  # type: ignore[import-not-found]  # likewise
from aiosmb.commons.interfaces.file import SMBFile  # type: ignore[import-not-found]  # likewise
from aiosmb.commons.interfaces.machine import SMBMachine  # type: ignore[import-not-found]  # likewise
from aiosmb.connection import SMBConnection  # type: ignore[import-not-found]  # likewise

from conformance.libraries.python.line_protocol import ANY, Cannot, Command, Commands, Target, backslashes, serve

# The schemes of its addresses.
DIALECTS: Final = {
    "2.0.2": "smb202",
    "2.1": "smb210",
    "3.0": "smb300",
    "3.0.2": "smb302",
    "3.1.1": "smb311",
    ANY: "smb",
}
NO_SHARING: Final = 0

Value = TypeVar("Value")
Words = list[object]


class Entry(Protocol):
    """What the adaptor uses of the library's files and folders."""

    name: str
    size: int  # not of a folder
    last_write_time: datetime


class Library:
    """The library's calls, which return a pair: what was asked for, or an exception."""

    def __init__(self, connection: SMBConnection, share: str) -> None:
        self._connection = connection
        self._share = share
        self._open: dict[str, SMBFile] = {}

    def commands(self) -> dict[str, Callable[..., Coroutine[None, None, Iterable[object] | None]]]:
        """All that the library can do."""
        return {
            "put": self.put,
            "get": self.get,
            "list": self.list,
            "stat": self.stat,
            "mkdir": self.mkdir,
            "rmdir": self.rmdir,
            "remove": self.remove,
            "read": self.read,
            "write": self.write,
            "shares": self.shares,
            "open": self.open,
            "close": self.close,
            "quit": self.quit,
        }

    async def put(self, local: str, name: str) -> None:
        # An open for writing keeps what is in the file, and no call cuts it off.
        await SMBFile.delete_rempath(self._connection, self._path(name))
        await self.write(name, "0", local)

    async def get(self, name: str, local: str) -> None:
        await _checked(self._file(name).download(self._connection, local))

    async def list(self, name: str) -> Words:
        folder = await self._listed(name)
        return [word for entry in _entries(folder) for word in (entry.name, *_described(entry))]

    async def stat(self, name: str) -> tuple[object, ...]:
        parent, _, last = name.rpartition("/")  # nothing else tells a time
        for entry in _entries(await self._listed(parent)):
            if entry.name == last:
                return _described(entry)
        raise FileNotFoundError(name)

    async def mkdir(self, name: str) -> None:
        await _checked(SMBDirectory.create_remote(self._connection, self._path(name)))

    async def rmdir(self, name: str) -> None:
        folder = SMBDirectory.from_remotepath(self._connection, self._path(name))
        await _checked(folder.delete(self._connection))

    async def remove(self, name: str) -> None:
        await _checked(SMBFile.delete_rempath(self._connection, self._path(name)))

    async def read(self, name: str, offset: str, length: str, local: str) -> None:
        file = self._file(name)
        await _checked(file.open(self._connection, "r"))
        try:
            await _checked(file.seek(int(offset)))
            content = await _checked(file.read(int(length)))
        finally:
            await file.close()
        with open(local, "wb") as place:
            place.write(content)

    async def write(self, name: str, offset: str, local: str) -> None:
        file = self._file(name)
        await _checked(file.open(self._connection, "w"))
        try:
            await _checked(file.seek(int(offset)))
            with open(local, "rb") as source:
                await _checked(file.write_buffer(source))
        finally:
            await file.close()

    async def shares(self) -> Words:
        names: Words = []
        async for share, error in SMBMachine(self._connection).list_shares():
            if error is not None:
                raise error
            names.append(share.name)
        return names

    async def open(self, name: str, ident: str) -> None:
        file = self._file(name)
        await _checked(file.open(self._connection, "w", share_mode=NO_SHARING))
        self._open[ident] = file

    async def close(self, ident: str) -> None:
        await self._open.pop(ident).close()

    async def quit(self) -> None:
        await self._connection.disconnect()  # logs off, too

    async def _listed(self, name: str) -> SMBDirectory:
        folder = SMBDirectory.from_remotepath(self._connection, self._path(name))
        await _checked(folder.list(self._connection))
        return folder

    def _file(self, name: str) -> SMBFile:
        return SMBFile.from_remotepath(self._connection, self._path(name))

    def _path(self, name: str) -> str:
        return f"\\{self._share}\\{backslashes(name)}"


def _entries(folder: SMBDirectory) -> Iterator[Entry]:
    yield from folder.subdirs.values()
    yield from folder.files.values()


def _described(entry: Entry) -> tuple[object, ...]:
    kind, size = ("folder", 0) if isinstance(entry, SMBDirectory) else ("file", entry.size)
    return kind, size, int(entry.last_write_time.timestamp())


async def _checked(call: Awaitable[tuple[Value, Exception | None]]) -> Value:
    value, error = await call
    if error is not None:
        raise error
    return value


async def _log_on(target: Target) -> SMBConnection:
    user, password = quote(target.user, safe=""), quote(target.password, safe="")
    address = f"{target.host}:{target.port}/?timeout=20"
    factory = SMBConnectionFactory.from_url(f"{DIALECTS[target.dialect]}+ntlm-password://{user}:{password}@{address}")
    connection = factory.get_connection(nosign=target.protection == "plain")
    await _checked(connection.login())
    await _checked(connection.tree_connect(f"\\\\{target.host}\\{target.share}"))
    return connection


def _protection(connection: SMBConnection) -> str:
    """What it came to: the library cannot be told more than not to."""
    if connection.encryption_required and connection.EncryptionKey is not None:
        return "encrypted"
    # In 3.x it computes signatures without setting their flag: to a server that is not signed.
    return "signed" if connection.signing_required and not connection.SigningKey else "plain"


def connect(target: Target) -> Commands:
    """Log on, see that the share is there."""
    if target.dialect not in DIALECTS:
        raise Cannot
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(_log_on(target))
    if target.protection not in (ANY, _protection(connection)):
        raise Cannot

    def command(call: Callable[..., Coroutine[None, None, Iterable[object] | None]]) -> Command:
        return lambda *words: loop.run_until_complete(call(*words))

    return {name: command(call) for name, call in Library(connection, target.share).commands().items()}


if __name__ == "__main__":
    serve(connect)
