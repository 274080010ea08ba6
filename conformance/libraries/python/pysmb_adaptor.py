"""The adaptor for pysmb, which speaks 2.0.2, signed or not."""

from collections.abc import Iterator
from typing import Final, Protocol

from smb.SMBConnection import SMBConnection  # type: ignore[import-not-found]  # in an environment of its own

from conformance.libraries.python.line_protocol import ANY, Cannot, Commands, Target, serve

DIALECTS: Final = ("2.0.2", ANY)
SIGNING: Final = {
    "plain": SMBConnection.SIGN_NEVER,
    "signed": SMBConnection.SIGN_WHEN_SUPPORTED,
    ANY: SMBConnection.SIGN_WHEN_REQUIRED,
}


class Entry(Protocol):
    """What the adaptor uses of pysmb's SharedFile."""

    filename: str
    isDirectory: bool
    file_size: int
    last_write_time: float


class Library:
    """The library's calls; each takes the share."""

    def __init__(self, connection: SMBConnection, share: str) -> None:
        self._connection = connection
        self._share = share

    def commands(self) -> Commands:
        """All that the library can do."""
        return {
            "put": self.put,
            "get": self.get,
            "list": self.list,
            "stat": self.stat,
            "mkdir": lambda name: self._connection.createDirectory(self._share, name),
            "rmdir": lambda name: self._connection.deleteDirectory(self._share, name),
            "remove": lambda name: self._connection.deleteFiles(self._share, name),
            "rename": lambda old, new: self._connection.rename(self._share, old, new),
            "read": self.read,
            "write": self.write,
            "touch": lambda name, seconds: self._connection.setLastWriteTime(self._share, name, float(seconds)),
            "shares": lambda: [share.name for share in self._connection.listShares()],
            "quit": self._connection.close,
        }

    def put(self, local: str, name: str) -> None:
        with open(local, "rb") as source:
            self._connection.storeFile(self._share, name, source)

    def get(self, name: str, local: str) -> None:
        with open(local, "wb") as place:
            self._connection.retrieveFile(self._share, name, place)

    def list(self, name: str) -> Iterator[object]:
        for entry in self._connection.listPath(self._share, name):
            if entry.filename not in (".", ".."):
                yield from (entry.filename, *_described(entry))

    def stat(self, name: str) -> tuple[object, ...]:
        return _described(self._connection.getAttributes(self._share, name))

    def read(self, name: str, offset: str, length: str, local: str) -> None:
        with open(local, "wb") as place:
            self._connection.retrieveFileFromOffset(self._share, name, place, int(offset), int(length))

    def write(self, name: str, offset: str, local: str) -> None:
        with open(local, "rb") as source:
            self._connection.storeFileFromOffset(self._share, name, source, int(offset))


def _described(entry: Entry) -> tuple[object, ...]:
    return "folder" if entry.isDirectory else "file", entry.file_size, int(entry.last_write_time)


def connect(target: Target) -> Commands:
    """Log on and see the share."""
    if target.dialect not in DIALECTS or target.protection not in SIGNING:
        raise Cannot
    connection = SMBConnection(
        target.user,
        target.password,
        "adaptor",
        target.host,
        sign_options=SIGNING[target.protection],
        is_direct_tcp=True,
    )
    if not connection.connect(target.host, target.port):
        raise PermissionError("logon refused")  # the library has no more words for it
    connection.getAttributes(target.share, "/")  # the first call connects to the share
    return Library(connection, target.share).commands()


if __name__ == "__main__":
    serve(connect)
