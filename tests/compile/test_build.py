"""Making a build: what is left when it cannot be made. Whether it works is asked by the step that makes one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from smbserver.compile import build
from smbserver.compile.build import BuildError, make
from smbserver.compile.current import PACKAGE, build_name
from smbserver.compile.modules import FILES, FOLDERS, TEXT, compiled_modules


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A source checkout with one module."""
    (tmp_path / "smbserver").mkdir()
    (tmp_path / "smbserver" / "__init__.py").touch()
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


def make_in(checkout: Path) -> Path:
    return make(checkout / ".compiled", checkout / "smbserver")


def test_every_module_on_a_requests_way_is_compiled_or_has_a_reason() -> None:
    names = compiled_modules(PACKAGE)
    assert len(names) == len(set(names)) > 150
    assert all((PACKAGE / name).is_file() for name in [*names, *TEXT])
    assert not set(names) & set(TEXT)
    assert {name.rpartition("/")[0] for name in names} == {*FOLDERS, ""}
    assert set(FILES) <= set(names)


def test_without_a_compiler_a_sentence(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(BuildError, match="gcc"):
        make_in(checkout)
    assert not (checkout / ".compiled").exists()


def test_the_builds_of_an_installed_package_are_not_copied(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "true")
    (checkout / "pyproject.toml").unlink()
    package = checkout / "smbserver"
    copied: list[str] = []

    def run(draft: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        copied.extend(sorted(path.name for path in (draft / "smbserver").iterdir()))
        return subprocess.CompletedProcess(arguments, 0)

    monkeypatch.setattr(build, "_run", run)
    made = make(package / ".compiled", package)
    assert made == package / ".compiled" / build_name(package)
    (package / "__init__.py").write_text("VERSION = 2\n")
    assert make(package / ".compiled", package) != made
    assert copied == ["__init__.py"] * 4  # translated and checked, twice


def test_a_folder_that_cannot_be_written_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "true")
    (checkout / ".compiled").write_text("a file")
    with pytest.raises(BuildError, match=r"\.compiled"):
        make_in(checkout)


def test_a_failed_build_leaves_nothing(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "true")
    failed = subprocess.CompletedProcess[bytes]([], 1)
    monkeypatch.setattr(build, "_run", lambda draft, *arguments: failed)
    with pytest.raises(BuildError, match="exit code 1"):
        make_in(checkout)
    assert list((checkout / ".compiled").iterdir()) == []


def test_a_build_is_made_once_and_the_one_before_it_stays(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "true")
    calls: list[tuple[str, ...]] = []

    def run(draft: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        calls.append(arguments)
        return subprocess.CompletedProcess(arguments, 0)

    monkeypatch.setattr(build, "_run", run)
    made = [make_in(checkout), make_in(checkout)]
    assert made[0] == made[1] == checkout / ".compiled" / build_name(checkout / "smbserver")
    assert len(calls) == 2  # translated and checked, once
    for number in range(3):
        (checkout / "smbserver" / "__init__.py").write_text(f"VERSION = {number}\n")
        made.append(make_in(checkout))
    assert sorted((checkout / ".compiled").iterdir()) == sorted(made[-2:])
