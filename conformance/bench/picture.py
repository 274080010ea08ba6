"""The picture of a benchmark: server CPU of each workload as a share of smbd's, drawn as SVG without any library."""

from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from conformance.bench.results import Row, middle

BASE: Final = "smbd"
"""Whose CPU is 1."""
SHOWN: Final = {
    "ours": ("this server", "#2f81f7"),
    "compiled": ("this server, compiled", "#2ea043"),
    "smbd-tuned": ("smbd, tuned", "#a371f7"),
    "impacket": ("impacket", "#d29922"),
}
TITLES: Final = {
    "seqread_1M_d1": "read 1 MiB",
    "seqread_1M_d8": "read 1 MiB, 8 at a time",
    "seqwrite_1M_d1": "write 1 MiB",
    "seqwrite_1M_d8": "write 1 MiB, 8 at a time",
    "randread_4K_d1": "read 4 KiB",
    "randread_4K_d16": "read 4 KiB, 16 at a time",
    "create_1K": "create, write 1 KiB, close",
    "stat": "open, query, close",
    "stat_compound": "open, query, close in one",
    "list_10000": "list 10,000 entries",
    "delete": "delete",
    "connect": "connect and log on",
    "mixed_32": "32 connections, mixed",
    "smbclient_get": "smbclient get",
    "smbclient_put": "smbclient put",
}
_LEFT: Final = 190
_PANEL: Final = 250
_BAR: Final = 11
_GAP: Final = 8
_TOP: Final = 74
_FULL: Final = 2.0  # where the scale ends; a longer bar is cut and says its number
_SCALE: Final = 70.0  # pixels of one whole smbd
# Colours of text that GitHub's light and dark pages have; the background is theirs.
_STYLE: Final = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 10px; fill: #59636e }
.grid { stroke: #d1d9e0 } .one { stroke: #cf222e; stroke-dasharray: 3 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .small { fill: #9198a1 } .grid { stroke: #3d444d } .one { stroke: #ff7b72 }
}
"""


def svg(rows: Sequence[Row], caption: str) -> str:
    """One panel for each mode, one group of bars for each workload."""
    servers = [name for name in SHOWN if any(row.server == name and not row.cannot for row in rows)]
    modes = list(dict.fromkeys(row.mode for row in rows))
    workloads = [name for name in TITLES if any(row.workload == name for row in rows)]
    group = len(servers) * _BAR + _GAP
    width, bottom = _LEFT + len(modes) * _PANEL, _TOP + len(workloads) * group
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 44}" role="img">',
        f"<title>{escape(caption)}</title><style>{_STYLE}</style>",
        '<text x="8" y="18">Server CPU for the same work; smbd with its defaults is 1, less is better</text>',
    ]
    for number, name in enumerate(servers):
        title, colour = SHOWN[name]
        key = 8 + number * 170
        parts.append(f'<rect x="{key}" y="28" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{key + 15}" y="37">{escape(title)}</text>')
    for number, mode in enumerate(modes):
        left = _LEFT + number * _PANEL
        parts.append(f'<text x="{left}" y="60">{escape(mode)}</text>')
        for tick in (0.0, 0.5, 1.0, 1.5, 2.0):
            x = left + tick * _SCALE
            kind = "one" if tick == 1.0 else "grid"
            parts.append(f'<line class="{kind}" x1="{x:g}" y1="{_TOP - 4}" x2="{x:g}" y2="{bottom}"/>')
            parts.append(f'<text class="small" x="{x:g}" y="{bottom + 12}" text-anchor="middle">{tick:g}</text>')
    for line, workload in enumerate(workloads):
        top = _TOP + line * group
        middle_of = top + len(servers) * _BAR / 2 + 4
        parts.append(f'<text x="{_LEFT - 8}" y="{middle_of:g}" text-anchor="end">{escape(TITLES[workload])}</text>')
        for number, mode in enumerate(modes):
            parts += _bars(rows, mode, workload, servers, _LEFT + number * _PANEL, top)
    parts.append(f'<text class="small" x="8" y="{bottom + 32}">{escape(caption)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _bars(rows: Sequence[Row], mode: str, workload: str, servers: Sequence[str], left: int, top: int) -> Iterator[str]:
    for number, name in enumerate(servers):
        share = ratios(rows, mode, workload, name)
        y = top + number * _BAR
        if share is None:
            yield f'<text class="small" x="{left + 3}" y="{y + 9}">cannot</text>'
            continue
        long = min(share[0], _FULL) * _SCALE
        yield f'<rect x="{left}" y="{y}" width="{long:.1f}" height="{_BAR - 1}" fill="{SHOWN[name][1]}"/>'
        yield f'<text class="small" x="{left + long + 3:.1f}" y="{y + 9}">{_number(share[0])}</text>'


def _number(share: float) -> str:
    return f"{share:.0f}" if share >= 10 else f"{share:.2f}"


def ratios(rows: Sequence[Row], mode: str, workload: str, name: str) -> tuple[float, float] | None:
    """CPU and rate as shares of smbd's; None when one of the two was not to be had."""
    mine, base = (
        middle([row for row in rows if (row.mode, row.workload, row.server) == (mode, workload, server)])
        for server in (name, BASE)
    )
    if mine is None or base is None or not base.cpu_per_unit or not base.rate:
        return None
    return mine.cpu_per_unit / base.cpu_per_unit, mine.rate / base.rate
