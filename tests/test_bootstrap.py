"""Tests the set-up of a fresh clone: on a made-up checkout, with a fake runner in place of venv, pip and apt-get."""

from __future__ import annotations

import ast
import fcntl
import importlib.util
import os
import subprocess
import sys
import threading
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smbserver import bootstrap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PYPROJECT = """
[project]
name = "smbserver"
dependencies = ["cryptography>=42", "pyasn1>=0.5"]
[project.optional-dependencies]
test = ["pytest>=8"]
"""
WAIT_SECONDS = 30  # for a thread that must come to its end; far more than it needs


class FakeRunner:
    """Stands in for `subprocess.run`: records commands and leaves behind the files that the real ones would."""

    def __init__(self, venv: Path) -> None:
        self.venv = venv
        self.commands: list[list[str]] = []
        self.environments: list[Mapping[str, str]] = []
        self.fail_on = ""  # a command that contains this word exits with 1
        self.interrupt_on = ""
        self.base_python = sys.executable

    def __call__(
        self,
        command: Sequence[str],
        *,
        stdin: int,
        stdout: int,
        env: Mapping[str, str],
        pass_fds: Sequence[int],
        check: bool,
    ) -> subprocess.CompletedProcess[bytes]:
        assert stdin == subprocess.DEVNULL
        assert stdout == sys.stderr.fileno()
        assert check is False
        self.commands.append(list(command))
        self.environments.append(env)
        if self.interrupt_on and self.interrupt_on in command:
            raise KeyboardInterrupt
        if self.fail_on and self.fail_on in command:
            return subprocess.CompletedProcess(command, 1)
        if "venv" in command:
            (self.venv / "bin").mkdir()
            (self.venv / "bin" / "python").symlink_to(self.base_python)
            self.site_packages.mkdir(parents=True)
        if "pip" in command:
            assert not list(self.venv.glob("smbserver-ready*")), "the marker must not be there while pip works"
            for name in bootstrap.REQUIRED_MODULES:
                (self.site_packages / name).mkdir(exist_ok=True)
                (self.site_packages / name / "__init__.py").touch()
        return subprocess.CompletedProcess(command, 0)

    @property
    def site_packages(self) -> Path:
        """Where the fake packages go."""
        return self.venv / "lib" / "python3.11" / "site-packages"

    def verbs(self) -> list[str]:
        """What was run, in one word each."""
        return [next(word for word in ("venv", "pip", "update", "apt-get") if word in each) for each in self.commands]


class Replaced(Exception):
    """Raised in place of the exec that would replace the test's process."""

    def __init__(self, path: str, arguments: list[str], environ: Mapping[str, str]) -> None:
        super().__init__(path)
        self.path = path
        self.arguments = arguments
        self.environ = environ


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source checkout whose third parties are missing; an exec raises Replaced."""
    (tmp_path / "smbserver").mkdir()
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    monkeypatch.setattr(bootstrap, "__file__", str(tmp_path / "smbserver" / "bootstrap.py"))
    monkeypatch.delenv(bootstrap.GUARD_VARIABLE, raising=False)
    monkeypatch.setattr(bootstrap, "faster_python", lambda own: None)
    hide_modules(monkeypatch, *bootstrap.REQUIRED_MODULES)

    def replace(path: str, arguments: list[str], environ: Mapping[str, str]) -> None:
        raise Replaced(path, arguments, environ)

    monkeypatch.setattr(os, "execve", replace)
    return tmp_path


@pytest.fixture
def runner(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRunner:
    """The fake runner of `checkout`."""
    fake = FakeRunner(checkout / ".venv")
    monkeypatch.setattr(subprocess, "run", fake)
    return fake


def hide_modules(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make `find_spec` answer that `names` are not installed and that everything else is what it is."""
    real = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name in names else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


def start(*arguments: str) -> Replaced:
    """Call `ensure` and return what it would have become."""
    with pytest.raises(Replaced) as caught:
        bootstrap.ensure(arguments)
    return caught.value


def refusal(*arguments: str) -> str:
    """Call `ensure` and return the message it ends with."""
    with pytest.raises(SystemExit) as caught:
        bootstrap.ensure(arguments)
    return str(caught.value.code)


def test_nothing_happens_when_the_modules_are_there(runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def find_spec(name: str) -> ModuleSpec:
        asked.append(name)
        return ModuleSpec(name, None, origin="somewhere")

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    bootstrap.ensure(["--share", "x"])
    assert asked == ["cryptography", "pyasn1", "uvloop"]
    assert runner.commands == []


def test_a_folder_left_by_a_removed_package_is_not_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "leftover_folder").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(bootstrap, "REQUIRED_MODULES", ("leftover_folder",))
    monkeypatch.setattr(bootstrap, "__file__", str(tmp_path / "smbserver" / "bootstrap.py"))
    assert "leftover_folder" in refusal()


def test_first_start_fills_the_environment_and_becomes_its_python(
    checkout: Path, runner: FakeRunner, capfd: pytest.CaptureFixture[str]
) -> None:
    became = start("--share", "with space", "--user", "u:secret")
    python = str(checkout / ".venv" / "bin" / "python")
    assert became.path == python
    assert became.arguments == [python, "-m", "smbserver", "--share", "with space", "--user", "u:secret"]
    assert became.environ == {**os.environ, bootstrap.GUARD_VARIABLE: str(checkout / ".venv")}
    assert runner.verbs() == ["venv", "pip"]
    assert runner.commands[1][-2:] == ["cryptography>=42", "pyasn1>=0.5"]
    assert (runner.site_packages / "smbserver-checkout.pth").read_text(encoding="utf-8") == f"{checkout}\n"
    output = capfd.readouterr()
    assert output.out == ""
    assert str(checkout / ".venv") in output.err
    assert "secret" not in output.err


def test_the_environment_is_made_of_a_faster_build(
    runner: FakeRunner, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def faster(own: str) -> str:
        asked.append(own)
        return "/usr/bin/python3.99"

    monkeypatch.setattr(bootstrap, "faster_python", faster)
    start()
    assert runner.commands[0][:3] == ["/usr/bin/python3.99", "-m", "venv"]
    own = os.path.realpath(sys.executable)
    assert asked == [own]
    assert f"/usr/bin/python3.99, a faster build of this Python than {own}" in capfd.readouterr().err


def test_second_start_runs_nothing(runner: FakeRunner) -> None:
    start()
    runner.commands.clear()
    start()
    assert runner.commands == []


def test_changed_dependencies_are_installed_into_the_same_environment(checkout: Path, runner: FakeRunner) -> None:
    start()
    runner.commands.clear()
    (checkout / "pyproject.toml").write_text(PYPROJECT.replace("pyasn1>=0.5", "pyasn1>=0.6"), encoding="utf-8")
    start()
    assert runner.verbs() == ["pip"]
    assert runner.commands[0][-1] == "pyasn1>=0.6"


@pytest.mark.parametrize("program", ["venv", "pip"])
def test_interrupted_setup_is_made_again_from_nothing(checkout: Path, runner: FakeRunner, program: str) -> None:
    runner.interrupt_on = program
    assert "interrupted" in refusal()
    assert not list((checkout / ".venv").glob("smbserver-ready*"))
    (checkout / ".venv" / "half-made").mkdir()
    runner.interrupt_on = ""
    runner.commands.clear()
    start()
    assert runner.verbs() == ["venv", "pip"]
    assert not (checkout / ".venv" / "half-made").exists()


@pytest.mark.parametrize("damage", ["marker", "module", "python", "moved"])
def test_damaged_environment_is_made_again(checkout: Path, runner: FakeRunner, damage: str) -> None:
    start()
    ready = checkout / ".venv" / bootstrap.READY_FILE
    if damage == "marker":
        ready.write_text("{", encoding="utf-8")
    elif damage == "module":
        (runner.site_packages / "pyasn1" / "__init__.py").unlink()
    elif damage == "python":
        (checkout / ".venv" / "bin" / "python").unlink()
        (checkout / ".venv" / "bin" / "python").symlink_to("/bin/true")
    else:
        ready.write_text(ready.read_text(encoding="utf-8").replace(str(checkout), "/elsewhere"), encoding="utf-8")
    runner.commands.clear()
    start()
    assert runner.verbs() == ["venv", "pip"]


def test_damaged_environment_is_made_again_by_its_own_python(
    checkout: Path, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    (runner.site_packages / "pyasn1" / "__init__.py").unlink()
    runner.commands.clear()
    base = os.path.realpath(sys.executable)
    monkeypatch.setattr(sys, "executable", str(checkout / ".venv" / "bin" / "python"))
    runner.base_python = base
    start()
    assert runner.commands[0][0] == base


def test_failed_pip_says_so_and_leaves_no_marker(checkout: Path, runner: FakeRunner) -> None:
    runner.fail_on = "pip"
    message = refusal()
    assert "pip could not install" in message
    assert "cryptography>=42" in message
    assert not (checkout / ".venv" / bootstrap.READY_FILE).exists()


def test_the_process_it_became_does_not_do_it_again(runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(bootstrap.GUARD_VARIABLE, "/somewhere/.venv")
    message = refusal()
    assert "rm -r /somewhere/.venv" in message
    assert runner.commands == []


def test_the_guard_does_not_reach_the_programs_that_the_server_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(bootstrap.GUARD_VARIABLE, "/somewhere/.venv")
    bootstrap.ensure([])
    assert bootstrap.GUARD_VARIABLE not in os.environ


def test_foreign_environment_is_left_alone(checkout: Path, runner: FakeRunner) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "pyvenv.cfg").touch()
    assert "was not made by smbserver" in refusal()
    assert runner.commands == []
    assert [path.name for path in (checkout / ".venv").iterdir()] == ["pyvenv.cfg"]


def test_installed_without_dependencies_names_them(checkout: Path, runner: FakeRunner) -> None:
    (checkout / "pyproject.toml").unlink()
    assert refusal().endswith(f"{sys.executable} -m pip install cryptography pyasn1")
    assert runner.commands == []


def test_unreadable_pyproject_is_named(checkout: Path, runner: FakeRunner) -> None:
    (checkout / "pyproject.toml").write_text("[project", encoding="utf-8")
    assert "pyproject.toml cannot be read" in refusal()
    assert runner.commands == []


def test_folder_that_cannot_be_written_is_named(checkout: Path, runner: FakeRunner) -> None:
    (checkout / ".venv").write_text("a file, no folder", encoding="utf-8")
    assert str(checkout / ".venv") in refusal()
    assert runner.commands == []


def test_settings_that_send_packages_elsewhere_do_not_reach_pip(
    runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("PIP_USER", "1")
    start()
    assert "PIP_TARGET" not in runner.environments[1]
    assert runner.environments[1]["PIP_USER"] == "0"


# --- ensurepip ---


@pytest.fixture
def debian(runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> FakeRunner:
    """A Debian system whose Python came without ensurepip."""
    hide_modules(monkeypatch, "ensurepip", *bootstrap.REQUIRED_MODULES)
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    return runner


def test_without_ensurepip_a_user_gets_the_command(debian: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert refusal().endswith("sudo apt-get install -y python3-venv")
    assert debian.commands == []


def test_without_ensurepip_root_installs_it(
    debian: FakeRunner, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    debian.interrupt_on = "venv"  # far enough
    refusal()
    assert [each[:2] for each in debian.commands[:2]] == [["apt-get", "update"], ["apt-get", "install"]]
    assert debian.commands[1][-1] == "python3-venv"
    assert debian.environments[1]["DEBIAN_FRONTEND"] == "noninteractive"
    assert "apt-get install -y python3-venv" in capfd.readouterr().err


def test_without_ensurepip_and_apt_it_says_what_is_missing(debian: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert "no ensurepip" in refusal()
    assert debian.commands == []


# --- the test command's environment, several starts, old Pythons ---


def test_environment_with_an_extra_serves_both(checkout: Path, runner: FakeRunner) -> None:
    assert bootstrap.environment("test") == checkout / ".venv" / "bin" / "python"
    assert runner.commands[1][-3:] == ["cryptography>=42", "pyasn1>=0.5", "pytest>=8"]
    runner.commands.clear()
    start()
    bootstrap.environment("test")
    assert runner.commands == []


def test_extra_is_added_to_an_environment_that_is_there(checkout: Path, runner: FakeRunner) -> None:
    start()
    runner.commands.clear()
    bootstrap.environment("test")
    assert runner.verbs() == ["pip"]


def test_unknown_extra_is_an_error(runner: FakeRunner) -> None:
    with pytest.raises(bootstrap.SetupError, match="'nonsense'"):
        bootstrap.environment("nonsense")
    assert runner.commands == []


def test_second_start_waits_for_the_first_and_uses_its_work(
    checkout: Path, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    ready = checkout / ".venv" / bootstrap.READY_FILE
    marker = ready.read_text(encoding="utf-8")
    ready.unlink()
    runner.commands.clear()
    waiting = threading.Event()
    monkeypatch.setattr(bootstrap, "_say", lambda text: waiting.set() if "waiting" in text else None)
    with (checkout / ".venv" / bootstrap.OWNER_FILE).open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=bootstrap.environment, args=(None,))
        second.start()
        assert waiting.wait(WAIT_SECONDS)
        ready.write_text(marker, encoding="utf-8")
        fcntl.flock(lock, fcntl.LOCK_UN)
        second.join(WAIT_SECONDS)
    assert not second.is_alive()
    assert runner.commands == []


def test_old_python_gets_a_sentence(runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    assert "Python 3.11 or newer is needed; this is 3.10.4" in refusal()
    with pytest.raises(bootstrap.SetupError, match=r"this is 3\.10\.4"):
        bootstrap.environment(None)
    assert runner.commands == []


@pytest.mark.parametrize(
    "name",
    [
        "smbserver/__init__.py",
        "smbserver/__main__.py",
        "smbserver/bootstrap.py",
        "smbserver/base_python.py",
        "tests/run.py",
    ],
)
def test_what_an_old_python_reads_first_parses_there(name: str) -> None:
    path = Path(__file__).resolve().parent.parent / name
    ast.parse(path.read_text(encoding="utf-8"), name, feature_version=(3, 8))
