"""The folder of streams that are too large for an extended attribute: one file each, in the share's root, never seen.

A stream's file has a random name, which an attribute of the file it belongs to keeps, and says itself whose it is. What
a local program leaves behind when it deletes a file is found by that: an inode number that has no such attribute.
"""

import errno
import os
import re
import stat
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from smbserver.backend.posix.disk_names import STORE_NAME

OWNER: Final = b"user.SmbServer.Owner"  # decimal inode number of the file that the stream belongs to
_FOLDER_MODE: Final = 0o700
_COMMON: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_ID_BYTES: Final = 16
_is_id: Final = re.compile(r"[0-9a-f]{32}").fullmatch
_COPY_STEP: Final = 1 << 20


class StreamStore:
    """Below the root with this descriptor, which stays its owner's.

    `lock` makes one step of what reads and writes again: copies are made by threads. `acting` is entered by whoever
    touches the folder: the rights of a client end at the file that the stream belongs to.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._folder = -1
        self.lock = threading.RLock()
        self.acting: AbstractContextManager[object] = nullcontext()
        self._find()

    @property
    def is_used(self) -> bool:
        """Whether the folder was there when somebody last looked."""
        return self._folder >= 0

    def _find(self) -> bool:
        """Whether there is a folder; one that a local program has removed is forgotten."""
        if self._folder >= 0 and not os.fstat(self._folder).st_nlink:
            self.close()
        if self._folder < 0:
            try:
                with self.acting:
                    self._folder = os.open(STORE_NAME, os.O_RDONLY | os.O_DIRECTORY | _COMMON, dir_fd=self._root)
            except OSError:
                return False
        return True

    def _need(self) -> int:
        """The folder, made if it must be."""
        with self.acting:
            if not self._find():
                try:
                    os.mkdir(STORE_NAME, _FOLDER_MODE, dir_fd=self._root)
                except FileExistsError:
                    pass
                self._folder = os.open(STORE_NAME, os.O_RDONLY | os.O_DIRECTORY | _COMMON, dir_fd=self._root)
        return self._folder

    def create(self, owner: os.stat_result) -> tuple[str, int]:
        """An empty stream file of that file: its id, and a descriptor open for both."""
        folder = self._need()
        name = os.urandom(_ID_BYTES).hex()
        with self.acting:
            fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _COMMON, stat.S_IRUSR | stat.S_IWUSR, dir_fd=folder)
            try:
                os.setxattr(fd, OWNER, str(owner.st_ino).encode())
            except BaseException:
                os.close(fd)
                os.unlink(name, dir_fd=folder)
                raise
        return name, fd

    def open(self, name: str, write: bool) -> int:
        """A descriptor of the stream file with this id. OSError EIO when there is none, or nothing that could be it."""
        if not _is_id(name) or not self._find():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        try:
            with self.acting:
                fd = os.open(name, (os.O_RDWR if write else os.O_RDONLY) | _COMMON, dir_fd=self._folder)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP):
                raise OSError(errno.EIO, os.strerror(errno.EIO)) from error
            raise
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return fd

    def belongs_to(self, fd: int, inode: int) -> bool:
        """Whether the stream file was made for this file, and not for one that it was copied from."""
        try:
            with self.acting:
                return os.getxattr(fd, OWNER) == str(inode).encode()
        except OSError:
            return False

    def copy(self, source: int, owner: os.stat_result) -> tuple[str, int]:
        """As `create`, with the data of another stream file."""
        name, fd = self.create(owner)
        try:
            offset = 0
            while data := os.pread(source, _COPY_STEP, offset):
                while data:
                    count = os.pwrite(fd, data, offset)
                    data = data[count:]
                    offset += count
        except BaseException:
            os.close(fd)
            self.remove(name)
            raise
        return name, fd

    def link(self, name: str) -> str:
        """A second id for a stream file: both lead to the same data until one is removed."""
        if not _is_id(name) or not self._find():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        second = os.urandom(_ID_BYTES).hex()
        with self.acting:
            os.link(name, second, src_dir_fd=self._folder, dst_dir_fd=self._folder, follow_symlinks=False)
        return second

    def remove(self, name: str) -> None:
        """Remove a stream file; one that is gone is gone."""
        if _is_id(name) and self._find():
            try:
                with self.acting:
                    os.unlink(name, dir_fd=self._folder)
            except FileNotFoundError:
                pass

    def remove_of(self, name: str, inode: int) -> None:
        """Remove a stream file if it belongs to this file; a copied pointer takes nothing from its original."""
        try:
            fd = self.open(name, False)
        except OSError:
            return
        try:
            belongs = self.belongs_to(fd, inode)
        finally:
            os.close(fd)
        if belongs:
            self.remove(name)

    def look_again(self) -> None:
        """The root is another directory now."""
        self.close()
        self._find()

    def close(self) -> None:
        """Give back the folder."""
        folder, self._folder = self._folder, -1
        if folder >= 0:
            os.close(folder)
