"""`python3 -m smbserver.compile` where mypyc is missing: a line to paste, and nothing is installed unasked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from smbserver.compile.__main__ import EXTRA, REQUIRED
from smbserver.compile.current import PACKAGE

# Started as with -m, in a Python that finds no mypyc.
START = """
import importlib.util, runpy, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in ("mypyc", "setuptools") else find(name)
runpy.run_module("smbserver.compile", run_name="__main__")
"""


def test_an_installed_package_names_what_to_install(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "smbserver", ignore=shutil.ignore_patterns("__pycache__", ".compiled"))
    done = subprocess.run(
        [sys.executable, "-c", START],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    packages = " ".join(f"'{each}'" for each in REQUIRED)
    assert done.stderr.splitlines()[-1].strip() == f"{sys.executable} -m pip install {packages}"
    assert (done.returncode, done.stdout) == (1, "")
    assert [path.name for path in tmp_path.iterdir()] == ["smbserver"]


def test_what_it_names_is_what_a_checkout_gets() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert tuple(project["optional-dependencies"][EXTRA]) == REQUIRED
