"""No conftest.py imports the package: pytest reads them before `--compiled` says which of its two forms is tested.

One that did had half of the modules come from the text and half from the build, with every class there twice.
"""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
CONFTESTS = sorted(str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "tests").rglob("conftest.py"))
PROGRAM = """
import runpy, sys
sys.path.insert(0, "")
runpy.run_path(sys.argv[1])
print(sorted(name for name in sys.modules if name.partition(".")[0] == "smbserver"))
"""


@pytest.mark.parametrize("conftest", CONFTESTS)
def test_reading_it_imports_nothing_of_the_package(conftest: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, conftest], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert found.stdout == "[]\n"
