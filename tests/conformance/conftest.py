"""Puts the repository on the import path, so that these tests find the package `conformance`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
