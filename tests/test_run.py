"""Tests the test command: what counts as failed, what happens when programs are missing, that what it starts ends."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smbserver import bootstrap
from smbserver.compile.current import PURE_VARIABLE
from tests import run

if TYPE_CHECKING:
    from collections.abc import Sequence


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The last line printed so far."""
    return capsys.readouterr().out.splitlines()[-1]


def test_each_mode_has_its_steps() -> None:
    unit, quick, full = (run.steps(mode, None) for mode in ("unit", "quick", "full"))
    assert quick[: len(unit)] == full[: len(unit)] == unit
    assert [step.name for step in quick[len(unit) :]] == ["smbclient quick", "smbprotocol", "many clients"]
    assert any("--quick" in step.arguments for step in quick)
    assert [step.name for step in full if "--quick" in step.arguments] == ["libraries"]


def test_selection_reaches_pytest_only() -> None:
    selected = [step for step in run.steps("quick", "locks and not slow") if "locks and not slow" in step.arguments]
    assert [step.name for step in selected] == ["pytest"]


def test_report_counts_steps_and_says_why_one_failed(capsys: pytest.CaptureFixture[str]) -> None:
    report = run.Report()
    with report.step("good"):
        pass
    with report.step("bad"):
        raise run.StepError("the reason\nand its details")
    assert report.finish() == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "1 passed, 1 failed"
    assert any(line.startswith("bad ") and line.endswith("FAILED: the reason") for line in lines)


def test_report_of_good_steps_is_success(capsys: pytest.CaptureFixture[str]) -> None:
    report = run.Report()
    with report.step("good"):
        pass
    assert report.finish() == 0
    assert last_line(capsys) == "1 passed, 0 failed"


def test_without_an_environment_every_step_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(extra: str | None) -> Path:
        raise bootstrap.SetupError(f"no {extra} today")

    monkeypatch.setattr(bootstrap, "environment", refuse)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert run.main(["--unit"]) == 1
    assert last_line(capsys) == f"0 passed, {1 + len(run.steps('unit', None))} failed"


def test_missing_program_fails_the_step_that_needs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[Sequence[str]] = []
    monkeypatch.setattr(bootstrap, "environment", lambda extra: Path("python"))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(run, "run_command", lambda command, compiled: started.append(command))
    monkeypatch.setattr(run, "install_system_packages", lambda wanted: None)
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    assert run.main([]) == 1
    assert not any("smbclient" in argument for command in started for argument in command)
    output = capsys.readouterr().out
    assert "FAILED: not run, smbclient is not installed" in output
    assert output.splitlines()[-1].endswith(", 1 failed")


def test_system_packages_that_an_ordinary_user_must_install_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None if name == "smbd" else f"/usr/bin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(run.StepError, match=r"sudo apt-get install -y samba$"):
        run.install_system_packages()


def test_root_installs_what_is_missing_without_starting_services(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed = False
    policy = tmp_path / "policy-rc.d"
    commands: list[list[str]] = []

    def install(command: Sequence[str]) -> None:
        nonlocal installed
        commands.append(list(command))
        assert policy.read_text(encoding="utf-8") == "#!/bin/sh\nexit 101\n"
        assert os.access(policy, os.X_OK)
        installed = "install" in command

    monkeypatch.setattr(
        shutil, "which", lambda name, path=None: f"/usr/bin/{name}" if installed or name == "apt-get" else None
    )
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(run, "SERVICE_POLICY", policy)
    monkeypatch.setenv("DEBIAN_FRONTEND", "dialog")  # so that it is put back
    run.install_system_packages(run=install)
    assert commands[0][:2] == ["apt-get", "update"]
    assert commands[1][-4:] == ["attr", "samba", "samba-testsuite", "smbclient"]
    assert not policy.exists()


def test_modules_of_programs_are_looked_for_among_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run, "LIBRARIES", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(run.StepError, match=r"sudo apt-get install -y samba-vfs-modules$"):
        run.install_system_packages(run.FULL_PACKAGES)
    module = tmp_path / "x86_64-linux-gnu" / run.SMBD_MODULE
    module.parent.mkdir(parents=True)
    module.touch()
    run.install_system_packages(run.FULL_PACKAGES)


def test_command_that_fails_is_a_failed_step() -> None:
    with pytest.raises(run.StepError, match="exit code 3"):
        run.run_command([sys.executable, "-c", "import sys; sys.exit(3)"])
    with pytest.raises(run.StepError, match="SIGABRT"):
        run.run_command([sys.executable, "-c", "import os; os.abort()"])


def test_command_gets_no_input() -> None:
    run.run_command([sys.executable, "-c", "import sys; sys.exit(sys.stdin.read() != '')"])


def test_hanging_command_is_stopped_with_what_it_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The grandchild holds a pipe's end: reading to its end proves that it is gone."""
    monkeypatch.setattr(run, "STEP_SECONDS", 0.5)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(run.StepError, match="stopped after"):
            run.run_command(["sh", "-c", f"exec 3>'{pipe}'; sleep 1000 & wait"])
        os.set_blocking(reader, True)
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_step_runs_the_sources_unless_it_asks_for_the_build(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(run.PURE_VARIABLE, "as it was")
    code = f"import os, sys; sys.exit(({run.PURE_VARIABLE!r} in os.environ) is {compiled})"
    run.run_command([sys.executable, "-c", code], compiled)


def test_the_variable_is_the_one_that_a_start_reads() -> None:
    assert run.PURE_VARIABLE == PURE_VARIABLE
