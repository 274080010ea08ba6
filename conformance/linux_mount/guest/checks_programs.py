"""Programs as people have them: a database, archives, copies of trees, a program that is run from the share."""

import filecmp
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path

from conformance.linux_mount.guest.place import Place, same

SOURCE = Path(json.__file__).parent  # a small tree that every image has


def check_database(place: Place) -> None:
    """SQLite, written by both clients in turn; it locks with a file, as it must where locks are mandatory."""
    names = [f"file:{base}/data.db?vfs=unix-dotfile" for base in (place.first, place.second)]
    for turn in range(6):
        with closing(sqlite3.connect(names[turn % 2], uri=True, timeout=20)) as connection, connection:
            connection.execute("create table if not exists lines (number integer, text text)")
            connection.executemany("insert into lines values (?, ?)", [(turn, "x" * 100)] * 200)
    with closing(sqlite3.connect(names[0], uri=True)) as connection:
        same("lines", connection.execute("select count(*), sum(number) from lines").fetchone(), (1200, 3000))
        same("check", connection.execute("pragma integrity_check").fetchone(), ("ok",))


def check_tree_copy(place: Place) -> None:
    """`cp -a` there, compare, and remove."""
    target = place.first / "copy"
    shutil.copytree(SOURCE, target)
    compared = filecmp.dircmp(SOURCE, place.second / "copy")
    same("only here", compared.left_only + compared.right_only, [])
    same("different", compared.diff_files, [])
    for name in os.listdir(SOURCE):
        same(f"time of {name}", int((target / name).stat().st_mtime), int((SOURCE / name).stat().st_mtime))
    shutil.rmtree(target)
    same("removed", target.exists(), False)


def check_archive(place: Place) -> None:
    """`tar` writes an archive on the share and takes it apart there."""
    with tarfile.open(place.first / "archive.tar", "w") as archive:
        archive.add(SOURCE, "tree")
    with tarfile.open(place.first / "archive.tar") as archive:
        archive.extractall(place.first)  # Debian 12: no filter yet
    compared = filecmp.dircmp(SOURCE, place.first / "tree")
    same("different", compared.diff_files + compared.left_only + compared.right_only, [])


def check_executed(place: Place) -> None:
    """A program on the share is run from there."""
    path = place.first / "busybox"
    shutil.copy("/bin/busybox", path)
    path.chmod(0o755)
    done = subprocess.run([path, "echo", "runs"], capture_output=True, text=True, check=False)
    same("output", (done.stdout, done.stderr, done.returncode), ("runs\n", "", 0))
