"""When a build can be made, and when the banner speaks of it."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

import pytest

from smbserver.compile import needs
from smbserver.compile.current import PURE_VARIABLE, build_name
from smbserver.compile.needs import command, is_worth_a_word, missing


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source checkout on a machine with all that a build needs."""
    (tmp_path / "smbserver").mkdir()
    (tmp_path / "smbserver" / "__init__.py").write_text("")
    (tmp_path / "pyproject.toml").touch()
    include = tmp_path / "include" / Path(sysconfig.get_path("include")).name
    include.mkdir(parents=True)
    (include / "Python.h").touch()
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    monkeypatch.setenv("CC", sys.executable)  # a program that is there
    monkeypatch.delenv(PURE_VARIABLE, raising=False)
    return tmp_path


def speaks(checkout: Path) -> bool:
    return is_worth_a_word(checkout / ".compiled", checkout / "smbserver")


def test_nothing_is_missing(checkout: Path) -> None:
    assert missing() is None
    assert speaks(checkout)


def test_the_headers_are_looked_for_where_this_python_has_them() -> None:
    looked = Path(sys.base_prefix, "include", Path(sysconfig.get_path("include")).name)
    assert looked == Path(sysconfig.get_path("include"))


def test_no_compiler(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert "no C compiler" in (missing() or "")
    assert not speaks(checkout)


def test_no_headers(checkout: Path) -> None:
    next((checkout / "include").iterdir()).joinpath("Python.h").unlink()
    assert "Python.h" in (missing() or "")
    assert not speaks(checkout)


def test_an_installed_package(checkout: Path) -> None:
    (checkout / "pyproject.toml").unlink()
    builds = checkout / "smbserver" / ".compiled"
    assert is_worth_a_word(builds, checkout / "smbserver")
    builds.mkdir(mode=0o755)
    (builds / build_name(checkout / "smbserver")).mkdir(mode=0o755)
    assert not is_worth_a_word(builds, checkout / "smbserver")


def test_the_command_is_one_that_works_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "PACKAGE", tmp_path / "smbserver")
    monkeypatch.setattr(needs, "BUILDS", tmp_path / ".compiled")
    assert command() == "python3 -m smbserver.compile"
    monkeypatch.setattr(needs, "BUILDS", tmp_path / "smbserver" / ".compiled")
    assert command() == f"{sys.executable} -m smbserver.compile"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_who_may_not_write_there_hears_nothing(checkout: Path) -> None:
    checkout.chmod(0o555)
    try:
        assert not speaks(checkout)
    finally:
        checkout.chmod(0o755)


def test_who_said_no_hears_nothing(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PURE_VARIABLE, "1")
    assert not speaks(checkout)


def test_who_has_it_hears_nothing(checkout: Path) -> None:
    (checkout / ".compiled").mkdir(mode=0o755)
    (checkout / ".compiled" / build_name(checkout / "smbserver")).mkdir(mode=0o755)
    assert not speaks(checkout)
