"""The initial RAM disk of the emulated machine: a kernel of Debian's with its modules, busybox, Python, the checks."""

import lzma
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
# The newest first; each leads to the package of one kernel, in the small flavour for virtual machines.
KERNEL_PACKAGES: Final = ("linux-image-6.12-cloud-amd64", "linux-image-cloud-amd64")
PYTHON: Final = Path("/usr/bin/python3")
# What is not built in everywhere, and nothing works without.
MODULES: Final = ("virtio_pci", "virtio_net", "nls_utf8", "cifs")
# What the client asks for by name when a share is mounted; the newer the kernel, the more of it is built in.
ALGORITHMS: Final = ("ghash_generic", "cmac", "ccm", "gcm", "ctr", "hmac", "md5", "sha256_generic", "sha512_generic")
LEFT_OUT: Final = frozenset(
    {"test", "idlelib", "tkinter", "ensurepip", "lib2to3", "pydoc_data", "__pycache__", "unittest", "curses", "venv"}
)
INIT: Final = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
for module in $(cat /modules/order); do insmod /modules/$module; done
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
python3 -m conformance.linux_mount.guest.main
poweroff -f
"""


class ImageError(Exception):
    """What the image needs is not there; the text says what to do."""


def build(work: Path, packages: Path, kernel_packages: Sequence[str] = KERNEL_PACKAGES) -> tuple[Path, Path]:
    """Returns the kernel and the image, made in `work`; `packages` keeps what was downloaded. Raises ImageError."""
    kernel = _unpacked_kernel(packages, kernel_packages)
    root = work / "root"
    for name in ("bin", "proc", "sys", "dev", "tmp", "modules", "usr/bin", "conformance/linux_mount"):
        (root / name).mkdir(parents=True)
    busybox = shutil.which("busybox")
    if busybox is None:
        raise ImageError("there is no busybox")
    shutil.copy(busybox, root / "bin/busybox")
    _add_libraries(root, [Path(busybox)])
    _add_python(root)
    _add_modules(root, next((kernel / "lib/modules").iterdir()))
    for name in ("__init__.py", "linux_mount/__init__.py"):
        shutil.copy(REPOSITORY / "conformance" / name, root / "conformance" / name)
    shutil.copytree(Path(__file__).with_name("guest"), root / "conformance/linux_mount/guest")
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    image = work / "image.cpio"
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    with image.open("wb") as target:
        _run(["cpio", "--create", "--format=newc", "--quiet"], root, names.encode(), target.fileno())
    shutil.rmtree(root)
    return next((kernel / "boot").glob("vmlinuz-*")), image


def _unpacked_kernel(packages: Path, wanted: Sequence[str]) -> Path:
    """The kernel's package is unpacked and not installed: nothing of the machine changes."""
    shown = subprocess.run(["apt-cache", "depends", *wanted], capture_output=True, text=True, check=False).stdout
    found = re.search(r"Depends: (linux-image-\S+)", shown)
    if found is None:
        raise ImageError(f"none of {', '.join(wanted)} is known here: apt-get update, on Debian")
    name = found[1]
    target = packages / name
    if not target.is_dir():
        packages.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=packages) as part:  # whoever is interrupted leaves no half of a kernel
            _run(["apt-get", "download", "-q", name], Path(part))
            package = next(Path(part).glob(f"{name}_*.deb"))
            _run(["dpkg-deb", "-x", str(package), "kernel"], Path(part))
            (Path(part) / "kernel").rename(target)
    return target


def _add_python(root: Path) -> None:
    """The system's Python with its library and whatever these are linked with."""
    python = PYTHON.resolve()
    library = Path("/usr/lib") / python.name
    if not library.is_dir():
        raise ImageError(f"{library} is not there: this needs Debian's python3")
    shutil.copy(python, root / "usr/bin/python3")
    shutil.copytree(library, root / str(library)[1:], ignore=lambda _, names: LEFT_OUT & set(names))
    _add_libraries(root, [python, *library.rglob("*.so")])


def _add_libraries(root: Path, files: Sequence[Path]) -> None:
    for needed in {library for file in files for library in _linked_with(file)}:
        target = root / str(needed)[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(needed, target)


def _linked_with(file: Path) -> Iterator[Path]:
    shown = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=False).stdout
    for path in re.findall(r"(/\S+) \(0x", shown):
        yield Path(path)


def _add_modules(root: Path, modules: Path) -> None:
    """MODULES and what they need, in an order in which they can be loaded."""
    _run(["depmod", "-b", str(modules.parents[2]), modules.name], modules)
    needs = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
    by_name = {Path(path).name.partition(".")[0].replace("-", "_"): path for path in needs}
    order: dict[str, None] = {}

    def add(path: str) -> None:
        for needed in needs[path]:
            add(needed)
        order[path] = None

    built_in = {Path(path).stem.replace("-", "_") for path in (modules / "modules.builtin").read_text().split()}
    for name in (*ALGORITHMS, *MODULES):
        if name in by_name:
            add(by_name[name])
        elif name in MODULES and name not in built_in:
            raise ImageError(f"the kernel has no module {name}")
    for path in order:
        data = (modules / path).read_bytes()
        (root / "modules" / Path(path).name.removesuffix(".xz")).write_bytes(
            lzma.decompress(data) if path.endswith(".xz") else data
        )
    names = [Path(path).name.removesuffix(".xz") for path in order]
    (root / "modules/order").write_text("\n".join(names) + "\n")


def _run(command: list[str], directory: Path, given: bytes = b"", target: int = subprocess.DEVNULL) -> None:
    try:
        done = subprocess.run(command, cwd=directory, input=given, stdout=target, stderr=subprocess.PIPE, check=False)
    except FileNotFoundError:
        raise ImageError(f"there is no {command[0]}") from None
    if done.returncode:
        raise ImageError(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
