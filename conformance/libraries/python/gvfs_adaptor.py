"""The adaptor for gvfs, through which GNOME's programs open files: `gio` is called once for each command.

Start it inside of `dbus-run-session`: the mount belongs to the session, and ends with it.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, unquote

from conformance.libraries.python.line_protocol import Commands, Target, serve

ATTRIBUTES: Final = "standard::type,standard::size,time::modified"
FOLDER: Final = "2"  # G_FILE_TYPE_DIRECTORY
WORKGROUP: Final = "WORKGROUP"  # what it asks for beside the password
MOUNT_SECONDS: Final = 30


class Gvfs:
    """One mounted share."""

    def __init__(self, target: Target) -> None:
        self._root = f"smb://{quote(target.user)}@{target.host}:{target.port}/{quote(target.share)}"
        run("mount", self._root, told=f"{WORKGROUP}\n{target.password}\n", seconds=MOUNT_SECONDS)

    def commands(self) -> Commands:
        """All that `gio` can do."""
        return {
            "put": lambda local, name: self.none("copy", local, self.at(name)),
            "get": lambda name, local: self.none("copy", self.at(name), local),
            "list": self.entries,
            "stat": self.stat,
            "mkdir": lambda name: self.none("mkdir", self.at(name)),
            "rmdir": lambda name: self.none("remove", self.at(name)),
            "remove": lambda name: self.none("remove", self.at(name)),
            "rename": self.rename,
            "touch": lambda name, when: self.none("set", "-t", "uint64", self.at(name), "time::modified", when),
            "space": self.space,
            "quit": lambda: self.none("mount", "--unmount", self._root),
        }

    def at(self, name: str) -> str:
        """A name as its URI."""
        return f"{self._root}/{quote(name)}"

    def none(self, *arguments: str) -> None:
        """A command whose words do not matter."""
        run(*arguments)

    def entries(self, name: str) -> Iterator[object]:
        for line in run("list", "--hidden", "--print-uris", "--attributes", ATTRIBUTES, self.at(name)).splitlines():
            uri, size, kind, *more = line.split("\t")
            when = re.search(r"time::modified=(\d+)", " ".join(more))
            is_folder = kind == "(directory)"
            yield from (
                unquote(uri.rpartition("/")[2]),
                "folder" if is_folder else "file",
                "" if is_folder else size,
                when[1] if when else "",
            )

    def stat(self, name: str) -> tuple[object, ...]:
        found = dict(re.findall(r"^  (\S+): (.*)$", run("info", "-a", ATTRIBUTES, self.at(name)), re.M))
        kind = "folder" if found["standard::type"] == FOLDER else "file"
        return kind, found["standard::size"], found["time::modified"]

    def rename(self, old: str, new: str) -> None:
        if os.path.dirname(old) == os.path.dirname(new):
            run("rename", self.at(old), os.path.basename(new))
        else:
            run("move", self.at(old), self.at(new))

    def space(self) -> tuple[object, ...]:
        found = dict(re.findall(r"^  (\S+): (.*)$", run("info", "--filesystem", self._root), re.M))
        return found["filesystem::size"], found["filesystem::free"]


def run(*arguments: str, told: str = "", seconds: float | None = None) -> str:
    """What `gio` says. RuntimeError with its complaint."""
    done = subprocess.run(
        ["gio", *arguments], input=told, capture_output=True, text=True, timeout=seconds, check=False, env=ENVIRONMENT
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or done.stdout.strip())
    return done.stdout


# Nobody's settings, and no word of it in another language.
ENVIRONMENT: Final = {**os.environ, "LC_ALL": "C.UTF-8", "GIO_USE_VOLUME_MONITOR": "unix"}


def connect(target: Target) -> Commands:
    """Mount."""
    return Gvfs(target).commands()


if __name__ == "__main__":
    serve(connect)
