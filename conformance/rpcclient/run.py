#!/usr/bin/env python3
"""Run the rpcclient scripts against our server, with every way of authenticating a pipe."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from conformance.report import Result, summary, write_json  # noqa: E402 - needs the path set above
from conformance.server_options import stop_on_sigterm  # noqa: E402 - needs the path set above
from conformance.servers import DEFAULT_USERS, OursServer, ServerError, StartedServer  # noqa: E402 - needs the path set above
from conformance.smbclient.script_format import (  # noqa: E402 - needs the path set above
    Script,
    ScriptError,
    Step,
    compare,
    normalise,
    parse_file,
)

SCRIPTS: Final = Path(__file__).resolve().parent / "scripts"
NAME: Final = "RPCHOST"
# What stands behind the host in a binding: nothing, or how the pipe itself is authenticated and in which byte order.
BINDINGS: Final = {
    "plain": "",
    "connect": "[connect]",
    "ntlm-sign": "[ntlm,sign]",
    "ntlm-seal": "[ntlm,seal]",
    "spnego-sign": "[spnego,sign]",
    "spnego-seal": "[spnego,seal]",
    "bigendian": "[bigendian]",
    "bigendian-seal": "[bigendian,ntlm,seal]",
}
GIVEN: Final = {"given": "Given-pass-1"}
"""Accounts of the command line; the others are in a password file."""
NEW_PASSWORD: Final = "New:pässword"  # with what a line of the file has to get right
LOGINS: Final = {
    "": next(iter(DEFAULT_USERS.items())),
    "second": tuple(DEFAULT_USERS.items())[1],
    "given": next(iter(GIVEN.items())),
    "changed": (next(iter(DEFAULT_USERS)), NEW_PASSWORD),
}
"""Who runs `% NAME: command`; `% command` is the first user's."""
SECONDS: Final = 60.0
SHOWN_LINES: Final = 20
_ENVIRONMENT: Final = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything passed, 1 on a failure, 2 when it could not begin."""
    options = _parser().parse_args(arguments)
    try:
        scripts = [parse_file(path) for path in sorted(SCRIPTS.glob("*.rpc"))]
        scripts = [script for script in scripts if not options.scripts or script.name in options.scripts]
        if not scripts:
            raise ScriptError("no such script")
        server = OursServer(
            directory=options.directory,
            python=options.python,
            users=GIVEN,
            signing="enabled",
            arguments=["--name", NAME, "--password-file", str(options.password_file)],
        )
        _write_passwords(options.password_file)
        with server:
            results = [
                run(server, script, binding, options.password_file)
                for binding in options.bindings
                for script in scripts
            ]
    except (ScriptError, ServerError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        options.password_file.unlink(missing_ok=True)
    print(summary(results))
    if options.json is not None:
        write_json(results, options.json)
    return 0 if all(result.ok for result in results) else 1


def _write_passwords(path: Path) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write("# people\n" + "".join(f"{name}:{password}\n" for name, password in DEFAULT_USERS.items()))


def run(server: StartedServer, script: Script, binding: str, passwords: Path) -> Result:
    """Every step up to the first failure."""
    begun = time.monotonic()
    message = ""
    for step in script.steps:
        problem = _run_step(server, step, BINDINGS[binding], passwords)
        if problem:
            message = f"{script.name}.rpc line {step.line}: {step.command}\n{problem}"
            break
    return Result(script.name, binding, not message, round(time.monotonic() - begun, 2), message)


def _run_step(server: StartedServer, step: Step, binding: str, passwords: Path) -> str:
    if step.kind != "shell":
        client, said = _split(step.command)
        user, password = LOGINS[client]
        command = ["rpcclient", "--configfile=/dev/null", "-p", str(server.port), "-U", f"{user}%{password}"]
        command += [server.host + binding, "-c", said]
    else:
        command = ["sh", "-eu", "-c", step.command]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**_ENVIRONMENT, "PASSWORDS": str(passwords)},
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {SECONDS} s"
    lines = normalise(done.stdout.decode(errors="replace"), "")
    problems = compare(step, lines)
    if done.returncode != step.exit_code:
        problems.append(f"exit code {done.returncode}, expected {step.exit_code}")
    if not problems:
        return ""
    shown = "\n".join(f"  | {line}" for line in lines[:SHOWN_LINES]) or "  | (nothing)"
    return "\n".join(f"  {each}" for each in problems) + f"\n  came:\n{shown}"


def _split(command: str) -> tuple[str, str]:
    """Who runs a command, and the command."""
    client, separator, rest = command.partition(": ")
    return (client, rest) if separator and client in LOGINS else ("", command)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--scripts", nargs="+", metavar="NAME", help="only these scripts")
    add("--bindings", nargs="+", choices=BINDINGS, default=list(BINDINGS), help="only these")
    add("--python", default=sys.executable, help="the Python that runs our server")
    add("--directory", type=Path, default=REPOSITORY, help="where our server's package is")
    add("--password-file", type=Path, default=Path(f"/tmp/smb-passwords-{os.getpid()}"), help="made, and removed")
    add("--json", type=Path, metavar="FILE", help="also write the results as JSON")
    return parser


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
