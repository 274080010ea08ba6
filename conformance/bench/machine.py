"""What the machine is, and how busy others keep it while a sample is taken."""

import mmap
import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

TICKS: Final = os.sysconf("SC_CLK_TCK")
FOREIGN_LIMIT: Final = 0.3
"""Cores that others may keep busy before a sample counts as disturbed."""
CONGESTION: Final = Path("/proc/sys/net/ipv4/tcp_congestion_control")
"""Who sends under BBR is paced, on loopback too: half as much again for a large read (transcript 0050)."""


class HasCpu(Protocol):
    """A server whose CPU time can be read."""

    def cpu_seconds(self) -> float:
        """User and system CPU of all its processes."""


def busy_seconds() -> float:
    """CPU seconds that the whole machine has spent not idle since it started."""
    values = [int(text) for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(values) - values[3] - values[4]) / TICKS


def own_seconds() -> float:
    """CPU seconds of this process and of the children it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@dataclass(frozen=True)
class Spent:
    """What one sample cost. Seconds, except `foreign_cores`."""

    wall: float
    server_cpu: float
    client_cpu: float
    foreign_cores: float


class Meter:
    """Started when made; `stop()` gives what was spent since."""

    def __init__(self, server: HasCpu) -> None:
        self._server = server
        self._busy, self._cpu, self._own = busy_seconds(), server.cpu_seconds(), own_seconds()
        self._begun = time.monotonic()

    def stop(self) -> Spent:
        """Reads all clocks again."""
        wall = max(time.monotonic() - self._begun, 1e-9)
        own, server = own_seconds() - self._own, self._server.cpu_seconds() - self._cpu
        busy = busy_seconds() - self._busy
        return Spent(wall, server, own, max(0.0, busy - own - server) / wall)


def touch_memory(size: int) -> None:
    """Has so many bytes of memory written to by the kernel, and gives them back to it.

    The host of a virtual machine takes free memory away after a while, and who needs it next waits until it is there
    again: up to three times as long as a write takes.
    """
    mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE).close()


def description() -> dict[str, object]:
    """Date, processor, cores, kernel, its congestion control and Python, for the result file."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "cpu": model,
        "cores": os.cpu_count(),
        "kernel": platform.release().split("-")[0],  # what a builder adds to the number says nothing
        "congestion": CONGESTION.read_text().strip() if CONGESTION.exists() else "unknown",
        # Builds of one version differ by a third: the path tells whose it is.
        "python": f"{platform.python_version()} ({os.path.realpath(sys.executable)})",
        "load": os.getloadavg(),
    }
