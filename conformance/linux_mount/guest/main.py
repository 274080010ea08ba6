"""Mount as told, run the checks one after the other, and tell the host of each."""

import os
import shutil
import subprocess
import time
import traceback
from pathlib import Path
from typing import Any

from conformance.linux_mount.guest import (
    checks_files,
    checks_mounts,
    checks_names,
    checks_programs,
    checks_sharing,
    workloads,
)
from conformance.linux_mount.guest.place import Different, Host, Place, mount

MEMORY = Path("/tmp/memory")
MOUNTS = (Path("/first"), Path("/second"))
PARTS = (checks_files, checks_names, checks_sharing, checks_programs, checks_mounts)


def main() -> None:
    """Everything; the host ends the machine afterwards."""
    words = dict(word.partition("=")[::2] for word in Path("/proc/cmdline").read_text().split())
    host = Host(int(words["runner"]))
    try:
        _run(host)
    except Exception:  # noqa: BLE001 - whatever it is, only the host can tell anybody
        host.ask("result", name="mount", message=traceback.format_exc() + _kernel_log(), seconds=0)
    host.ask("end")


def _run(host: Host) -> None:
    told = host.ask("told")
    assert isinstance(told, dict)
    begun = time.monotonic()
    for where in MOUNTS:
        where.mkdir()
        refusal = mount(where, told["port"], told["share"], told["options"])
        if refusal:
            raise Different(f"mount -o {told['options']}: {refusal}")
    host.ask("mounted", mounts=Path("/proc/mounts").read_text(), debug=Path("/proc/fs/cifs/DebugData").read_text())
    host.ask("result", name="mount", message="", seconds=time.monotonic() - begun)
    if told["measure"]:
        workloads.run(*MOUNTS, host)
    else:
        _check(host, told)
    for where in MOUNTS:
        done = subprocess.run(["umount", str(where)], capture_output=True, text=True, check=False)
        host.ask("result", name=f"umount{where}", message=done.stderr, seconds=0)


def _check(host: Host, told: dict[str, Any]) -> None:  # JSON: what the host's `told` has
    for part in PARTS:
        for name, check in vars(part).items():
            full = f"{part.__name__.rpartition('_')[2]}.{name.removeprefix('check_')}"
            if not name.startswith("check_") or (told["only"] and full not in told["only"]):
                continue
            begun, message = time.monotonic(), ""
            host.ask("begin", name=full)
            folder = name
            for base in (MOUNTS[0], MEMORY):
                (base / folder).mkdir(parents=True)
            place = Place(
                MOUNTS[0] / folder,
                MOUNTS[1] / folder,
                MEMORY / folder,
                folder,
                tuple(told["options"].split(",")),
                told["links_are_shown"],
                host,
                told["port"],
            )
            try:
                check(place)
            except Different as problem:
                message = f"{problem}\n{traceback.format_exc(limit=-2)}"
            except Exception:  # noqa: BLE001 - a check that fails in any other way must not end the others
                message = traceback.format_exc() + _kernel_log()
            host.ask("result", name=full, message=message, seconds=time.monotonic() - begun)
            shutil.rmtree(MEMORY / folder)


def _kernel_log() -> str:
    lines = subprocess.run(["dmesg"], capture_output=True, text=True, check=False).stdout.splitlines()
    return "\n".join(["the kernel's last lines:", *lines[-12:], ""])


if __name__ == "__main__":
    os.umask(0o022)
    main()
