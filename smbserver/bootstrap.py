"""Lets `python3 -m smbserver` of a fresh clone set up its own private Python environment before it starts.

Theory of operation. Only the standard library is needed here, and what is imported parses on Python 3.8, so that an old
Python gets a sentence instead of a SyntaxError. `ensure` costs three module look-ups when everything is in place.
Otherwise, in a source checkout, `.venv` beside pyproject.toml is filled with the declared dependencies and this
process becomes that environment's Python. The same for a Python that nobody has made an environment of and that has
what is required by chance, but not what adds speed; where that fails it serves as it is (transcript 0051).

Files in `.venv` make an interruption harmless:

- `smbserver-setup` is written first. It says that the folder is ours to rebuild, and it is the lock: the installing
  programs inherit its descriptor, so a second start waits even for the orphans of a killed one.
- `smbserver-ready` and `smbserver-ready-EXTRA` are removed before anything changes and written last. They hold a
  digest of what was asked for. Without a current one the environment is not trusted; without any it is built again.
- `smbserver-failed` is left when a server that can do without could not have it made, and keeps the next start from
  trying the same again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from smbserver.base_python import faster_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MINIMUM_PYTHON = (3, 11)  # asyncio.timeout, tomllib; also `requires-python` in pyproject.toml
REQUIRED_MODULES = ("cryptography", "pyasn1")  # no session without them
SPEED_MODULES = ("uvloop",)  # the other dependencies
GUARD_VARIABLE = "SMBSERVER_BOOTSTRAP"  # set for the process we turn into, so that it cannot do the same again
OWNER_FILE = "smbserver-setup"
READY_FILE = "smbserver-ready"
FAILED_FILE = "smbserver-failed"
IMPATIENT = ("--retries", "1", "--timeout", "5")  # of pip, for who can do without; else five, of 15 seconds each
# pip settings of the user that would send the packages somewhere else than into .venv
REDIRECTING_VARIABLES = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PYTHONHOME")


class SetupError(Exception):
    """The environment cannot be made; the text says what the user should do."""


def ensure(argv: Sequence[str]) -> None:
    """Return when the required third-party modules can be imported, otherwise provide them or end the process.

    `argv` holds the arguments after the program's name. In a source checkout the environment is created when needed
    and this process is replaced by `.venv/bin/python -m smbserver argv...`, with the same working directory. What
    cannot be put right here ends in SystemExit with one plain message: Python too old, packages missing from an
    installation, no network. When only speed is missing it ends in a line on stderr.
    """
    if sys.version_info < MINIMUM_PYTHON:
        _leave(_too_old())
    missing = [name for name in REQUIRED_MODULES if not _is_installed(name)]
    guarded = os.environ.pop(GUARD_VARIABLE, None)
    root = _checkout()
    can_serve = not missing
    if can_serve:
        missing = [name for name in SPEED_MODULES if not _is_installed(name)]
        if not missing or guarded is not None or root is None or os.name != "posix" or _is_chosen():
            return
    if root is None:
        pip = f"{sys.executable} -m pip install {' '.join(missing)}"
        _leave(f"the Python packages {' and '.join(missing)} are missing. Install them with:\n    {pip}")
    if guarded is not None:
        _leave(
            f"{guarded} was set up, but {' and '.join(missing)} cannot be imported with {sys.executable}.\n"
            f"Delete it and start again:\n    rm -r {guarded}"
        )
    try:
        python = _prepare_once(root) if can_serve else _prepare(root, None)
    except SetupError as error:
        if not can_serve:
            _leave(str(error))
        _say(f"goes on without {' and '.join(missing)}, slower: {error}")
        return
    except KeyboardInterrupt:
        _leave("set-up interrupted; the next start repairs it.")
    sys.stdout.flush()
    sys.stderr.flush()
    # The arguments may hold a password: they are handed on, never printed.
    os.execve(str(python), [str(python), "-m", "smbserver", *argv], {**os.environ, GUARD_VARIABLE: str(root / ".venv")})


def environment(extra: str | None) -> Path:
    """Create or repair the checkout's `.venv`, with an optional extra of pyproject.toml; return its Python.

    Raises SetupError, whose text is for the user, when that is impossible or when this is no source checkout.
    """
    if sys.version_info < MINIMUM_PYTHON:
        raise SetupError(_too_old())
    root = _checkout()
    if root is None:
        raise SetupError("smbserver is installed here, not a source checkout: there is no environment to create")
    return _prepare(root, extra)


def _prepare_once(root: Path) -> Path:
    """As `_prepare`, unless it has failed before: SetupError then, too. Installs nothing outside of `.venv`."""
    venv = root / ".venv"
    failed = venv / FAILED_FILE
    base, _ = read_dependencies(root / "pyproject.toml", None)
    attempt = {"dependencies": _digest(base), "with": os.path.realpath(sys.executable)}
    if not _is_ready(venv, None, root, base):
        if _read_ready(failed) == attempt:
            raise SetupError(f"{venv} could not be made before. To try again:\n    rm -r {venv}")
        if not _is_installed("ensurepip"):
            raise SetupError(f"{sys.executable} has no ensurepip module, which is needed to create an environment.")
    try:
        return _prepare(root, None, IMPATIENT)
    except SetupError:
        if (venv / OWNER_FILE).exists():
            with suppress(OSError):  # then it will be tried again
                failed.write_text(json.dumps(attempt), encoding="utf-8")
        raise


def _prepare(root: Path, extra: str | None, patience: Sequence[str] = ()) -> Path:
    if os.name != "posix":
        raise SetupError(f"install the dependencies first:\n    {sys.executable} -m pip install -e {root}")
    venv = root / ".venv"
    python = venv / "bin" / "python"
    base, added = read_dependencies(root / "pyproject.toml", extra)
    wanted = {None: base, extra: base + added}
    if _is_ready(venv, extra, root, wanted[extra]):
        return python
    try:
        with _owned(venv) as lock:
            if _is_ready(venv, extra, root, wanted[extra]):  # another start finished it while this one waited
                return python
            finished = list(venv.glob(f"{READY_FILE}*"))
            reusable = any(_is_intact(venv, each, root) for each in finished)
            for each in finished:
                each.unlink()
            if not reusable:
                _create(root, venv, lock)
            _install(python, wanted[extra], patience, lock)
            (venv / FAILED_FILE).unlink(missing_ok=True)
            for name, dependencies in wanted.items():
                _write_ready(venv, _ready_file(venv, name), root, dependencies)
    except OSError as error:
        raise SetupError(f"cannot set up {venv}: {error.strerror}: {error.filename or ''}") from error
    _say(f"{venv} is ready.")
    return python


def read_dependencies(pyproject: Path, extra: str | None) -> tuple[list[str], list[str]]:
    """Return the dependencies of `pyproject` and those that `extra` adds; SetupError when they cannot be read."""
    import tomllib  # not at the top: Python 3.8 must get as far as the message about its version

    try:
        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
        added = project["optional-dependencies"][extra] if extra is not None else []
        return list(project["dependencies"]), list(added)
    except KeyError as error:
        raise SetupError(f"{pyproject} has no entry {error}") from error
    except (OSError, ValueError) as error:
        raise SetupError(f"{pyproject} cannot be read: {error}") from error


# --- what is there already ---


def _is_installed(module: str) -> bool:
    found = importlib.util.find_spec(module)
    return found is not None and found.origin is not None  # without an origin: a folder that a removed package left


def _is_chosen() -> bool:
    """Whether somebody made this Python's environment: what is in it is what he wanted."""
    return sys.prefix != sys.base_prefix or (Path(sys.prefix) / "conda-meta").is_dir()


def is_checkout() -> bool:
    """Whether this is a source checkout, whose `.venv` is ours to fill, and not an installed package."""
    return _checkout() is not None


def _checkout() -> Path | None:
    root = Path(__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").is_file() else None


def _ready_file(venv: Path, extra: str | None) -> Path:
    return venv / (READY_FILE if extra is None else f"{READY_FILE}-{extra}")


def _digest(dependencies: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(dependencies).encode()).hexdigest()


def _place(venv: Path, root: Path) -> dict[str, str]:
    # Scripts and the .pth file hold absolute paths; a system upgrade can put another Python behind the link in bin/.
    return {"root": str(root), "python": os.path.realpath(venv / "bin" / "python")}


def _read_ready(ready: Path) -> Mapping[str, object]:
    try:
        found = json.loads(ready.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_intact(venv: Path, ready: Path, root: Path) -> bool:
    """Whether an installation was once finished in this very place with a Python that still exists."""
    found = _read_ready(ready)
    place = _place(venv, root)
    return (
        all(found.get(name) == value for name, value in place.items())
        and os.access(venv / "bin" / "python", os.X_OK)
        and all(any(_site_packages(venv).glob(f"{name}/__init__.py")) for name in REQUIRED_MODULES)
    )


def _is_ready(venv: Path, extra: str | None, root: Path, dependencies: Sequence[str]) -> bool:
    ready = _ready_file(venv, extra)
    return _read_ready(ready).get("dependencies") == _digest(dependencies) and _is_intact(venv, ready, root)


def _write_ready(venv: Path, ready: Path, root: Path, dependencies: Sequence[str]) -> None:
    text = json.dumps({"dependencies": _digest(dependencies), **_place(venv, root)})
    draft = ready.with_name(f"unfinished-{ready.name}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(ready)


def _site_packages(venv: Path) -> Path:
    found = sorted((venv / "lib").glob("python3.*/site-packages"))
    return found[-1] if found else venv / "lib" / "site-packages"


# --- making it ---


@contextmanager
def _owned(venv: Path) -> Iterator[IO[str]]:
    """Hold the lock on `venv`, creating the folder; SetupError when somebody else made it."""
    import fcntl  # POSIX only, like everything below `_prepare`

    owner = venv / OWNER_FILE
    venv.mkdir(exist_ok=True)
    if not owner.exists() and any(entry.name != OWNER_FILE for entry in venv.iterdir()):
        python = venv / "bin" / "python"
        raise SetupError(
            f"{venv} was not made by smbserver, so it is left alone. Either move it away, or install into it:\n"
            f"    {python} -m pip install -e {venv.parent}\n    {python} -m smbserver ..."
        )
    with owner.open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"another start is setting up {venv}; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def _create(root: Path, venv: Path, lock: IO[str]) -> None:
    if not _is_installed("ensurepip"):
        _install_ensurepip()
    _say(f"creating a private Python environment in {venv}. It can be deleted at any time.")
    base = os.path.realpath(sys.executable)  # the interpreter running this may be the damaged environment's own
    faster = faster_python(base)
    if faster is not None:
        _say(f"it is made of {faster}, a faster build of this Python than {base}.")
        base = faster
    for entry in venv.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != OWNER_FILE:
            entry.unlink()
    _run([base, "-m", "venv", str(venv)], lock, "the Python environment could not be created")
    # Makes the package importable from any working directory, as `PYTHONPATH` would.
    (_site_packages(venv) / "smbserver-checkout.pth").write_text(f"{root}\n", encoding="utf-8")


def _install(python: Path, dependencies: Sequence[str], patience: Sequence[str], lock: IO[str]) -> None:
    _say(f"installing {', '.join(dependencies)}")
    # -I: a PYTHONPATH or a package in the user's home must not look like an installed dependency.
    pip = [str(python), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    _run(
        [*pip, *patience, *dependencies],
        lock,
        "pip could not install the dependencies; is this machine connected to a package index?",
    )


def _install_ensurepip() -> None:
    """Install Debian's package that holds ensurepip, when that is possible and allowed."""
    base = os.path.realpath(sys.executable)
    if shutil.which("apt-get") is None or not base.startswith("/usr/bin/"):
        raise SetupError(f"{sys.executable} has no ensurepip module, which is needed to create an environment.")
    # Debian's unversioned package belongs to the unversioned interpreter; another one beside it has its own.
    package = "python3-venv" if base == os.path.realpath("/usr/bin/python3") else f"{Path(base).name}-venv"
    if os.geteuid() != 0:
        raise SetupError(
            f"Debian's package {package} is needed to create the environment. Install it, then start again:\n"
            f"    sudo apt-get install -y {package}"
        )
    _say(f"one system package is missing, installing it: apt-get install -y {package}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "-q"], None, "apt-get update failed", quiet)
    _run(["apt-get", "install", "-y", "-q", package], None, f"{package} could not be installed", quiet)
    importlib.invalidate_caches()


def _run(command: Sequence[str], lock: IO[str] | None, failure: str, added: Mapping[str, str] | None = None) -> None:
    """Run `command` with its output on stderr, no input, and the lock inherited; SetupError(failure) when it fails."""
    inherited = {name: value for name, value in os.environ.items() if name not in REDIRECTING_VARIABLES}
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),  # stdout belongs to the server
        env={**inherited, "PIP_USER": "0", **(added or {})},
        pass_fds=() if lock is None else (lock.fileno(),),
        check=False,
    )
    if done.returncode != 0:
        raise SetupError(f"{failure} (exit code {done.returncode}).\nThe command was: {' '.join(command)}")


def _too_old() -> str:
    wanted, found = (".".join(map(str, version)) for version in (MINIMUM_PYTHON, sys.version_info[:3]))
    return f"Python {wanted} or newer is needed; this is {found} ({sys.executable})."


def _say(text: str) -> None:
    print(f"smbserver: {text}", file=sys.stderr, flush=True)


def _leave(text: str) -> NoReturn:
    sys.exit(f"smbserver: {text}")
