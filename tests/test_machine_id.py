"""The seed of the SIDs."""

from __future__ import annotations

from pathlib import Path

import pytest

from smbserver.machine_id import sid_seed

ID = "0123456789abcdef0123456789abcdef"


def test_name_and_machine(tmp_path: Path) -> None:
    file = tmp_path / "machine-id"
    file.write_text(ID + "\n")
    assert sid_seed("Nas", str(file)) == sid_seed("NAS", str(file)) == b"NAS\0" + ID.encode()
    assert sid_seed("OTHER", str(file)) != sid_seed("NAS", str(file))


@pytest.mark.parametrize("content", ["", "uninitialized\n", "x" * 32, ID[:-1]])
def test_what_is_no_machine_id_does_not_count(tmp_path: Path, content: str) -> None:
    file = tmp_path / "machine-id"
    file.write_text(content)
    assert sid_seed("NAS", str(file)) == sid_seed("NAS", str(tmp_path / "missing")) == b"NAS\0"
