"""What the benchmark calls the sources are the sources, even where there is a compiled build."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.bench import run
from smbserver.compile.current import PURE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest


def environment(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """What a server of the benchmark is started with beyond what everybody has."""
    given: list[Mapping[str, str]] = []

    def stop_here(command: list[str], *, environment: Mapping[str, str], **_: object) -> None:
        given.append(environment)
        raise StopIteration

    monkeypatch.setattr("conformance.servers.ProcessTree", stop_here)
    arguments = Namespace(python="python", directory=tmp_path, compiled=tmp_path)
    try:
        run.start(name, tmp_path, arguments).__enter__()
    except StopIteration:
        pass
    return given[0]


def test_ours_runs_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment("ours", tmp_path, monkeypatch)[PURE_VARIABLE]
    assert PURE_VARIABLE not in environment("compiled", tmp_path, monkeypatch)
