"""Starts the server with a store whose disk is slow: `-m conformance.latency.slow_disk READY SHARE=DIR USER PASSWORD`.

For tests only. The store is the posix one; files whose names begin with SLOW are never in the cache, and their reads,
writes and flushes take their time; those that begin with UNCACHED are never in the cache either, on a quick disk. Names
in the directory NAMES are not in the cache until somebody looks at them.
"""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final, cast

from smbserver.backend.base import Backend, Handle, Located
from smbserver.config.settings import Settings, ShareSettings
from smbserver.nt.names import Path as SharePath
from smbserver.server import Server

SLOW: Final = "slow"
UNCACHED: Final = "uncached"
NAMES: Final = "slow names"
SEEK_SECONDS: Final = 0.05
BYTES_PER_SECOND: Final = 4 << 20
FLUSH_SECONDS: Final = 0.5
WRITE_SECONDS: Final = 0.1


class SlowHandle:
    """A handle of the posix store, but for what waits for the disk. Everything else is the handle's own."""

    def __init__(self, handle: Handle, is_slow: bool) -> None:
        self._handle = handle
        self._is_slow = is_slow

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the contract has
        return getattr(self._handle, name)

    def read(self, length: int, offset: int) -> bytes | bytearray | None:
        """Never in the cache."""
        return None

    def cached(self, length: int, offset: int) -> tuple[int, int] | None:
        """Never in the cache."""
        return None

    def read_blocking(self, length: int, offset: int) -> bytes | bytearray:
        """The file's bytes, late."""
        if self._is_slow:
            time.sleep(SEEK_SECONDS + length / BYTES_PER_SECOND)
        return self._handle.read_blocking(length, offset)

    def write(self, data: memoryview | bytes, offset: int) -> None:
        """A write that the kernel holds back, because there is more to write than the disk can take."""
        if self._is_slow:
            time.sleep(WRITE_SECONDS)
        self._handle.write(data, offset)

    def sync(self) -> None:
        """A flush, late."""
        if self._is_slow:
            time.sleep(FLUSH_SECONDS)
        self._handle.sync()


class SlowBackend:
    """A store whose disk is slow for some files."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._looked: set[SharePath] = set()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the contract has
        return getattr(self._backend, name)

    def locate(self, path: SharePath, *arguments: object, **named: object) -> Located:
        """A look that has to wait for the disk, unless there was one just now."""
        if path[:1] == (NAMES,):
            self._wait(path)
            self._looked.discard(path)  # something else took its place
        return self._backend.locate(path, *arguments, **named)  # type: ignore[arg-type]  # as it came

    def look_ahead(self, path: SharePath) -> int:
        """See `backend.base.Backend`."""
        if path[:1] == (NAMES,):
            self._wait(path)
        return self._backend.look_ahead(path)

    def _wait(self, path: SharePath) -> None:
        if path not in self._looked:
            time.sleep(SEEK_SECONDS)
            self._looked.add(path)

    def _wrapped(self, located: Located, handle: Handle) -> Handle:
        name = located.path[-1] if located.path else ""
        if not name.startswith((SLOW, UNCACHED)) or handle.is_directory:
            return handle
        return cast(Handle, SlowHandle(handle, name.startswith(SLOW)))

    def open(self, located: Located, read: bool, write: bool) -> Handle:
        """See `backend.base.Backend`."""
        return self._wrapped(located, self._backend.open(located, read, write))

    def create_file(self, located: Located, *arguments: object, **named: object) -> Handle:
        """See `backend.base.Backend`."""
        # Whatever the contract has besides; it is passed on as it came.
        made = self._backend.create_file(located, *arguments, **named)  # type: ignore[arg-type]
        return self._wrapped(located, made)


async def _serve(ready: str, shares: tuple[ShareSettings, ...], user: tuple[str, str]) -> None:
    settings = Settings(shares=shares, users=(user,), bind=("127.0.0.1",), port=0, signing_required=False)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with Server(settings) as server:
        for share in server._shares:
            if share.backend is not None:
                share.backend = cast(Backend, SlowBackend(share.backend))
        text = json.dumps({"pid": os.getpid(), "addresses": server.addresses})
        Path(ready + ".new").write_text(text)
        os.replace(ready + ".new", ready)
        await ended.wait()


def main() -> int:
    """Serves until SIGTERM."""
    ready, *shares, user, password = sys.argv[1:]
    try:
        import uvloop

        factory = uvloop.new_event_loop
    except ImportError:
        factory = None
    pairs = (share.partition("=") for share in shares)
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(ready, tuple(ShareSettings(name, path) for name, _, path in pairs), (user, password)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
