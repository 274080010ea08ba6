"""pipes.py: only names in the table, however they are spelt."""

from __future__ import annotations

import pytest

from smbserver.rpc.pipes import find_pipe, open_pipe

from .client import ALICE, Server


@pytest.mark.parametrize("name", ["srvsvc", "SRVSVC", "SrvSvc"])
def test_known(name: str) -> None:
    service = find_pipe(name)
    assert service is not None
    assert service.name == "srvsvc"
    pipe = open_pipe(name, Server(), ALICE)
    assert pipe is not None
    assert pipe.name == "srvsvc"


@pytest.mark.parametrize(
    "name",
    ["", "\\", "\\srvsvc", "spoolss", "mdssvc", "../srvsvc", "srvsvc\0", "srvsvc ", "pipe\\srvsvc", "w\u212assvc"],
)
def test_unknown(name: str) -> None:
    assert find_pipe(name) is None
    assert open_pipe(name, Server(), ALICE) is None
