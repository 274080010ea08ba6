#!/usr/bin/env python3
"""Makes the README's picture and tables of speed from one result file of `run.py --json`."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from conformance.bench.picture import BASE, SHOWN, TITLES, ratios, svg  # noqa: E402 - needs the path set above
from conformance.bench.results import Row, middle  # noqa: E402 - needs the path set above

PICTURE: Final = REPOSITORY / "conformance" / "bench" / "speed.svg"
PATHS: Final = {
    "--json": "FILE",
    "--compiled": "DIR",
    "--directory": "DIR",
    "--python": "PYTHON",
    "--impacket-python": "PYTHON",
}
BEGIN: Final = "<!-- speed: written by conformance/bench/publish.py -->"
END: Final = "<!-- end of speed -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 2 when the README has no place for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path, help="what run.py --json has written")
    parser.add_argument("--svg", type=Path, default=PICTURE)
    parser.add_argument("--readme", type=Path, help="also put picture and tables between its two marks")
    options = parser.parse_args(arguments)
    document = json.loads(options.result.read_text())
    rows = [Row(**each) for each in document["rows"]]
    caption = told(document["about"])
    options.svg.write_text(svg(rows, caption))
    text = section(rows, caption, shown_command(document["about"]["command"]), options.svg)
    if options.readme is None:
        print(text)
        return 0
    before = options.readme.read_text()
    if before.count(BEGIN) != 1 or before.count(END) != 1:
        print(f"{options.readme} must have the lines {BEGIN} and {END} once each", file=sys.stderr)
        return 2
    head, tail = before.split(BEGIN)[0], before.split(END)[1]
    options.readme.write_text(head + text + tail)
    return 0


def shown_command(command: str) -> str:
    """The command without the paths of one machine."""
    words = command.split()
    for number, word in enumerate(words[:-1]):
        if word in PATHS:
            words[number + 1] = PATHS[word]
    return " ".join(words)


def told(about: dict[str, object]) -> str:
    """When, where and how it was measured."""
    found = about["versions"]
    versions = ", ".join(f"{name} {value}" for name, value in found.items()) if isinstance(found, dict) else ""
    return (
        f"{str(about['date'])[:10]}, {about['cores']} cores of {about['cpu']}, Linux {about['kernel']} with "
        f"{about['congestion']}, Python {about['python']}, {versions}, shares in memory, {_rounds(about['rounds'])}"
    ).replace("Version ", "")


def _rounds(count: object) -> str:
    return "one round" if count == 1 else f"median of {count} rounds"


def section(rows: Sequence[Row], caption: str, command: str, picture: Path) -> str:
    """Picture, caption, and a table for each mode; all but the first are folded."""
    place = picture.resolve()
    if place.is_relative_to(REPOSITORY):
        place = place.relative_to(REPOSITORY)
    modes = list(dict.fromkeys(row.mode for row in rows))
    lines = [BEGIN, "", f"![Server CPU compared with smbd]({place.as_posix()})", "", f"Measured {caption}:", ""]
    lines += [f"`{command}`", ""]
    lines += [
        "CPU of the server for the same work as a share of what smbd needs with its defaults (less is better), in "
        "brackets the rate, likewise (more is better).",
        "",
    ]
    for number, mode in enumerate(modes):
        table = [*_table(rows, mode), ""]
        lines += [f"{mode}:", "", *table] if not number else [f"<details><summary>{mode}</summary>", "", *table]
        lines += ["</details>", ""] if number else []
    return "\n".join([*lines, END])


def _table(rows: Sequence[Row], mode: str) -> Iterator[str]:
    servers = [name for name in SHOWN if any(row.server == name for row in rows)]
    yield "| workload | smbd | " + " | ".join(SHOWN[name][0] for name in servers) + " |"
    yield "| --- " * (len(servers) + 2) + "|"
    for workload, title in TITLES.items():
        cells = []
        for name in servers:
            share = ratios(rows, mode, workload, name)
            cells.append("-" if share is None else f"{share[0]:.2f} ({share[1]:.2f})")
        mine = [row for row in rows if (row.mode, row.workload, row.server) == (mode, workload, BASE)]
        if mine or any(cell != "-" for cell in cells):
            base = middle(mine)
            yield f"| {title} | {_absolute(base) if base else '-'} | " + " | ".join(cells) + " |"


def _absolute(row: Row) -> str:
    if row.unit == "GiB":
        return f"{row.cpu_per_unit:.2f} s/GiB, {row.rate * 1024:.0f} MiB/s"
    return f"{row.cpu_per_unit * 1000:.0f} us, {row.rate * 1000:.0f}/s"


if __name__ == "__main__":
    sys.exit(main())
