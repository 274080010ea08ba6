"""The adaptor for impacket's SMBConnection, which signs and encrypts as the server would have it."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from impacket import smb3structs as smb  # type: ignore[import-not-found]  # in an environment of its own
from impacket.smbconnection import SMBConnection  # type: ignore[import-not-found]  # likewise

from conformance.libraries.python.line_protocol import ANY, Cannot, Commands, Target, serve

# Nobody can ask for 3.0.2 alone: it is among those that are offered when none is preferred.
DIALECTS: Final = {
    "2.0.2": smb.SMB2_DIALECT_002,
    "2.1": smb.SMB2_DIALECT_21,
    "3.0": smb.SMB2_DIALECT_30,
    "3.0.2": None,
    "3.1.1": smb.SMB2_DIALECT_311,
    ANY: None,
}
EPOCH: Final = 11_644_473_600  # seconds from 1601, where the protocol's times begin, to 1970
TICKS: Final = 10_000_000
NO_SHARING: Final = 0
FULL_SIZE: Final = struct.Struct("<qqqII")  # units in all, free for the caller, free, sectors of a unit, their bytes


class Entry(Protocol):
    """What the adaptor uses of impacket's SharedFile."""

    def get_longname(self) -> str: ...
    def get_filesize(self) -> int: ...
    def get_wtime_epoch(self) -> float: ...
    def is_directory(self) -> int: ...


class Library:
    """The library's calls; some take the share, others a tree and a file of it."""

    def __init__(self, connection: SMBConnection, share: str) -> None:
        self._connection = connection
        self._share = share
        self._tree = connection.connectTree(share)
        self._open: dict[str, object] = {}

    def commands(self) -> Commands:
        """All that the library can do."""
        return {
            "put": self.put,
            "get": self.get,
            "list": self.list,
            "stat": self.stat,
            "mkdir": self.mkdir,
            "rmdir": self.rmdir,
            "remove": self.remove,
            "rename": self.rename,
            "read": self.read,
            "write": self.write,
            "truncate": self.truncate,
            "touch": self.touch,
            "space": self.space,
            "shares": self.shares,
            "open": self.open,
            "close": self.close,
            "quit": self._connection.logoff,
        }

    def put(self, local: str, name: str) -> None:
        with open(local, "rb") as source:
            self._connection.putFile(self._share, name, source.read)

    def get(self, name: str, local: str) -> None:
        with open(local, "wb") as place:
            self._connection.getFile(self._share, name, place.write)

    def list(self, name: str) -> Iterator[object]:
        for entry in self._connection.listPath(self._share, f"{name}/*"):
            if entry.get_longname() not in (".", ".."):
                yield from (entry.get_longname(), *_described(entry))

    def stat(self, name: str) -> tuple[object, ...]:
        return _described(self._connection.listPath(self._share, name)[0])

    def mkdir(self, name: str) -> None:
        self._connection.createDirectory(self._share, name)

    def rmdir(self, name: str) -> None:
        self._connection.deleteDirectory(self._share, name)

    def remove(self, name: str) -> None:
        self._connection.deleteFile(self._share, name)

    def rename(self, old: str, new: str) -> None:
        self._connection.rename(self._share, old, new)  # replaces what has the name: there is no other call

    def read(self, name: str, offset: str, length: str, local: str) -> None:
        with self._opened(name, smb.FILE_READ_DATA) as file, open(local, "wb") as place:
            place.write(self._connection.readFile(self._tree, file, int(offset), int(length), singleCall=False))

    def write(self, name: str, offset: str, local: str) -> None:
        with self._opened(name, smb.FILE_WRITE_DATA) as file, open(local, "rb") as source:
            self._connection.writeFile(self._tree, file, source.read(), int(offset))

    def truncate(self, name: str, size: str) -> None:
        with self._opened(name, smb.FILE_WRITE_DATA) as file:
            end = struct.pack("<q", int(size))
            self._connection.setInfo(self._tree, file, smb.SMB2_FILE_END_OF_FILE_INFO, end)

    def touch(self, name: str, seconds: str) -> None:
        basic = smb.FILE_BASIC_INFORMATION()
        basic["CreationTime"] = basic["LastAccessTime"] = basic["ChangeTime"] = basic["FileAttributes"] = 0  # as is
        basic["LastWriteTime"] = (int(seconds) + EPOCH) * TICKS
        with self._opened(name, smb.FILE_WRITE_ATTRIBUTES) as file:
            self._connection.setInfo(self._tree, file, smb.SMB2_FILE_BASIC_INFO, basic.getData())

    def space(self) -> tuple[int, int]:
        root = self._connection.openFile(self._tree, "", smb.FILE_READ_ATTRIBUTES, creationOption=0)
        try:
            answer = self._connection.getSMBServer().queryInfo(
                self._tree,
                root,
                infoType=smb.SMB2_0_INFO_FILESYSTEM,
                fileInfoClass=smb.SMB2_FILESYSTEM_FULL_SIZE_INFO,
            )
        finally:
            self._connection.closeFile(self._tree, root)
        units, free, _, sectors, sector_bytes = FULL_SIZE.unpack_from(answer)
        return units * sectors * sector_bytes, free * sectors * sector_bytes

    def shares(self) -> Iterator[str]:
        for share in self._connection.listShares():
            yield share["shi1_netname"].rstrip("\0")

    def open(self, name: str, ident: str) -> None:
        self._open[ident] = self._connection.openFile(self._tree, name, shareMode=NO_SHARING)

    def close(self, ident: str) -> None:
        self._connection.closeFile(self._tree, self._open.pop(ident))

    @contextmanager
    def _opened(self, name: str, access: int) -> Iterator[object]:
        file = self._connection.openFile(self._tree, name, access)
        try:
            yield file
        finally:
            self._connection.closeFile(self._tree, file)


def _described(entry: Entry) -> tuple[object, ...]:
    return "folder" if entry.is_directory() else "file", entry.get_filesize(), int(entry.get_wtime_epoch())


def connect(target: Target) -> Commands:
    """Log on, connect to the share."""
    if target.dialect not in DIALECTS:
        raise Cannot
    connection = SMBConnection(
        target.host, target.host, sess_port=target.port, preferredDialect=DIALECTS[target.dialect]
    )
    if target.dialect == "3.0.2" and connection.getDialect() != smb.SMB2_DIALECT_302:
        raise Cannot
    connection.login(target.user, target.password)
    return Library(connection, target.share).commands()


if __name__ == "__main__":
    serve(connect)
