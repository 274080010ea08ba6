"""Compares every import of the package with the table of allowed edges: which layer may know which.

A name in the table is a module without `smbserver.`, and stands for everything below it: `backend` covers
`backend.posix.files`, `backend.base` only that module. The package's own `__init__` is called `smbserver`. Imports
inside a package are free, except in INDEPENDENT. A new edge is a design decision: its row says why when that is not
plain from the layering, and a row that nothing uses any more fails as well.
"""

from __future__ import annotations

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PACKAGE = Path(__file__).resolve().parent.parent / "smbserver"


class Row(NamedTuple):
    """One allowed edge; `reason` is empty for the plain downward edges of the layering."""

    importer: str
    imported: str
    reason: str = ""


EDGES = (
    Row("bootstrap", "base_python", "of which Python the environment is made"),
    Row("__main__", "bootstrap", "sets the environment up before anything else is imported"),
    Row("__main__", "cli", "the command line starts here"),
    Row("__main__", "compile.current", "the compiled build goes in front of the sources before they are imported"),
    Row("compile", "bootstrap", "the build needs packages of its own"),
    Row("compile.current", "smbserver", "the package whose path is changed"),
    Row("cli", "compile.current", "the banner says what runs"),
    Row("cli", "compile.needs", "and what could run"),
    Row("nt", "errors"),
    Row("wire", "nt"),
    Row("wire", "errors"),
    Row("crypto", "errors"),
    Row("sharing", "nt"),
    Row("sharing", "errors"),
    Row("sharing", "waiter"),
    Row("backend", "nt"),
    Row("backend", "errors"),
    Row("auth", "nt"),
    Row("auth", "crypto"),
    Row("auth", "errors"),
    Row("rpc", "errors"),
    Row("rpc", "nt"),
    Row("rpc", "waiter", "a password change ends on a disk"),
    Row("objects", "nt"),
    Row("objects", "sharing"),
    Row("objects", "backend.base", "an open holds a handle; which storage made it is not its business"),
    Row("objects", "backend.acting", "a tree acts as a local user"),
    Row("objects", "waiter"),
    Row("objects", "auth.identity", "a session holds who it belongs to"),
    Row("objects", "auth.login", "a session holds its unfinished login between two legs"),
    Row("objects", "auth.accounts", "the accounts are part of what all connections share"),
    Row("objects", "auth.ntlm", "and so are the names that a challenge gives"),
    Row("objects", "auth.sids", "and the SIDs of the accounts"),
    Row("objects", "auth.ntlm_security", "a pipe's login signs and seals"),
    Row("objects", "auth.password_change", "a password is changed in memory when it is on the disk"),
    Row("objects", "auth.failed_logins", "failed logins count for all connections together"),
    Row("objects", "crypto"),
    Row("objects", "errors", "a pipe's refusals are statuses"),
    Row("objects", "rpc", "an open of IPC$ holds an RPC pipe, and the state answers the services' questions"),
    Row("connection", "wire"),
    Row("connection", "errors"),
    Row("connection", "waiter"),
    Row("connection", "nt"),
    Row("connection", "crypto"),
    Row("connection", "objects"),
    Row("connection", "auth.token", "a request knows who asks, as access checks know him"),
    Row("connection", "sharing.caching", "a break notice becomes bytes here"),
    Row("commands", "errors"),
    Row("commands", "waiter", "an answer may be withheld, a break waited for"),
    Row("commands", "nt"),
    Row("commands", "wire"),
    Row("commands", "crypto"),
    Row("commands", "sharing"),
    Row("commands", "backend.acting", "a watcher of a tree is asked what he may list"),
    Row("commands", "backend.base", "commands speak to the contract, never to one storage"),
    Row("commands", "auth"),
    Row("commands", "objects"),
    Row("commands", "connection"),
    Row("dispatch", "errors"),
    Row("dispatch", "nt"),
    Row("dispatch", "wire"),
    Row("dispatch", "objects"),
    Row("dispatch", "connection"),
    Row("dispatch", "commands"),
    Row("driver", "errors"),
    Row("driver", "transport"),
    Row("driver", "connection"),
    Row("driver", "dispatch"),
    Row("driver", "wire.header", "tells an SMB1 frame by its first bytes"),
    Row("driver", "nt", "notes the status that the rest of a compound inherits"),
    Row("config", "errors"),
    Row("config", "nt", "what a pattern of names may hold"),
    Row("config", "auth.accounts", "a user name is refused where its line is known"),
    Row("config", "objects.server_state", "the words of the policy"),
    Row("config", "backend.base", "the words for symbolic links"),
    Row("config", "objects.password_changes", "what a password file says when an account is not in it"),
    Row("server", "errors"),
    Row("server", "host_users"),
    Row("host_users", "auth.accounts", "an account is found as clients write its name"),
    Row("host_users", "backend.acting"),
    Row("host_users", "config"),
    Row("host_users", "errors"),
    Row("server", "nt.filetime", "the clock speaks FILETIME"),
    Row("server", "nt.hidden_names", "the patterns of a share"),
    Row("server", "nt.access", "the end flushes what is open for writing"),
    Row("server", "listening"),
    Row("server", "interfaces"),
    Row("server", "machine_id"),
    Row("server", "io_threads"),
    Row("io_threads", "waiter", "threads resolve waiters"),
    Row("server", "host_names"),
    Row("host_names", "rpc.host_names", "the question and the answer"),
    Row("interfaces", "objects.interface"),
    Row("listening", "config", "the two port numbers"),
    Row("listening", "errors"),
    Row("server", "waiter", "threads resolve waiters"),
    Row("server", "config"),
    Row("server", "transport"),
    Row("server", "backend"),
    Row("server", "auth"),
    Row("server", "objects"),
    Row("server", "connection"),
    Row("server", "driver"),
    Row("cli", "errors"),
    Row("cli", "config"),
    Row("cli", "server"),
    Row("cli", "smbserver", "the version"),
)

# Edges that exist for the type checker only. They may point upwards, and each one says why it has to.
TYPE_ONLY_EDGES: tuple[Row, ...] = ()

# Packages whose modules do not know each other; `__init__` may import them all. SHARED_INSIDE has the exceptions.
INDEPENDENT = ("commands",)
SHARED_INSIDE = (
    Row("commands.create", "commands.create_access", "the part of CREATE that is about rights"),
    Row("commands.create", "commands.apple_double", "what is done before a stream is opened"),
    Row("commands.query_directory", "commands.apple_double", "and before a listing"),
    Row("commands.query_directory", "commands.apple_entries", "what Apple's client finds in a listing"),
    Row("commands.create", "commands.create_apple", "the part of CREATE that is about Apple's extensions"),
    Row("commands.create", "commands.create_posix", "the part of CREATE that is about POSIX extensions"),
    Row("commands.query_info", "commands.posix_info", "the classes of an open of POSIX"),
    Row("commands.query_directory", "commands.posix_info", "likewise, and names as POSIX has them"),
    Row("commands.create", "commands.create_arguments", "what is wrong with a CREATE whatever its name means"),
    Row("commands.create", "commands.create_names", "what the name in a CREATE means"),
    Row("commands.create", "commands.create_ea", "the part of CREATE that is about EAs"),
    Row("commands.create", "commands.create_response", "the reply to a CREATE"),
    Row("commands.create", "commands.create_size", "the part of CREATE that sets a file's size"),
    Row("commands.create", "commands.slow_looks", "a name on a slow disk"),
    Row("commands.query_directory", "commands.slow_looks", "many of them"),
    Row("commands.create_size", "commands.create_arguments", "the attributes of an overwritten file"),
    Row("commands.create_size", "commands.create_stream", "the streams of an overwritten file"),
    Row("commands.create_size", "commands.resize", "what a thread empties"),
    Row("commands.create", "commands.resize", "whether a thread must empty it"),
    Row("commands.set_info", "commands.resize", "the sizes that a thread sets"),
    Row("commands.ioctl_copy_file", "commands.resize", "a long cut, for a copy onto a longer file"),
    Row("commands.create", "commands.create_caching", "the part of CREATE that is about caching"),
    Row("commands.create", "commands.create_stream", "the part of CREATE that is about named streams"),
    Row("commands.create_stream", "commands.create_access", "a stream is opened with the file's rights"),
    Row("commands.create_stream", "commands.create_arguments", "what a disposition does"),
    Row("commands.create_stream", "commands.create_caching", "a stream has caches of its own"),
    Row("commands.set_rename", "commands.stream_rename", "the part of SET_INFO that gives a stream another name"),
    Row("commands.create", "commands.create_durable", "the part of CREATE that is about durable opens"),
    Row("commands.set_info", "commands.set_basic", "a file's times and attributes"),
    Row("commands", "commands.ioctl_reply", "how every control code is answered"),
    Row("commands.ioctl", "commands.ioctl_compression", "the control codes of compression"),
    Row("commands.ioctl", "commands.ioctl_copy", "the control codes of copies"),
    Row("commands.ioctl_copy", "commands.ioctl_copy_file", "a copy without chunks is one of the whole file"),
    Row("commands.ioctl", "commands.ioctl_duplicate", "the control codes of shared blocks"),
    Row("commands.ioctl", "commands.ioctl_sparse", "the control codes of holes"),
    Row("commands.create", "commands.create_links", "the part of CREATE that is about symbolic links"),
    Row("commands.create_links", "commands.create_arguments", "which dispositions overwrite"),
    Row("commands.create", "commands.previous_version", "which version of the share is meant"),
    Row("commands.set_info", "commands.previous_version", "and that it cannot be changed"),
    Row("commands.set_rename", "commands.previous_version", "nor be moved into"),
    Row("commands.ioctl", "commands.ioctl_reply", "the reply of every control code"),
    Row("commands.ioctl_reparse", "commands.ioctl_reply", "likewise"),
    Row("commands.ioctl_snapshots", "commands.ioctl_reply", "likewise"),
    Row("commands.ioctl", "commands.ioctl_reparse", "the control codes of reparse points"),
    Row("commands.ioctl", "commands.ioctl_snapshots", "the list of previous versions"),
    Row("commands.ioctl", "commands.ioctl_torture", "the control codes of the test hook"),
    Row("commands.query_info", "commands.query_ea", "the class that lists EAs"),
    Row("commands.query_info", "commands.query_file", "the classes of a file"),
    Row("commands.query_info", "commands.query_security", "a file's security descriptor"),
    Row("commands.query_info", "commands.query_volume", "the classes of a volume"),
    Row("commands.query_directory", "commands.visible_entries", "access-based enumeration"),
    Row("commands.set_info", "commands.set_disposition", "the classes that delete"),
    Row("commands.set_info", "commands.set_ea", "the class that sets EAs"),
    Row("commands.set_info", "commands.set_rename", "the classes that name"),
    Row("commands.set_info", "commands.set_security", "a file's security descriptor"),
    Row("commands.session_setup", "commands.session_binding", "the checks of SESSION_SETUP that are about binding"),
)

THIRD_PARTY = (
    Row("crypto", "cryptography"),
    Row("auth", "pyasn1"),
    Row("cli", "uvloop", "chooses the loop before anything runs on it"),
    Row("compile.translate", "mypyc", "only where somebody asks for a build"),
    Row("compile.translate", "setuptools", "starts the C compiler"),
)

# Modules of the standard library (and `open()`, the builtin) that only the importers in RESTRICTED may use.
SCHEDULING = ("asyncio", "select", "selectors", "threading", "concurrent", "multiprocessing", "subprocess", "signal")
OUTSIDE = ("socket", "ssl", "ctypes", "pickle", "importlib")
FILES = ("os", "shutil", "tempfile", "pathlib", "glob", "fcntl", "mmap", "io", "open()")
CHANCE = ("time", "random", "secrets")  # clock and randomness are arguments, so that a test decides them
RESTRICTED_MODULES = frozenset((*SCHEDULING, *OUTSIDE, *FILES, *CHANCE))
RESTRICTED = (
    Row("compile", "os"),
    Row("compile", "pathlib"),
    Row("compile", "shutil", "copies the sources"),
    Row("compile", "tempfile", "a build that is not whole"),
    Row("compile", "subprocess", "the translator's own process"),
    Row("compile", "importlib", "how this Python calls its extension modules"),
    Row("compile.__main__", "time", "says how long it took"),
    Row("transport", "asyncio"),
    Row("transport", "socket"),
    Row("transport.tcp", "select", "whether something came, without an exception when not"),
    Row("transport", "fcntl", "how much of what was sent has not arrived"),
    Row("server", "asyncio"),
    Row("server", "socket"),
    Row("server", "time", "the clock that is passed down"),
    Row("server", "secrets", "the randomness that is passed down"),
    Row("server", "os", "tells the user's id in an error"),
    Row("host_users", "os", "the groups of a user"),
    Row("io_threads", "threading", "the threads for blocking calls"),
    Row("backend", "os"),
    Row("io_threads", "asyncio", "threads resolve on the loop"),
    Row("backend.posix.late_close", "concurrent", "a thread frees the blocks of deleted files"),
    Row("backend.posix.page_cache", "mmap", "the size of a page"),
    Row("transport.tcp", "os", "sendfile"),
    Row("backend.posix.handle", "fcntl", "O_NOATIME for who does not want the access time moved"),
    Row("backend.memory_volume", "threading", "its data and its accounts are changed by threads too"),
    Row("backend.limited_handle", "threading", "one file is written and copied into by several"),
    Row("backend.usage", "threading", "copies take from the account in threads, and a count has one of its own"),
    Row("backend.posix.file_ioctls", "fcntl", "shared blocks, and the flag of compression"),
    Row("backend.posix.stream_store", "threading", "threads copy what the loop changes"),
    Row("backend.posix.lock_mirror", "fcntl", "the locks that local programs see"),
    Row("backend.posix.fs_user", "threading", "who a thread is belongs to the thread"),
    Row("backend.posix", "ctypes", "openat2, renameat2, statx and fallocate are not in the os module"),
    Row("config", "os", "makes a share's path absolute, tells who may read a file with passwords"),
    Row("config", "open()", "reads the configuration and the passwords"),
    Row("listening", "socket"),
    Row("interfaces", "socket"),
    Row("interfaces", "fcntl", "the interfaces' IPv4"),
    Row("machine_id", "open()", "reads /etc/machine-id"),
    Row("interfaces", "open()", "the speed of a link, the interfaces' IPv6"),
    Row("cli", "open()", "writes the ready file"),
    Row("cli.allocator", "ctypes", "mallopt"),
    Row("cli", "secrets", "makes the password of a run"),
    Row("cli", "socket", "the addresses of the banner"),
    Row("cli", "fcntl", "likewise: the interfaces' IPv4"),
    Row("cli", "os", "writes the ready file atomically"),
    Row("cli", "asyncio", "runs the loop of the foreground server"),
    Row("cli", "signal", "SIGTERM drains the server"),
    Row("base_python", "os", "whether a path is another one's"),
    Row("base_python", "subprocess", "asks both"),
    Row("bootstrap", "importlib", "asks whether a dependency is there without importing it"),
    Row("bootstrap", "os", "turns into the environment's Python"),
    Row("bootstrap", "pathlib", "finds the checkout"),
    Row("bootstrap", "shutil", "removes a half-made environment"),
    Row("bootstrap", "subprocess", "runs venv and pip"),
    Row("bootstrap", "fcntl", "two starts must not fill one environment"),
)


class Import(NamedTuple):
    """One import statement's target, seen from module `importer` at `line`."""

    importer: str
    imported: str
    line: int
    type_only: bool = False

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}{' (types only)' if self.type_only else ''}"


class Imports(NamedTuple):
    """All imports of a package: of its own modules, of third parties, and of restricted modules."""

    own: list[Import]
    third_party: list[Import]
    restricted: list[Import]


def module_names(package: Path) -> dict[str, Path]:
    """Map the name of each module below `package`, as the table spells it, to its file."""
    names = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1] or (package.name,)
        names[".".join(parts)] = path
    return names


def _type_checking_only(tree: ast.AST) -> set[ast.AST]:
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for statement in node.body:
                found.update(ast.walk(statement))
    return found


def _targets(node: ast.AST, module: str, is_package: bool, root: str) -> Iterator[str]:
    """Absolute dotted names that `node`, in module `root`.`module`, imports; for `from a import b` both `a.b` forms."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            here = [root] if module == root else [root, *module.split(".")]
            parents = here[: len(here) - node.level + (1 if is_package else 0)]
            base = ".".join([*parents, *([node.module] if node.module else [])])
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "__import__"):
        yield "open()" if node.func.id == "open" else "importlib"


def read_imports(package: Path) -> Imports:
    """Parse every module below `package` and sort its imports."""
    modules = module_names(package)
    root = package.name
    found = Imports([], [], [])
    for module, path in modules.items():
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        type_only = _type_checking_only(tree)
        for node in ast.walk(tree):
            for target in _targets(node, module, path.name == "__init__.py", root):
                top, _, below = target.partition(".")
                seen = Import(module, target, getattr(node, "lineno", 0), node in type_only)
                if top == root:
                    # The last part may be a module (`nt.status`) or a name in one (`nt.status.SUCCESS`).
                    while below and below not in modules:
                        below = below.rpartition(".")[0]
                    found.own.append(seen._replace(imported=below or root))
                elif top in RESTRICTED_MODULES:
                    found.restricted.append(seen._replace(imported=top))
                elif top not in sys.stdlib_module_names:
                    found.third_party.append(seen._replace(imported=top))
    return found


def _covers(pattern: str, name: str) -> bool:
    return name == pattern or name.startswith(f"{pattern}.")


def _matches(row: Row, seen: Import) -> bool:
    return _covers(row.importer, seen.importer) and _covers(row.imported, seen.imported)


def _crosses(seen: Import) -> bool:
    return seen.importer.partition(".")[0] != seen.imported.partition(".")[0]


def _between_independent(seen: Import) -> bool:
    package = seen.importer.partition(".")[0]
    inside = not _crosses(seen) and package in INDEPENDENT
    return inside and package not in (seen.importer, seen.imported) and seen.importer != seen.imported


def not_allowed(seen: Iterable[Import], rows: Iterable[Row], type_only: Iterable[Row] = ()) -> list[str]:
    """Return, as text, the imports that no row covers; rows of `type_only` cover only imports for the type checker."""
    rows, type_only = tuple(rows), tuple(type_only)
    return [
        str(each)
        for each in seen
        if not any(_matches(row, each) for row in rows + (type_only if each.type_only else ()))
    ]


def unused(rows: Iterable[Row], seen: Iterable[Import]) -> list[str]:
    """Return, as text, the rows that cover no import at all."""
    seen = tuple(seen)
    return [f"{row.importer} -> {row.imported}" for row in rows if not any(_matches(row, each) for each in seen)]


def expect_none(findings: Iterable[str]) -> None:
    """Fail with every finding on a line of its own, which pytest would shorten."""
    if text := "\n".join(findings):
        pytest.fail(text, pytrace=False)


@pytest.fixture(scope="module")
def imports() -> Imports:
    """The imports of the real package."""
    return read_imports(PACKAGE)


def test_edges_between_packages_are_in_the_table(imports: Imports) -> None:
    expect_none(not_allowed(filter(_crosses, imports.own), EDGES, TYPE_ONLY_EDGES))


def test_independent_modules_do_not_import_each_other(imports: Imports) -> None:
    expect_none(not_allowed(filter(_between_independent, imports.own), SHARED_INSIDE))


def test_third_parties_are_imported_only_where_the_table_says(imports: Imports) -> None:
    expect_none(not_allowed(imports.third_party, THIRD_PARTY))


def test_input_output_and_clock_are_imported_only_where_the_table_says(imports: Imports) -> None:
    expect_none(not_allowed(imports.restricted, RESTRICTED))


def test_every_row_is_used(imports: Imports) -> None:
    """A table with rows that nothing needs would allow what nobody decided."""
    crossing = [each for each in imports.own if _crosses(each)]
    at_run_time = [each for each in crossing if not each.type_only]
    for_types = [each for each in crossing if each.type_only]
    rows = [
        *unused(EDGES, at_run_time),
        *unused(TYPE_ONLY_EDGES, for_types),
        *unused(SHARED_INSIDE, filter(_between_independent, imports.own)),
        *unused(THIRD_PARTY, imports.third_party),
        *unused(RESTRICTED, imports.restricted),
    ]
    expect_none(f"nothing needs the row {row}" for row in rows)


def test_the_table_points_one_way() -> None:
    graph: dict[str, set[str]] = {}
    for row in EDGES:
        graph.setdefault(row.importer.partition(".")[0], set()).add(row.imported.partition(".")[0])
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"the table has a cycle: {' -> '.join(error.args[1])}")


def test_type_only_rows_have_reasons() -> None:
    assert [row for row in TYPE_ONLY_EDGES + SHARED_INSIDE if not row.reason] == []


# --- the reader itself, on packages that break the rules ---


def _package(folder: Path, **modules: str) -> Imports:
    root = folder / "smbserver"
    for name, text in {"__init__": "", **modules}.items():
        path = root / (name.replace("__in__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text, encoding="utf-8")
    return read_imports(root)


@pytest.mark.parametrize(
    ("statement", "imported"),
    [
        ("import smbserver.sharing.locks", "sharing.locks"),
        ("from smbserver.sharing import locks", "sharing.locks"),
        ("from smbserver.sharing.locks import Lock", "sharing.locks"),
        ("from smbserver.sharing import Lock", "sharing"),
        ("from smbserver import sharing", "sharing"),
        ("from smbserver import VERSION", "smbserver"),
        ("from .. import sharing", "sharing"),
        ("from ..sharing import locks", "sharing.locks"),
        ("from ..sharing.locks import Lock", "sharing.locks"),
        ("def later():\n    import smbserver.sharing.locks", "sharing.locks"),
    ],
)
def test_every_spelling_of_a_forbidden_import_is_seen(tmp_path: Path, statement: str, imported: str) -> None:
    imports = _package(tmp_path, wire__in__read=statement, sharing__in__locks="")
    assert [(each.importer, each.imported) for each in imports.own] == [("wire.read", imported)]
    assert len(not_allowed(filter(_crosses, imports.own), EDGES)) == 1


def test_relative_import_in_a_package_file_starts_at_the_package(tmp_path: Path) -> None:
    imports = _package(
        tmp_path, wire__in____init__="from . import read\nfrom .. import errors", wire__in__read="", errors=""
    )
    assert [each.imported for each in imports.own] == ["wire.read", "errors"]


def test_a_row_for_one_module_does_not_allow_its_neighbours(tmp_path: Path) -> None:
    text = "import smbserver.backend.base\nimport smbserver.backend.posix\nfrom smbserver.backend import Posix"
    imports = _package(tmp_path, objects__in__open=text, backend__in__base="", backend__in__posix="")
    refused = not_allowed(imports.own, EDGES)
    assert refused == ["objects.open:2 imports backend.posix", "objects.open:3 imports backend"]


def test_commands_may_not_import_each_other(tmp_path: Path) -> None:
    init = "from smbserver.commands import read, write"
    modules = {"commands__in__read": "from smbserver.commands.write import write", "commands__in__write": ""}
    imports = _package(tmp_path, commands__in____init__=init, **modules)
    between = list(filter(_between_independent, imports.own))
    assert [str(each) for each in between] == ["commands.read:1 imports commands.write"]


def test_type_only_imports_need_a_row_of_either_table(tmp_path: Path) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from smbserver.server import Server\n"
    seen = _package(tmp_path, rpc__in__services=text, server="").own
    assert not_allowed(seen, ()) == ["rpc.services:3 imports server (types only)"]
    assert not_allowed(seen, (), [Row("rpc", "server", "a reason")]) == []
    at_run_time = [each._replace(type_only=False) for each in seen]
    assert not_allowed(at_run_time, (), [Row("rpc", "server", "a reason")]) != []


def test_third_parties_and_restricted_modules_are_seen(tmp_path: Path) -> None:
    text = "import json\nimport os.path\nimport requests\nfrom asyncio import sleep\nopen('x')\n__import__('socket')\n"
    imports = _package(tmp_path, wire__in__read=text)
    assert [each.imported for each in imports.third_party] == ["requests"]
    assert [each.imported for each in imports.restricted] == ["os", "asyncio", "open()", "importlib"]
    assert len(not_allowed(imports.restricted, RESTRICTED)) == 4


def test_an_unused_row_is_named() -> None:
    seen = [Import("wire.read", "nt.status", 1)]
    assert unused([Row("wire", "nt"), Row("wire", "errors")], seen) == ["wire -> errors"]
