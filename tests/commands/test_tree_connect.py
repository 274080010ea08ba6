"""TREE_CONNECT: which paths mean a share, and what a client is told of it."""

from __future__ import annotations

import pytest

from conformance.client import commands
from smbserver.nt import status
from tests.harness import World


@pytest.mark.parametrize(("share", "kind"), [("data", 1), ("DATA", 1), ("ro", 1), ("IPC$", 2), ("ipc$", 2)])
def test_shares(world: World, share: str, kind: int) -> None:
    assert world.tree(share).connected.share_type == kind


@pytest.mark.parametrize(
    "path", ["\\\\server\\nothing", "data", "\\data", "\\\\server\\data\\x", "\\\\\\data", "", "\\\\server\\"]
)
def test_what_is_no_share(world: World, path: str) -> None:
    request = commands.tree_connect(path)
    request.sign = True
    assert world.log_on().call(request).status == status.BAD_NETWORK_NAME
