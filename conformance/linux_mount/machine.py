"""An emulated machine: QEMU without KVM, without a disk, with a network that leads to this machine's loopback."""

import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

PROGRAM: Final = "qemu-system-x86_64"
MEMORY_MIB: Final = 768
CONSOLE_TAIL: Final = 3000


class Machine:
    """Runs inside a `with` block."""

    def __init__(self, kernel: Path, image: Path, console: Path, runner: int) -> None:
        """`console` gets what the kernel prints; `runner` is the port the checks report to."""
        self._console = console
        self._command = [PROGRAM, "-m", str(MEMORY_MIB), "-smp", "1", "-nographic", "-no-reboot", "-nic"]
        self._command += ["user,model=virtio-net-pci", "-kernel", str(kernel), "-initrd", str(image)]
        self._command += ["-append", f"console=ttyS0 panic=-1 quiet runner={runner}"]
        if shutil.which("setpriv"):  # whoever is killed leaves nothing running
            self._command = ["setpriv", "--pdeathsig", "KILL", *self._command]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it. Raises OSError."""
        with self._console.open("wb") as target:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=target, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is nothing in it that would have to end in order."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def runs(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process is not None and self._process.poll() is None

    def console(self) -> str:
        """The end of what the kernel has printed."""
        return self._console.read_text(errors="replace")[-CONSOLE_TAIL:]
