"""`python -m smbserver`: words to settings, a banner with lines to paste, and a server until Ctrl-C."""

import argparse
import asyncio
import getpass
import json
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Final

from smbserver import __version__
from smbserver.config.settings import DEFAULT_PORT, DIALECT_NAMES, Settings, parse_dialect, parse_share
from smbserver.errors import ConfigError
from smbserver.objects.server_state import Encryption
from smbserver.server import Server

PASSWORD_BYTES: Final = 9  # 72 bits: 12 characters to type

_EPILOG: Final = """\
examples:
  python -m smbserver --share /srv/data                       one directory, a generated password
  python -m smbserver --share films=/srv/films:ro --share /srv/in   two shares, one of them read-only
  python -m smbserver --share . --user ann:secret --port 1445       a given user, a given port
"""


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    p = argparse.ArgumentParser(
        prog="smbserver",
        description="Share directories with SMB 2 and 3 clients: smbclient, Linux, Windows, macOS.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--share", action="append", default=[], metavar="[NAME=]DIR[:ro]", help="a directory to share")
    p.add_argument("--user", action="append", default=[], metavar="NAME[:PASSWORD]", help="who may log in")
    p.add_argument("--guest", action="store_true", help="let unknown users in without a password (unsigned, unsafe)")
    p.add_argument("--bind", action="append", default=[], metavar="ADDRESS", help="listen here only; repeatable")
    p.add_argument("--port", type=int, metavar="N", help="default 445, or 1445 where that is not allowed; 0 any")
    p.add_argument("--signing", choices=["required", "enabled"], default="required", help="default required")
    p.add_argument("--encryption", choices=[e.value for e in Encryption], default="offered", help="default offered")
    p.add_argument("--min-dialect", default="2.0.2", metavar="D", help=f"one of {', '.join(DIALECT_NAMES)}")
    p.add_argument("--max-dialect", default="3.1.1", metavar="D", help="likewise")
    p.add_argument("--ready-file", metavar="FILE", help="write process id and addresses here as JSON once listening")
    p.add_argument("--verbose", "-v", action="store_true", help="log logins and connections")
    p.add_argument("--version", action="version", version=f"smbserver {__version__}")
    return p


def settings_from(arguments: argparse.Namespace) -> tuple[Settings, str | None]:
    """Settings, and the password that was generated if none was given. Raises ConfigError."""
    users: list[tuple[str, str]] = []
    generated = None
    for text in arguments.user:
        name, separator, password = text.partition(":")
        if not separator:
            password = os.environ.get("SMBSERVER_PASSWORD", "")
            if not password:
                raise ConfigError(f"no password for {name}: write --user {name}:PASSWORD or set SMBSERVER_PASSWORD")
        users.append((name, password))
    if not users and not arguments.guest:
        generated = secrets.token_urlsafe(PASSWORD_BYTES)
        users.append((getpass.getuser(), generated))
    settings = Settings(
        shares=tuple(parse_share(text) for text in arguments.share),
        users=tuple(users),
        guest=arguments.guest,
        bind=tuple(arguments.bind) or ("0.0.0.0", "::"),
        port=arguments.port,
        signing_required=arguments.signing == "required",
        encryption=Encryption(arguments.encryption),
        min_dialect=parse_dialect(arguments.min_dialect),
        max_dialect=parse_dialect(arguments.max_dialect),
    )
    return settings, generated


def banner(server: Server, generated: str | None) -> str:
    """What a person needs to connect, ready to paste."""
    settings = server.settings
    host, port = server.addresses[0]
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    user = settings.users[0][0] if settings.users else "guest"
    share = settings.shares[0].name
    smbclient_port = "" if port == DEFAULT_PORT else f" -p {port}"
    lines = [f"smbserver {__version__} is serving on port {port}"]
    lines += [f"  {s.name}: {s.path}{' (read-only)' if s.read_only else ''}" for s in settings.shares]
    if generated is not None:
        lines += ["", f"  user {user}, password {generated}   (for this run only)"]
    if settings.guest:
        lines += ["", "  guests may come in without a password: nothing they do is signed or sealed"]
    mount_port = "" if port == DEFAULT_PORT else f",port={port}"
    mac_port = "" if port == DEFAULT_PORT else f":{port}"
    lines += [
        "",
        f"  smbclient   smbclient //{host}/{share} -U {user}{smbclient_port}",
        f"  Linux       sudo mount -t cifs //{host}/{share} /mnt -o username={user}{mount_port}",
        f"  macOS       Finder, Go, Connect to Server: smb://{user}@{host}{mac_port}/{share}",
    ]
    if port == DEFAULT_PORT:
        lines.append(f"  Windows     \\\\{host}\\{share}")
    else:
        lines.append(f"  Windows     net use Z: \\\\{host}\\{share} /TCPPORT:{port}   (Windows 11 24H2 and later)")
    return "\n".join([*lines, "", "Ctrl-C ends it."])


async def _serve(settings: Settings, generated: str | None, ready_file: str | None) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    server = Server(settings)
    await server.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    print(banner(server, generated), flush=True)
    if ready_file is not None:
        _write_ready(ready_file, server)
    await stop.wait()
    print("ending: open requests finish, files are flushed", flush=True)
    await server.stop()


def _write_ready(path: str, server: Server) -> None:
    text = json.dumps({"pid": os.getpid(), "addresses": server.addresses})
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to end. Returns the exit status: 0, or 2 for what a person must correct."""
    arguments = parser().parse_args(argv)
    logging.basicConfig(
        level=logging.INFO if arguments.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    try:
        settings, generated = settings_from(arguments)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings, generated, arguments.ready_file))
    except ConfigError as problem:
        print(f"smbserver: {problem}", file=sys.stderr)
        return 2
    return 0
