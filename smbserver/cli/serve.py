"""`python -m smbserver`: words to settings, a banner with lines to paste, and a server until Ctrl-C."""

import asyncio
import getpass
import json
import logging
import os
import secrets
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Final

from smbserver.cli.addresses import own_addresses
from smbserver.cli.allocator import keep_freed_memory
from smbserver.cli.arguments import layer_from, parse
from smbserver.cli.banner import banner
from smbserver.cli.log_lines import LineFormatter
from smbserver.compile import current
from smbserver.compile.needs import command as build_command
from smbserver.compile.needs import is_worth_a_word
from smbserver.config.environment import CONFIG_VARIABLE, from_environment
from smbserver.config.options import Chosen, combine
from smbserver.config.toml_file import read_config_file
from smbserver.errors import ConfigError
from smbserver.server import Server

log = logging.getLogger(__name__)

PASSWORD_BYTES: Final = 9  # 72 bits: 12 characters to type
BAD_SETTINGS: Final = 2  # exit status, as argparse has it
NOT_DRAINED: Final = 3  # exit status when something was still under way at the deadline
INTERRUPTED: Final = 130  # 128 and SIGINT, as shells have it
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def _choose(argv: Sequence[str] | None) -> tuple[Chosen, str | None, bool]:
    """Settings, the ready file, whether to log more. Raises ConfigError."""
    arguments = parse(argv)
    layers = [layer_from(arguments)]
    config = arguments.config or os.environ.get(CONFIG_VARIABLE)
    if config:
        layers.append(read_config_file(config))
    layers.append(from_environment(os.environ))
    chosen = combine(layers, lambda: secrets.token_urlsafe(PASSWORD_BYTES), _invoking_user)
    return chosen, arguments.ready_file, arguments.verbose


def _invoking_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's uid that nobody has written into /etc/passwd
        return "user"


async def _serve(chosen: Chosen, ready_file: str | None, notes: Sequence[str]) -> bool:
    """Serve until a signal; `notes` go into the banner. Returns whether everything under way was finished in time."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def end() -> None:
        # The next signal is the kernel's: it ends a process whose loop is stuck in a dead disk.
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        stop.set()

    server = Server(chosen.settings)
    await server.start()
    for number in _SIGNALS:
        loop.add_signal_handler(number, end)
    if ready_file is not None:
        try:
            with server.own_rights():
                _write_ready(ready_file, server)
        except OSError as error:
            await server.stop(0)
            raise ConfigError(f"--ready-file {ready_file} cannot be written: {error.strerror}") from None
    _say(banner(server.settings, server.addresses, own_addresses(), chosen.made_for, (*server.notes, *notes)))
    await stop.wait()
    _say("ending: open requests finish, files are flushed (Ctrl-C again: at once)")
    return await server.stop()


def _build_notes() -> list[str]:
    if current.is_used():
        return ["compiled build"]
    if current.is_outdated():
        return [f"not compiled: the build there is was made of other sources (again: {build_command()})"]
    if is_worth_a_word():
        return [f"a fifth to a third less CPU for small requests: {build_command()} (once, some minutes)"]
    return []


def _write_ready(path: str, server: Server) -> None:
    text = json.dumps({"pid": os.getpid(), "addresses": server.addresses})
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # `| head -1`: nobody listens any more, but clients do
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to end. Returns the exit status: 0, or 2 for what a person must correct."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # file names need not be text
    try:
        chosen, ready_file, verbose = _choose(argv)
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(LineFormatter("%(asctime)s %(levelname)s %(message)s"))
        logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler])
        keep_freed_memory(os.environ)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            drained = runner.run(_serve(chosen, ready_file, _build_notes()))
            if not drained:
                # A thread that waits for a dead disk cannot be ended, and leaving the ordinary way would wait for it.
                log.error("the time for the end is over and something was still under way: ending without it")
                sys.stderr.flush()
                os._exit(NOT_DRAINED)
    except ConfigError as problem:
        print(f"smbserver: {problem}", file=sys.stderr)
        return BAD_SETTINGS
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0
