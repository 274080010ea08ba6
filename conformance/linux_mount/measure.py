"""The server's CPU for the kernel's client: this server's as a share of smbd's, in turn, by workload.

What the emulated machine needs for it is a matter of the emulator, and so are rates: nothing is said of them.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

SERVERS: Final = ("ours", "smbd")
Spent = Mapping[str, float]  # by workload, seconds of CPU a unit


def table(rounds: Mapping[str, Sequence[Spent]]) -> str:
    """Medians by workload, microseconds a unit, and the first server's as a share of the second's, round by round."""
    ours, smbd = (rounds[name] for name in SERVERS)
    lines = [f"{'':18}" + "".join(f"{name:>10}" for name in (*SERVERS, "share"))]
    for workload in ours[0]:
        costs = [median(round_[workload] for round_ in each) * 1e6 for each in (ours, smbd)]
        share = median(one[workload] / max(other[workload], 1e-9) for one, other in zip(ours, smbd, strict=True))
        lines.append(f"{workload:18}" + "".join(f"{cost:10.0f}" for cost in costs) + f"{share:10.2f}")
    return "\n".join(lines)
