"""A model command for tests: plays back recorded answers from a directory, one per call.

    fake_model.py DIRECTORY

Call N keeps what it was sent in DIRECTORY/N.prompt and writes the bytes of DIRECTORY/N.answer to standard output.
DIRECTORY/N.exit holds the exit status of that call; DIRECTORY/N.hang makes it wait after its answer until it is ended.
Its process id is in DIRECTORY/N.pid.
"""

import os
import signal
import sys
from pathlib import Path


def main() -> int:
    """Play one answer."""
    directory = Path(sys.argv[1])
    call = sum(1 for _ in directory.glob("*.prompt")) + 1
    (directory / f"{call}.prompt").write_bytes(sys.stdin.buffer.read())
    (directory / f"{call}.pid").write_text(str(os.getpid()))
    sys.stdout.buffer.write((directory / f"{call}.answer").read_bytes())
    sys.stdout.buffer.flush()
    if (directory / f"{call}.hang").exists():
        signal.pause()
    status = directory / f"{call}.exit"
    return int(status.read_text()) if status.exists() else 0


if __name__ == "__main__":
    sys.exit(main())
