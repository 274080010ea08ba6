"""The libraries: where each comes from, which modes it speaks, what it cannot, and what it gets wrong by itself."""

import hashlib
import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from conformance.smbclient import modes

HERE: Final = Path(__file__).resolve().parent
REPOSITORY: Final = HERE.parents[1]
BUILD_SECONDS: Final = 900  # Rust's libraries from nothing, on two cores that do something else too
ANY: Final = "any"
DIALECTS: Final = tuple(modes.DIALECTS)


class BuildError(Exception):
    """A library could not be had; the text says what to do, or what its tools said."""


class Kit(ABC):
    """How the adaptors of one language come to run. Everything it makes is in a folder of its own below `packages`."""

    def __init__(self, name: str, programs: Mapping[str, str]) -> None:
        """`programs` it needs, with Debian's package for each."""
        self.name = name
        self.programs = programs

    def build(self, packages: Path) -> None:
        """Make it, unless it stands there for just these sources. Raises BuildError."""
        missing = sorted({package for program, package in self.programs.items() if shutil.which(program) is None})
        if missing:
            raise BuildError(f"needs Debian's {' '.join(missing)}")
        place = self.place(packages)
        stamp = self._stamp()
        if (place / "stamp").is_file() and (place / "stamp").read_text() == stamp:
            return
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        print(f"{self.name}: getting the libraries, into {place}", flush=True)
        self.make(place)
        (place / "stamp").write_text(stamp)

    def place(self, packages: Path) -> Path:
        """Its folder."""
        return packages / f"libraries-{self.name}"

    def sources(self) -> Path:
        """Where its adaptors are."""
        return HERE / self.name

    def _stamp(self) -> str:
        found = hashlib.sha256(sys.version.encode())
        for path in sorted(self.sources().rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(path.relative_to(HERE).as_posix().encode() + b"\0" + path.read_bytes())
        return found.hexdigest()

    @abstractmethod
    def make(self, place: Path) -> None:
        """Get the libraries and build what must be built. Raises BuildError."""

    @abstractmethod
    def command(self, packages: Path, library: "Library") -> list[str]:
        """What starts an adaptor, without its arguments."""

    def environment(self, packages: Path) -> dict[str, str]:
        """What it needs beside the present environment."""
        del packages
        return {}


# What is called otherwise in CodeLibs' line of jcifs than in AgNO3's; all else is the same, so its adaptor is made.
_CODELIBS: Final = (
    ("import jcifs.smb.", "import org.codelibs.jcifs.smb.impl."),
    ("import jcifs.", "import org.codelibs.jcifs.smb."),
    ("jcifs.smb.client", "jcifs.client"),
    ("JcifsNg", "Jcifs"),
    ("jcifs-ng cannot", "jcifs cannot"),
)


class JavaKit(Kit):
    """Maven gets the jars and compiles; both end up in the folder."""

    def make(self, place: Path) -> None:
        shutil.copytree(self.sources() / "src", place / "src")
        text = (place / "src" / "JcifsNg.java").read_text()
        for old, new in _CODELIBS:
            text = text.replace(old, new)
        (place / "src" / "Jcifs.java").write_text(text)
        run("mvn", "-q", "-B", "-f", str(self.sources() / "pom.xml"), f"-DbuildDirectory={place}", "compile")

    def command(self, packages: Path, library: "Library") -> list[str]:
        place = self.place(packages)
        # Programs of a few seconds: what the second compiler would gain is not earned back.
        quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
        return ["java", *quick, "-cp", f"{place / 'classes'}:{place / 'lib'}/*", library.program]


class JavaScriptKit(Kit):
    """npm installs by the lock file; the adaptors find it by NODE_PATH."""

    def make(self, place: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(self.sources() / name, place)
        run("npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", cwd=place)

    def command(self, packages: Path, library: "Library") -> list[str]:
        return ["node", str(self.sources() / library.program)]

    def environment(self, packages: Path) -> dict[str, str]:
        return {"NODE_PATH": str(self.place(packages) / "node_modules")}


class PythonKit(Kit):
    """An environment of its own: what these libraries need must not meet what the tests need."""

    def make(self, place: Path) -> None:
        run(sys.executable, "-m", "venv", str(place / "venv"))
        pip = (str(place / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        run(*pip, "-r", str(self.sources() / "requirements.txt"))

    def command(self, packages: Path, library: "Library") -> list[str]:
        return [str(self.place(packages) / "venv" / "bin" / "python"), "-m", library.program]

    def environment(self, packages: Path) -> dict[str, str]:
        return {"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}


class ProgramKit(Kit):
    """A program of Debian's; the adaptor, which calls it, needs nothing but Python."""

    def __init__(self, name: str, programs: Mapping[str, str], around: Sequence[str] = ()) -> None:
        """`around` is what the adaptor is started by."""
        super().__init__(name, programs)
        self._around = list(around)

    def sources(self) -> Path:
        return HERE / "python"

    def make(self, place: Path) -> None:
        pass

    def command(self, packages: Path, library: "Library") -> list[str]:
        return [*self._around, sys.executable, "-m", library.program]

    def environment(self, packages: Path) -> dict[str, str]:
        return {"PYTHONPATH": str(REPOSITORY)}


class RustKit(Kit):
    """cargo builds. A lock file would name where its packages come from, so the libraries alone have a version."""

    def make(self, place: Path) -> None:
        shutil.copytree(self.sources(), place / "sources")  # cargo writes its lock beside them
        manifest = str(place / "sources" / "Cargo.toml")
        run("cargo", "build", "--quiet", "--manifest-path", manifest, CARGO_TARGET_DIR=str(place))

    def command(self, packages: Path, library: "Library") -> list[str]:
        return [str(self.place(packages) / "debug" / library.program)]


class GoKit(Kit):
    """Go builds by its checksums."""

    def make(self, place: Path) -> None:
        run("go", "build", "-mod=readonly", "-o", str(place / "adaptor"), ".", cwd=self.sources())

    def command(self, packages: Path, library: "Library") -> list[str]:
        return [str(self.place(packages) / library.program)]


class CKit(Kit):
    """What is installed where pkg-config finds it; no registry has libsmb2."""

    def make(self, place: Path) -> None:
        found = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "libsmb2"], capture_output=True, text=True, check=False
        )
        if found.returncode != 0:
            raise BuildError("libsmb2 is not installed where pkg-config looks (PKG_CONFIG_PATH)")
        run(
            "cc", "-O1", "-Wall", "-o", str(place / "libsmb2"), str(self.sources() / "libsmb2.c"), *found.stdout.split()
        )

    def command(self, packages: Path, library: "Library") -> list[str]:
        return [str(self.place(packages) / library.program)]


def run(*command: str, cwd: Path | None = None, **environment: str) -> None:
    """One step of a build. Raises BuildError with the end of what it said."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{command[0]} took more than {BUILD_SECONDS} s") from error
    if done.returncode != 0:
        raise BuildError(f"{' '.join(command)}:\n{(done.stdout + done.stderr)[-2000:]}")


@dataclass(frozen=True, slots=True)
class Library:
    """One adaptor. `modes` are what the library speaks; `cannot` are commands that it has no call for.

    `known` tells of checks that fail by the library's own doing, at smbd too, and why. One that is not `told` takes
    what the server offers.
    """

    name: str
    kit: Kit
    program: str
    modes: tuple[str, ...]
    cannot: frozenset[str] = frozenset()
    known: Mapping[str, str] = field(default_factory=dict)
    told: bool = True
    quick: tuple[str, ...] = ()  # modes, where it is slow or has none of the usual
    ordinary: bool = True  # among those that are tried when none is named


def modes_of(dialects: Sequence[str], protections: Sequence[str]) -> tuple[str, ...]:
    """`any`, and each dialect in each protection; sealing begins with 3.0."""
    return (
        ANY,
        *(
            f"{dialect}-{protection}"
            for dialect in dialects
            for protection in protections
            if protection != "encrypted" or dialect.startswith("3")
        ),
    )


ALL: Final = ("plain", "signed", "encrypted")


def cannot(commands: str) -> frozenset[str]:
    """Commands, with spaces between."""
    return frozenset(commands.split())


_JAVA: Final = JavaKit("java", {"mvn": "maven", "javac": "default-jdk-headless"})
_JAVASCRIPT: Final = JavaScriptKit("javascript", {"node": "nodejs", "npm": "npm"})
_PYTHON: Final = PythonKit("python", {})
_RCLONE: Final = ProgramKit("rclone", {"rclone": "rclone"})
_GVFS: Final = ProgramKit(
    "gvfs",
    {"gio": "libglib2.0-bin", "dbus-run-session": "dbus", "/usr/libexec/gvfsd-smb": "gvfs-backends"},
    ("dbus-run-session", "--"),
)
_RUST: Final = RustKit("rust", {"cargo": "cargo"})
_GO: Final = GoKit("go", {"go": "golang-go"})
_C: Final = CKit("c", {"cc": "gcc", "pkg-config": "pkg-config"})

LIBRARIES: Final = {
    library.name: library
    for library in (
        # From 3.0 on smbj insists on signing.
        Library(
            "smbj",
            _JAVA,
            "Smbj",
            (*modes_of(DIALECTS, ("signed", "encrypted")), "2.0.2-plain", "2.1-plain"),
            quick=(ANY, "3.1.1-encrypted", "2.0.2-signed"),
        ),
        Library("jcifs-ng", _JAVA, "JcifsNg", modes_of(DIALECTS, ("signed",)), quick=(ANY, "3.1.1-signed")),
        Library("jcifs", _JAVA, "Jcifs", modes_of(DIALECTS, ("signed",)), quick=(ANY, "2.0.2-signed")),
        Library(
            "rclone",
            _RCLONE,
            "conformance.libraries.python.rclone_adaptor",
            modes_of(DIALECTS, ALL),
            cannot("space write truncate open close watch"),
            {"rename_over": "it removes what has the name before", "missing": "it makes the folders that are missing"},
            quick=(ANY, "3.1.1-encrypted"),
        ),
        Library(
            "pysmb",
            _PYTHON,
            "conformance.libraries.python.pysmb_adaptor",
            modes_of(("2.0.2",), ("plain", "signed")),
            cannot("truncate space open close watch"),
            {"missing": "it deletes by a pattern, and that nothing matches is no error to it"},
        ),
        Library(
            "impacket",
            _PYTHON,
            "conformance.libraries.python.impacket_adaptor",
            modes_of(DIALECTS, ALL),
            cannot("watch"),
            {"rename_over": "it always asks to replace"},
            quick=("2.0.2-signed", "3.1.1-signed"),  # its ciphers are Python
        ),
        Library(
            "aiosmb",
            _PYTHON,
            "conformance.libraries.python.aiosmb_adaptor",
            (
                # 2.x is not encrypted; 3.x is, or nothing: what it signs it does not say that it has signed. In 2.0.2
                # smbd too ends the connection: it asks twice for the dialect.
                *modes_of(("2.1",), ("plain", "signed")),
                *(f"{dialect}-encrypted" for dialect in DIALECTS[2:]),
            ),
            cannot("rename truncate touch space watch"),
            {
                "folders": "it takes a folder that is not empty for removed",
                "parts": "it does not write behind the end",
            },
            quick=("2.1-signed",),  # as impacket
        ),
        Library(
            "v9u-smb2",
            _JAVASCRIPT,
            "v9u_smb2.js",
            ("2.0.2-plain", "2.1-plain"),  # it never signs
            cannot("touch space shares open close watch"),
            {
                "missing": "to remove a file it makes it, when there is none",
                "folders": "it never closes a folder that it has listed",
            },
            quick=("2.0.2-plain", "2.1-plain"),
        ),
        Library(
            "libsmb2",
            _C,
            "libsmb2",
            modes_of(DIALECTS, ALL),
            known={"folders": "it takes a folder that is not empty for removed"},
            ordinary=False,
        ),
        Library(
            "gvfs",
            _GVFS,
            "conformance.libraries.python.gvfs_adaptor",
            modes_of(DIALECTS[1:], ALL),  # in 2.0.2 it gives up on files of more than one read, at smbd too
            cannot("read write truncate shares open close watch"),
            {"rename_case": "it looks for the new name first, and finds the old one"},
            ordinary=False,
        ),
        Library(
            "go-smb2",
            _GO,
            "adaptor",
            modes_of(DIALECTS, ALL),
            cannot("open close watch"),
            {"rename_over": "it asks to replace, as Go's os.Rename does"},
            ordinary=False,
        ),
        Library(
            "smb-rs",
            _RUST,
            "adaptor-smb",
            modes_of(DIALECTS[1:], ("signed", "encrypted")),
            cannot("open close"),
            {"shares": "it asks in NDR64 and nothing else"},
            ordinary=False,
        ),
        Library(
            "smb2-rs",
            _RUST,
            "adaptor-smb2",
            (*modes_of(DIALECTS, ("signed",)), "3.1.1-encrypted"),  # before 3.1.1 it does not say that it could
            cannot("truncate"),
            told=False,
            ordinary=False,
        ),
    )
}
