"""Large requests over a real connection, in every protection: what was written is in the file and comes back."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from conformance.client import Options, connect
from smbserver.config.settings import Settings, ShareSettings
from smbserver.server import Server
from smbserver.transport.buffer_pool import RECEIVE_BUFFER, SIZE_STEP

if TYPE_CHECKING:
    from pathlib import Path

SEALED_AROUND = 52 + 64 + 48  # transform header, header, body of a WRITE
# Around where something is done otherwise: a frame with a buffer of its own, one that fills its buffer.
SIZES = (
    RECEIVE_BUFFER - SEALED_AROUND - 4,
    RECEIVE_BUFFER,
    *(SIZE_STEP - SEALED_AROUND - less for less in (17, 16, 15, 0)),
    3 * SIZE_STEP + 5,
    1000,
    1 << 20,
)
PROTECTIONS = {
    "plain": Options(),
    **{f"signing {algorithm}": Options(signing=True, signing_algorithms=(algorithm,)) for algorithm in (0, 1, 2)},
    **{f"cipher {cipher}": Options(encryption=True, ciphers=(cipher,)) for cipher in (1, 2, 3, 4)},
}


def there_and_back(port: int, options: Options) -> bytes:
    """Everything that was written."""
    chance = random.Random(1)
    written = b""
    with (
        connect("127.0.0.1", port, "ann", "secret", options=options) as session,
        session.tree("data").create("file") as file,
    ):
        for size in SIZES:
            data = chance.randbytes(size)
            file.write(len(written), data)
            written += data
            assert file.read(len(written) - size, size) == data
        assert file.read(SIZE_STEP, 1 << 20) == written[SIZE_STEP : SIZE_STEP + (1 << 20)]
    return written


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_large_requests(protection: str, tmp_path: Path) -> None:
    settings = Settings(
        (ShareSettings("data", str(tmp_path)),), users=(("ann", "secret"),), bind=("127.0.0.1",), port=0
    )

    async def run() -> bytes:
        async with Server(settings) as server:
            return await asyncio.to_thread(there_and_back, server.addresses[0][1], PROTECTIONS[protection])

    assert asyncio.run(run()) == (tmp_path / "file").read_bytes()
