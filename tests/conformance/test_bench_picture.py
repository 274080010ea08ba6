"""The benchmark's picture and tables, of results that were made up."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

import pytest

from conformance.bench import publish
from conformance.bench.picture import ratios, svg
from conformance.bench.results import Row

ROWS = [
    Row(0, "plain", "delete", "kop", "smbd", rate=1.0, cpu_per_unit=0.4),
    Row(0, "plain", "delete", "kop", "ours", rate=2.0, cpu_per_unit=0.2),
    Row(0, "plain", "delete", "kop", "impacket", cannot="it <cannot>"),
    Row(0, "plain", "smbclient_get", "GiB", "smbd", rate=1.0, cpu_per_unit=0.5),
    Row(0, "plain", "smbclient_get", "GiB", "ours", rate=0.5, cpu_per_unit=20.0),
    Row(0, "encrypted", "delete", "kop", "smbd", rate=1.0, cpu_per_unit=0.4),
    Row(0, "encrypted", "delete", "kop", "ours", rate=1.0, cpu_per_unit=0.4),
]
ABOUT = {
    "date": "2026-01-01T00:00:00",
    "cpu": "a <processor>",
    "cores": 2,
    "kernel": "6.18",
    "congestion": "cubic",
    "python": "3.11",
    "rounds": 1,
    "versions": {"smbd": "Version 4.17"},
    "command": "python run.py --compiled /home/ann/build --rounds 1",
}


def test_shares_of_what_smbd_needs() -> None:
    assert ratios(ROWS, "plain", "delete", "ours") == (0.5, 2.0)
    assert ratios(ROWS, "plain", "delete", "impacket") is None
    assert ratios(ROWS, "signed", "delete", "ours") is None


def test_the_picture_is_well_formed() -> None:
    drawn = ElementTree.fromstring(svg(ROWS, "on a <machine>"))
    texts = [element.text for element in drawn.iter() if element.tag.endswith("text")]
    assert {"plain", "encrypted", "delete", "smbclient get", "0.50", "40", "on a <machine>"} <= set(texts)
    widths = [float(each.attrib["width"]) for each in drawn.iter() if each.tag.endswith("rect")]
    assert max(widths) == 140.0, "what is longer than the scale is cut"


def test_the_readme_is_written_between_its_marks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result, readme, picture = (tmp_path / name for name in ("result.json", "README.md", "speed.svg"))
    result.write_text(json.dumps({"about": ABOUT, "rows": [asdict(row) for row in ROWS]}))
    readme.write_text(f"before\n{publish.BEGIN}\nold\n{publish.END}\nbehind\n")
    words = [str(result), "--svg", str(picture), "--readme", str(readme)]
    assert publish.main(words) == 0
    once = readme.read_text()
    assert once.startswith("before\n")
    assert once.endswith("\nbehind\n")
    assert "old" not in once
    assert "| delete | 400 us, 1000/s | 0.50 (2.00) | - |" in once
    assert "smbd 4.17" in once
    assert "`python run.py --compiled DIR --rounds 1`" in once
    assert publish.main(words) == 0
    assert readme.read_text() == once
    readme.write_text("no marks")
    assert publish.main(words) == 2
    assert "must have the lines" in capsys.readouterr().err


def test_the_readme_has_the_marks() -> None:
    text = (publish.REPOSITORY / "README.md").read_text()
    assert text.count(publish.BEGIN) == text.count(publish.END) == 1
