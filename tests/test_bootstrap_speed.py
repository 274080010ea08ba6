"""A start with a Python that could serve but lacks what adds speed; the fake runner is that of test_bootstrap."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from smbserver import bootstrap
from tests.test_bootstrap import PYPROJECT, FakeRunner, checkout, hide_modules, refusal, runner, start

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["checkout", "runner"]  # fixtures
REAL_FIND_SPEC = importlib.util.find_spec


@pytest.fixture(autouse=True)
def filled_by_chance(runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is required is there, uvloop is not, and nobody made an environment of it."""
    monkeypatch.setattr(importlib.util, "find_spec", REAL_FIND_SPEC)
    hide_modules(monkeypatch, *bootstrap.SPEED_MODULES)
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)


def serves_itself(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Call `ensure`, which must return, and give what it said."""
    capfd.readouterr()
    bootstrap.ensure(arguments)
    output = capfd.readouterr()
    assert output.out == ""
    return output.err


def test_it_gets_the_environment_as_if_it_had_nothing(checkout: Path, runner: FakeRunner) -> None:
    became = start("--share", "x", "--user", "u:secret")
    python = str(checkout / ".venv" / "bin" / "python")
    assert became.arguments == [python, "-m", "smbserver", "--share", "x", "--user", "u:secret"]
    assert became.environ[bootstrap.GUARD_VARIABLE] == str(checkout / ".venv")
    assert runner.verbs() == ["venv", "pip"]
    assert "--retries" in runner.commands[1], "it can serve without: no long waits for an index"
    runner.commands.clear()
    start()
    assert runner.commands == []


def test_one_that_is_ready_is_taken_whatever_failed_before(checkout: Path, runner: FakeRunner) -> None:
    runner.fail_on = "pip"
    bootstrap.ensure([])
    runner.fail_on = ""
    bootstrap.environment("test")
    assert not (checkout / ".venv" / bootstrap.FAILED_FILE).exists()
    runner.commands.clear()
    start()
    assert runner.commands == []


@pytest.mark.parametrize("program", ["venv", "pip"])
def test_where_it_fails_the_python_at_hand_serves_and_does_not_try_again(
    checkout: Path, runner: FakeRunner, capfd: pytest.CaptureFixture[str], program: str
) -> None:
    runner.fail_on = program
    assert "goes on without uvloop" in serves_itself(capfd)
    runner.commands.clear()
    said = serves_itself(capfd)
    assert "goes on without uvloop" in said
    assert f"rm -r {checkout / '.venv'}" in said
    assert runner.commands == []


@pytest.mark.parametrize("change", ["dependencies", "python", "note"])
def test_another_list_or_another_python_is_tried(
    checkout: Path, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    runner.fail_on = "pip"
    bootstrap.ensure([])
    failed = checkout / ".venv" / bootstrap.FAILED_FILE
    if change == "dependencies":
        (checkout / "pyproject.toml").write_text(PYPROJECT.replace("pyasn1>=0.5", "pyasn1>=0.6"), encoding="utf-8")
    elif change == "python":
        found = json.loads(failed.read_text(encoding="utf-8"))
        failed.write_text(json.dumps({**found, "with": "/usr/bin/another"}), encoding="utf-8")
    else:
        failed.write_text("[]", encoding="utf-8")
    runner.fail_on = ""
    start()
    assert not failed.exists()


@pytest.mark.parametrize("choice", ["virtual", "conda", "installed", "windows", "filled"])
def test_who_has_chosen_is_left_alone(
    checkout: Path,
    runner: FakeRunner,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    choice: str,
) -> None:
    if choice == "virtual":
        monkeypatch.setattr(sys, "base_prefix", "/usr")
    elif choice == "conda":
        prefix = tmp_path_factory.mktemp("conda")
        (prefix / "conda-meta").mkdir()
        monkeypatch.setattr(sys, "prefix", str(prefix))
        monkeypatch.setattr(sys, "base_prefix", str(prefix))
    elif choice == "installed":
        (checkout / "pyproject.toml").unlink()
    elif choice == "windows":
        monkeypatch.setattr(bootstrap, "os", SimpleNamespace(name="nt", environ=os.environ))
    else:
        monkeypatch.setattr(bootstrap, "SPEED_MODULES", ("json",))
    assert serves_itself(capfd) == ""
    assert runner.commands == []


def test_somebody_elses_folder_is_left_alone(
    checkout: Path, runner: FakeRunner, capfd: pytest.CaptureFixture[str]
) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "pyvenv.cfg").touch()
    for _ in range(2):
        assert "was not made by smbserver" in serves_itself(capfd)
    assert runner.commands == []
    assert [path.name for path in (checkout / ".venv").iterdir()] == ["pyvenv.cfg"]


def test_a_folder_that_cannot_be_made_is_no_error(
    checkout: Path, runner: FakeRunner, capfd: pytest.CaptureFixture[str]
) -> None:
    (checkout / ".venv").write_text("a file, no folder", encoding="utf-8")
    assert "goes on without uvloop" in serves_itself(capfd)
    assert runner.commands == []


def test_no_package_of_the_system_is_installed_for_it(
    runner: FakeRunner, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    hide_modules(monkeypatch, "ensurepip")
    assert "ensurepip" in serves_itself(capfd)
    assert runner.commands == []


def test_the_process_it_became_does_not_do_it_again(
    runner: FakeRunner, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(bootstrap.GUARD_VARIABLE, "/somewhere/.venv")
    assert serves_itself(capfd) == ""
    assert runner.commands == []


def test_an_interruption_ends_it_and_the_next_start_tries_again(runner: FakeRunner) -> None:
    runner.interrupt_on = "pip"
    assert "interrupted" in refusal()
    runner.interrupt_on = ""
    start()
