"""Samples, their medians, and the table for a terminal."""

import statistics
from dataclasses import dataclass, replace

from conformance.bench.machine import FOREIGN_LIMIT


@dataclass(frozen=True)
class Row:
    """One sample as it stands in the result file; `cannot` holds the reason when there is none."""

    round: int
    mode: str
    workload: str
    unit: str
    server: str
    rate: float = 0.0
    """Units a second."""
    cpu_per_unit: float = 0.0
    """Server CPU seconds per unit."""
    client_busy: float = 0.0
    """Cores that the client kept busy."""
    foreign_cores: float = 0.0
    cannot: str = ""

    @property
    def disturbed(self) -> bool:
        """Whether others kept the machine busy meanwhile."""
        return self.foreign_cores > FOREIGN_LIMIT


def middle(rows: list[Row]) -> Row | None:
    """Medians of the undisturbed samples, or of all when every one was disturbed (then still marked)."""
    good = [row for row in rows if not row.cannot]
    if not good:
        return None
    good = [row for row in good if not row.disturbed] or good
    median = statistics.median
    return replace(
        good[0],
        rate=median(row.rate for row in good),
        cpu_per_unit=median(row.cpu_per_unit for row in good),
        client_busy=median(row.client_busy for row in good),
        foreign_cores=median(row.foreign_cores for row in good),
    )


def shown(row: Row) -> str:
    """Rate and CPU of one cell; `~` marks a disturbed one."""
    rate = f"{row.rate * 1024:.0f} MiB/s" if row.unit == "GiB" else f"{row.rate * 1000:.0f}/s"
    return f"{rate}{'~' * row.disturbed} {row.cpu_per_unit:.3f} s/{row.unit} cli {row.client_busy:.2f}"


def table(rows: list[Row], names: list[str]) -> str:
    """One line per mode and workload: every server, then the ratios of the first to each other one."""
    lines = []
    for mode, workload in dict.fromkeys((row.mode, row.workload) for row in rows):
        cells, medians = [f"{mode:13} {workload:15}"], {}
        for name in names:
            mine = [row for row in rows if (row.mode, row.workload, row.server) == (mode, workload, name)]
            medians[name] = middle(mine)
            found = medians[name]
            cells.append(f"{name}: " + (shown(found) if found else "cannot: " + mine[0].cannot if mine else "-"))
        first = medians[names[0]]
        for name in names[1:]:
            other = medians[name]
            if first and other:
                cpu = f"{first.cpu_per_unit / other.cpu_per_unit:.2f}" if other.cpu_per_unit else "-"
                cells.append(f"{names[0]}/{name}: rate {first.rate / other.rate:.2f} cpu {cpu}")
        lines.append(" | ".join(cells))
    return "\n".join(lines)
