"""The adaptor for rclone, whose SMB is Go's go-smb2: the program is called once for each command."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypedDict

from conformance.libraries.python.line_protocol import Commands, Target, serve

REMOTE: Final = "remote"
# No second tries, and no pauses between: what fails has failed.
OPTIONS: Final = ("--retries", "1", "--low-level-retries", "1", "--config", os.devnull, "--tpslimit", "0")


class Entry(TypedDict):
    """What the adaptor uses of `rclone lsjson`."""

    Name: str
    Size: int
    ModTime: str
    IsDir: bool


class Rclone:
    """One server and one share of it."""

    def __init__(self, target: Target) -> None:
        self._root = f"{REMOTE}:{target.share}"
        words = {
            "TYPE": "smb",
            "HOST": target.host,
            "PORT": str(target.port),
            "USER": target.user,
            "PASS": _obscured(target.password),
        }
        self._environment = {
            **os.environ,
            **{f"RCLONE_CONFIG_{REMOTE.upper()}_{key}": value for key, value in words.items()},
        }
        self.run("lsf", "--max-depth", "1", self._root)

    def commands(self) -> Commands:
        """All that rclone can do."""
        return {
            "put": lambda local, name: self.none("copyto", "--ignore-times", local, self.at(name)),
            "get": lambda name, local: self.none("copyto", "--ignore-times", self.at(name), local),
            "list": self.entries,
            "stat": self.stat,
            "mkdir": self.mkdir,
            "rmdir": lambda name: self.none("rmdir", self.at(name)),
            "remove": lambda name: self.none("deletefile", self.at(name)),
            "rename": lambda old, new: self.none("moveto", "--ignore-times", self.at(old), self.at(new)),
            "read": self.read,
            "touch": self.touch,
            "shares": self.shares,
            "quit": lambda: None,
        }

    def at(self, name: str) -> str:
        """A name as rclone's arguments have it."""
        return f"{self._root}/{name}"

    def run(self, *arguments: str) -> bytes:
        """What it says. RuntimeError with its complaint."""
        command = ["rclone", arguments[0], *OPTIONS, *arguments[1:]]
        done = subprocess.run(command, env=self._environment, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode(errors="replace").strip())
        return done.stdout

    def none(self, *arguments: str) -> None:
        """A command whose words do not matter."""
        self.run(*arguments)

    def entries(self, name: str) -> Iterator[object]:
        for entry in json.loads(self.run("lsjson", "--no-mimetype", self.at(name))):
            yield from (entry["Name"], *_described(entry))

    def stat(self, name: str) -> tuple[object, ...]:
        found = json.loads(self.run("lsjson", "--stat", "--no-mimetype", self.at(name)))
        if found is None:
            raise FileNotFoundError(name)
        return _described(found)

    def mkdir(self, name: str) -> None:
        # To rclone a folder that is there already is as good as a new one.
        if any(entry == os.path.basename(name) for entry in list(self.entries(os.path.dirname(name)))[::4]):
            raise FileExistsError(name)
        self.run("mkdir", self.at(name))

    def read(self, name: str, offset: str, length: str, local: str) -> None:
        Path(local).write_bytes(self.run("cat", "--offset", offset, "--count", length, self.at(name)))

    def touch(self, name: str, seconds: str) -> None:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(seconds)))
        self.run("touch", "--no-create", "--timestamp", when, self.at(name))

    def shares(self) -> list[str]:
        return self.run("lsf", "--dir-slash=false", f"{REMOTE}:").decode().splitlines()


def _described(entry: Entry) -> tuple[object, ...]:
    when = datetime.fromisoformat(entry["ModTime"]).astimezone(UTC)
    return "folder" if entry["IsDir"] else "file", "" if entry["IsDir"] else entry["Size"], int(when.timestamp())


def _obscured(password: str) -> str:
    done = subprocess.run(["rclone", "obscure", "-"], input=password, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def connect(target: Target) -> Commands:
    """Log on."""
    return Rclone(target).commands()


if __name__ == "__main__":
    serve(connect)
