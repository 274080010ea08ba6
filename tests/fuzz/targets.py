"""One small function per parser of hostile bytes: it takes any bytes, and accepts them or raises what it documents.

`python tests/fuzz/targets.py NAME [atheris options]` runs one with coverage guidance where atheris is installed, and
says so where it is not; without a name the targets are listed. test_targets.py runs all of them over a small corpus.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # also when it is started as a program

import smbserver.auth.ntlm_messages
import smbserver.auth.spnego
import smbserver.backend.posix.dos_attributes
import smbserver.backend.posix.ntacl
import smbserver.wire
from smbserver.auth.accounts import Account, Accounts
from smbserver.errors import StatusError, WireError
from smbserver.nt import descriptor, disguises, names
from smbserver.rpc.pdu import Header
from smbserver.rpc.pipes import PIPES, open_pipe
from smbserver.rpc.security import Trailer
from smbserver.wire.directory_info import CLASSES, POSIX, decode_entries
from smbserver.wire.header import decode as decode_header
from tests.fuzz.guided import fuzz
from tests.rpc.client import ALICE, Server, bind, opened, request


class Target(NamedTuple):
    """A parser and the exceptions that its docstring promises."""

    run: Callable[[bytes], object]
    promised: tuple[type[Exception], ...]

    def __call__(self, data: bytes) -> None:
        """Run it; any other exception goes up."""
        with suppress(*self.promised):
            self.run(data)


def _on_view(parser: Callable[[memoryview], object]) -> Callable[[bytes], object]:
    return lambda data: parser(memoryview(data))


def _decoders(module: ModuleType) -> dict[str, Target]:
    """Every function `decode...` of a module that takes one buffer and nothing else."""
    found = {}
    short = module.__name__.removeprefix("smbserver.")
    for name, function in inspect.getmembers(module, inspect.isfunction):
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())
        if not name.startswith("decode") or function.__module__ != module.__name__ or len(parameters) != 1:
            continue
        if parameters[0].annotation is memoryview:
            found[f"{short}.{name}"] = Target(_on_view(function), (WireError,))
        elif parameters[0].annotation is bytes:
            found[f"{short}.{name}"] = Target(function, (WireError,))
    return found


def _header(data: bytes) -> object:
    return decode_header(memoryview(data), data[0] if data else 0)


def _entries(data: bytes) -> object:
    return [decode_entries(number, memoryview(data)) for number in CLASSES if number != POSIX]


def _path(data: bytes) -> object:
    return names.split(data.decode("utf-16-le", "surrogatepass"))


def _posix_path(data: bytes) -> object:
    return names.split(disguises.disguised_path(data.decode("utf-16-le", "surrogatepass")))


def _posix_pattern(data: bytes) -> object:
    text = data.decode("utf-16-le", "surrogatepass")
    pattern, _, name = text.partition("\0")
    return disguises.PlainPattern(pattern[:255]).matches(name[:255])


def _pattern(data: bytes) -> object:
    text = data.decode("utf-16-le", "surrogatepass")
    pattern, _, name = text.partition("\0")
    return names.Pattern(pattern[:255]).matches(name[:255])


def _pipe(data: bytes) -> object:
    pipe = open_pipe("srvsvc", Server(), ALICE)
    assert pipe is not None
    if data[:1] == b"\1":
        pipe.write(bind())
    pipe.write(data[1:])
    return pipe.read(4280)


def _rpc_stub(data: bytes) -> object:
    """Two bytes choose the method of a service, the rest is its stub."""
    methods = sorted((name, opnum) for name, service in PIPES.items() for opnum in service.interfaces[0].methods)
    name, opnum = methods[int.from_bytes(data[:2], "little") % len(methods)]
    pipe = opened(name)
    pipe.write(request(opnum, data[2:4000]))
    return pipe.pending and pipe.read(1 << 17)


def _security_trailer(data: bytes) -> object:
    frame = data[:16].ljust(16, b"\0") + data[16:]
    header = Header(0, 0, 3, bool(data[:1] == b"\1"), len(frame), len(data) % 40, 1)
    return Trailer.decode(header, frame)


def _login(data: bytes) -> object:
    from smbserver.auth.login import Login
    from smbserver.auth.ntlm import Acceptor, Names

    accounts = Accounts([Account.from_password("alice", "secret")])
    login = Login(Acceptor(accounts, Names("SERVER", "WORKGROUP"), bytes, 0))
    size = int.from_bytes(data[:2], "little")
    for token in (data[2 : 2 + size], data[2 + size :]):
        login.step(token)
    assert login.result is None, "somebody has guessed the password"
    return None


def _all() -> dict[str, Target]:
    found: dict[str, Target] = {}
    for module in pkgutil.iter_modules(smbserver.wire.__path__, "smbserver.wire."):
        found |= _decoders(importlib.import_module(module.name))
    for module_of_tokens in (smbserver.auth.ntlm_messages, smbserver.auth.spnego):
        found |= _decoders(module_of_tokens)
    found["wire.header.decode"] = Target(_header, (WireError,))
    found["wire.directory_info.decode_entries"] = Target(_entries, (WireError,))
    found["backend.posix.dos_attributes.decode"] = Target(smbserver.backend.posix.dos_attributes.decode, ())
    found["backend.posix.ntacl.decode"] = Target(smbserver.backend.posix.ntacl.decode, (WireError,))
    found["nt.descriptor.parse"] = Target(descriptor.parse, (WireError,))
    found["nt.names.split"] = Target(_path, (StatusError, UnicodeDecodeError))
    found["nt.names.Pattern"] = Target(_pattern, (UnicodeDecodeError,))
    found["nt.disguises.disguised_path"] = Target(_posix_path, (StatusError, UnicodeDecodeError))
    found["nt.disguises.PlainPattern"] = Target(_posix_pattern, (UnicodeDecodeError,))
    found["rpc.pipe"] = Target(_pipe, (StatusError,))
    found["rpc.stub"] = Target(_rpc_stub, ())
    found["rpc.security.Trailer"] = Target(_security_trailer, (WireError,))
    found["auth.login"] = Target(_login, (StatusError,))
    return found


TARGETS: Final = _all()


def main(arguments: list[str]) -> int:
    """Fuzz one target until it breaks or the options say so."""
    if len(arguments) < 2 or arguments[1] not in TARGETS:
        print("\n".join(sorted(TARGETS)))
        return 2
    return fuzz([f"{arguments[0]} {arguments[1]}", *arguments[2:]], TARGETS[arguments[1]].__call__)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
