"""Which Python the private environment is made of, with programs that say what the test wants in place of Pythons."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smbserver import base_python
from smbserver.base_python import faster_python

NAME = f"python{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder of programs, empty."""
    made = tmp_path / "bin"
    made.mkdir()
    monkeypatch.setattr(base_python, "SYSTEM_FOLDER", str(made))
    return made


def program(path: Path, script: str) -> str:
    """A Python that answers any question by `script`."""
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def own(folder: Path) -> str:
    """The Python that runs, which needs a second."""
    return program(folder / "own", "echo 1.0")


def test_a_much_faster_one_is_taken(folder: Path) -> None:
    system = program(folder / NAME, "echo 0.7")
    assert faster_python(own(folder)) == system


@pytest.mark.parametrize(
    "script",
    ["echo 0.9", "echo 1.5", "echo fast", "echo", "echo 0.1; exit 1", "exec sleep 60"],
    ids=["hardly faster", "slower", "words", "nothing", "an error", "a hang"],
)
def test_another_one_is_not(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program(folder / NAME, script)
    ours = own(folder)
    if "sleep" in script:
        monkeypatch.setattr(base_python, "PROBE_SECONDS", 0.2)
    assert faster_python(ours) is None


def test_without_one_and_with_another_version_nothing_is_measured(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(folder / "python3", "echo 0.1")
    program(folder / "python3.999", "echo 0.1")
    (folder / NAME).write_text("no program", encoding="utf-8")
    monkeypatch.setattr(subprocess, "run", None)
    assert faster_python(own(folder)) is None


def test_the_systems_own_is_not_compared_with_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = program(folder / NAME, "echo 0.1")
    (folder / "python3").symlink_to(system)
    monkeypatch.setattr(subprocess, "run", None)
    assert faster_python(str(folder / "python3")) is None


def test_one_that_runs_in_vain_is_not_measured_against(folder: Path) -> None:
    program(folder / NAME, "echo 0.1")
    assert faster_python(program(folder / "own", "exit 1")) is None


def test_a_real_python_answers(folder: Path) -> None:
    """The question itself, asked of the Python that runs the tests."""
    os.symlink(sys.executable, folder / NAME)
    seconds = base_python._seconds(os.path.realpath(sys.executable))
    assert seconds is not None
    assert seconds > 0
    assert faster_python(program(folder / "own", "echo 60")) == str(folder / NAME)


def test_a_python_that_is_another_than_its_name_says_is_not_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 999, 0, "final", 0))
    os.symlink(sys.executable, folder / "python3.999")
    assert faster_python(program(folder / "own", "echo 60")) is None
