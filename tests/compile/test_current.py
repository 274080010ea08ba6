"""Which build a start uses: the one of exactly these sources, in a folder that nobody else writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from smbserver.compile import current
from smbserver.compile.current import PACKAGE, build_name, builds_of, find


@pytest.fixture(params=["checkout", "installed"])
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with a package of its own and an empty folder for builds: a source checkout, or like site-packages."""
    package = tmp_path / "smbserver"
    (package / "wire").mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "1"\n')
    (package / "wire" / "read.py").write_text("SIZE = 1\n")
    if request.param == "checkout":
        (tmp_path / "pyproject.toml").touch()
    builds_of(package).mkdir(mode=0o755)
    return tmp_path


def build_of(checkout: Path) -> Path:
    package = checkout / "smbserver"
    build = builds_of(package) / build_name(package)
    build.mkdir(mode=0o755)
    return build


def found_in(checkout: Path) -> Path | None:
    return find(builds_of(checkout / "smbserver"), checkout / "smbserver")


def test_the_build_of_these_sources_is_found(checkout: Path) -> None:
    assert found_in(checkout) is None
    assert found_in(checkout) is None
    build = build_of(checkout)
    assert found_in(checkout) == build


def test_a_changed_source_is_another_name(checkout: Path) -> None:
    build_of(checkout)
    (checkout / "smbserver" / "wire" / "read.py").write_text("SIZE = 2\n")
    assert found_in(checkout) is None


def test_a_moved_line_or_a_new_or_renamed_file_is_another_name(checkout: Path) -> None:
    package = checkout / "smbserver"
    names = {build_name(package)}
    (package / "wire" / "write.py").touch()
    names.add(build_name(package))
    (package / "wire" / "write.py").rename(package / "wire" / "close.py")
    names.add(build_name(package))
    (package / "wire" / "read.py").rename(package / "read.py")
    names.add(build_name(package))
    assert len(names) == 4


def test_the_name_tells_the_interpreter(checkout: Path) -> None:
    name = build_name(checkout / "smbserver")
    assert f"{sys.version_info[0]}{sys.version_info[1]}" in name
    assert "/" not in name


@pytest.mark.parametrize("mode", [0o775, 0o757])
@pytest.mark.parametrize("which", ["builds", "build"])
def test_what_others_may_write_is_not_used(checkout: Path, which: str, mode: int) -> None:
    build = build_of(checkout)
    (build if which == "build" else build.parent).chmod(mode)
    assert found_in(checkout) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_somebody_else_made_is_not_used(checkout: Path) -> None:
    os.chown(build_of(checkout), 65534, 65534)
    assert found_in(checkout) is None


def test_where_the_builds_are(tmp_path: Path) -> None:
    package = tmp_path / "smbserver"
    assert builds_of(package) == package / ".compiled"
    (tmp_path / "pyproject.toml").touch()
    assert builds_of(package) == tmp_path / ".compiled"


def test_a_build_within_the_package_is_none_of_its_sources(checkout: Path) -> None:
    build = build_of(checkout)
    (build / "smbserver").mkdir()
    (build / "smbserver" / "read.py").write_text("SIZE = 1\n")
    assert found_in(checkout) == build


def test_without_builds_no_source_is_read(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builds_of(checkout / "smbserver").rmdir()
    monkeypatch.delattr(current, "build_name")
    assert found_in(checkout) is None


PROBE = """
import sys
import smbserver.bootstrap
from smbserver.compile import current
before = sorted(name for name in sys.modules if name.startswith("smbserver"))
current.prefer()
import smbserver.errors
beyond = ["base_python", "bootstrap", "compile", "compile.current"]
print(before == ["smbserver", *(f"smbserver.{name}" for name in beyond)])
print(current.is_used(), current.is_outdated())
print(smbserver.errors.__file__)
"""


def probe(checkout: Path, **added: str) -> list[str]:
    """What a start of the copy in `checkout` says."""
    environment = {name: value for name, value in os.environ.items() if name != "SMBSERVER_PURE"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        cwd=checkout,
        env={**environment, "PYTHONPATH": str(checkout), **added},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def copy_sources(package: Path, target: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.so", ".compiled")
    shutil.copytree(package, target, ignore=ignored, dirs_exist_ok=True)


def copy_package(checkout: Path) -> None:
    """The real package in the place of the little one."""
    shutil.rmtree(checkout / "smbserver" / "wire")
    copy_sources(PACKAGE, checkout / "smbserver")


def test_a_start_takes_the_rest_from_the_build(checkout: Path) -> None:
    copy_package(checkout)
    text = str(checkout / "smbserver" / "errors.py")
    assert probe(checkout) == ["True", "False False", text]
    build = build_of(checkout)
    copy_sources(checkout / "smbserver", build / "smbserver")
    assert probe(checkout) == ["True", "True False", str(build / "smbserver" / "errors.py")]
    assert probe(checkout, SMBSERVER_PURE="1") == ["True", "False False", text]
    (checkout / "smbserver" / "errors.py").write_text((checkout / "smbserver" / "errors.py").read_text() + "\n")
    assert probe(checkout) == ["True", "False True", text]


SCRIPT = "import sys; from smbserver.__main__ import main; sys.exit(main())"  # as packaging tools write it
SERVE = "def main(argv=None):\n    print(__file__)\n    return 3\n"


@pytest.mark.parametrize("command", [("-m", "smbserver"), ("-c", SCRIPT)])
def test_module_and_script_start_from_the_build(checkout: Path, command: tuple[str, str]) -> None:
    copy_package(checkout)
    build = build_of(checkout)
    copy_sources(checkout / "smbserver", build / "smbserver")
    serve = build / "smbserver" / "cli" / "serve.py"
    serve.write_text(SERVE)
    environment = {name: value for name, value in os.environ.items() if name != "SMBSERVER_PURE"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=checkout,
        env={**environment, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, f"{serve}\n", "")


def test_the_installed_command_is_that_script() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"smbserver": "smbserver.__main__:main"}
