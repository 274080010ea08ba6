"""How an open ends: what is deleted with it, and that its handle is closed whatever happens."""

from pathlib import Path as DiskPath

import pytest

from smbserver.backend.base import Backend
from smbserver.backend.posix import PosixBackend
from smbserver.nt import access
from smbserver.objects.open import Open
from smbserver.objects.share import Share
from smbserver.objects.tree import Tree
from smbserver.sharing.file_table import FileTable
from smbserver.sharing.holder import Holder


def open_at(backend: Backend, files: FileTable, *path: str) -> Open:
    """An open with delete-on-close."""
    located = backend.locate(path)
    handle = backend.open(located, True, True)
    located.close()
    holder = Holder(access.FILE_ALL_ACCESS, 7, located.path, backend)
    state = files.enter(handle.identity, holder)
    return Open(1, Tree(1, Share("s", backend), access.FILE_ALL_ACCESS), backend, handle, state, holder, 0, True)


@pytest.mark.parametrize("gone", ["file", "directory", "replaced"])
def test_delete_on_close_of_what_a_local_program_took_away(tmp_path: DiskPath, gone: str) -> None:
    """The close of a file whose directory is gone raised StatusError and left the handle open."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").touch()
    backend, files = PosixBackend(tmp_path), FileTable()
    opened = open_at(backend, files, "d", "f")
    (tmp_path / "d" / "f").unlink()
    if gone == "directory":
        (tmp_path / "d").rmdir()
    elif gone == "replaced":
        (tmp_path / "d" / "f").write_text("another")
    opened.close(files)
    with pytest.raises(OSError):
        opened.handle.metadata()
    assert len(files) == 0
    assert (gone == "replaced") == (tmp_path / "d" / "f").exists()
    backend.close()


def test_delete_on_close(tmp_path: DiskPath) -> None:
    (tmp_path / "f").touch()
    backend, files = PosixBackend(tmp_path), FileTable()
    first, second = open_at(backend, files, "f"), open_at(backend, files, "f")
    first.close(files)
    first.close(files)
    assert second.state.delete_pending
    assert (tmp_path / "f").exists()
    second.close(files)
    assert not (tmp_path / "f").exists()
    backend.close()
