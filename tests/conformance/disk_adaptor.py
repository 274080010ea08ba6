"""An adaptor that needs no server: HOST is a folder with the shares in it, and `TAMPER` says what it does wrong."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from conformance.libraries.python.line_protocol import Commands, Target, serve

PASSWORD = "right"


class Disk:
    """The commands, on the share's folder itself."""

    def __init__(self, root: Path, *, writable: bool, tamper: str) -> None:
        self.root = root
        self.writable = writable
        self.tamper = tamper

    def commands(self) -> Commands:
        """All but those that only a server can do."""
        return {
            "put": self.put,
            "get": self.get,
            "list": self.list_folder,
            "stat": lambda name: self.described(self.root / name),
            "mkdir": lambda name: self.changing().joinpath(name).mkdir(),
            "rmdir": self.rmdir,
            "remove": self.remove,
            "rename": self.rename,
            "read": self.read,
            "write": self.write,
            "truncate": lambda name, size: os.truncate(self.root / name, int(size)),
            "touch": lambda name, when: os.utime(self.root / name, (int(when), int(when))),
            "space": self.space,
            "shares": lambda: ("data", "ro"),
            "quit": lambda: None,
        }

    def changing(self) -> Path:
        if not self.writable:
            raise PermissionError("read only")
        return self.root

    def put(self, local: str, name: str) -> None:
        content = Path(local).read_bytes()
        if self.tamper == "put" and len(content) > 100_000:
            content = content[:-1]
        (self.changing() / name).write_bytes(content)

    def get(self, name: str, local: str) -> None:
        if self.tamper == "hang":
            sys.stdin.read()
        if self.tamper == "die":
            os._exit(1)
        content = bytearray((self.root / name).read_bytes())
        if self.tamper == "get" and len(content) > 70_000:
            content[65_536] ^= 1
        Path(local).write_bytes(content)

    def list_folder(self, name: str) -> list[object]:
        found = sorted((self.root / name).iterdir())
        if self.tamper == "list" and len(found) > 1000:
            found[1000] = found[999]
        return [word for path in found for word in (path.name, *self.described(path))]

    def described(self, path: Path) -> tuple[object, ...]:
        status = path.stat()
        when = int(status.st_mtime) + (3600 if self.tamper == "stat" else 0)
        return "folder" if path.is_dir() else "file", status.st_size, when

    def rmdir(self, name: str) -> None:
        if self.tamper == "rmdir":
            shutil.rmtree(self.root / name)
        else:
            (self.root / name).rmdir()

    def remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=self.tamper == "remove")

    def rename(self, old: str, new: str) -> None:
        if (self.root / new).exists() and self.tamper != "rename":
            raise FileExistsError(new)
        (self.root / old).rename(self.root / new)

    def read(self, name: str, offset: str, length: str, local: str) -> None:
        with (self.root / name).open("rb") as file:
            file.seek(int(offset))
            Path(local).write_bytes(file.read(int(length)))

    def write(self, name: str, offset: str, local: str) -> None:
        with (self.root / name).open("r+b") as file:
            file.seek(int(offset))
            file.write(Path(local).read_bytes())
            if self.tamper == "write":
                file.truncate()

    def space(self) -> tuple[int, int]:
        volume = os.statvfs(self.root)
        return volume.f_blocks * volume.f_frsize, volume.f_bavail * volume.f_frsize


def connect(target: Target) -> Commands:
    """What logging on would be."""
    root = Path(target.host) / target.share
    if target.password != PASSWORD or not root.is_dir():
        raise PermissionError("no")
    return Disk(root, writable=target.share != "ro", tamper=os.environ.get("TAMPER", "")).commands()


if __name__ == "__main__":
    serve(connect)
