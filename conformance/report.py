"""The results of a conformance run: a table for people, JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Result:
    """One script in one mode; `message` tells what failed and is empty when nothing did."""

    script: str
    mode: str
    ok: bool
    seconds: float
    message: str = ""


def table(results: Sequence[Result]) -> str:
    """Scripts down, modes across, seconds in the cells; a failure shows as FAIL."""
    modes = list(dict.fromkeys(result.mode for result in results))
    scripts = list(dict.fromkeys(result.script for result in results))
    cells = {(r.script, r.mode): f"{r.seconds:.1f}" if r.ok else "FAIL" for r in results}
    first = max((len(script) for script in scripts), default=0)
    lines = [" " * first + "".join("  " + mode for mode in modes)]
    for script in scripts:
        row = "".join("  " + cells.get((script, mode), "-").rjust(len(mode)) for mode in modes)
        lines.append(script.ljust(first) + row)
    return "\n".join(lines)


def summary(results: Sequence[Result]) -> str:
    """The table, then every failure in full, then one line with the numbers."""
    failed = [result for result in results if not result.ok]
    parts = [table(results), ""]
    parts += [f"FAILED {result.script} in {result.mode}\n{result.message}\n" for result in failed]
    parts.append(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return "\n".join(parts)


def write_json(results: Sequence[Result], path: Path) -> None:
    """The form that conformance/README.md documents."""
    failed = sum(not result.ok for result in results)
    document = {
        "results": [asdict(result) for result in results],
        "passed": len(results) - failed,
        "failed": failed,
    }
    path.write_text(json.dumps(document, indent=1) + "\n")
