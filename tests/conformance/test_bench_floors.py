"""The floors of the benchmark: the command runs, and measures every way of protecting a transfer."""

from __future__ import annotations

import subprocess
import sys

from conformance.bench.floors import PASSES
from conformance.servers import REPOSITORY


def test_every_protection_has_its_four_figures(share_folder: object) -> None:
    command = [
        sys.executable,
        "conformance/bench/floors.py",
        "--mib",
        "2",
        "--rounds",
        "1",
        "--folder",
        str(share_folder),
    ]
    printed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True).stdout
    rows = [line.split() for line in printed.splitlines()[2:]]
    assert [row[0] for row in rows] == list(PASSES)
    assert all(len(row) == 5 and all(float(figure) > 0 for figure in row[1:]) for row in rows)
