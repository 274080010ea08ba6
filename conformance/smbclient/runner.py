"""Run one parsed script in one mode against one server."""

import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from conformance.report import Result
from conformance.servers import Server
from conformance.smbclient.client import COMMAND_SECONDS, ClientError, ClientSession, run_once
from conformance.smbclient.modes import Mode
from conformance.smbclient.script_format import Script, Step, compare, normalise
from conformance.smbclient.wire_watch import WireWatch

SHOWN_LINES: Final = 20
MODE_CHECK: Final = "mode-on-the-wire"


class StepFailed(Exception):
    """A step whose output is not the expected one."""


class ScriptRun:
    """The folders and the open clients of one script in one mode."""

    def __init__(self, server: Server, mode: Mode, script: Script, work_parent: Path) -> None:
        self._server = server
        self._mode = mode
        self._script = script
        self._directory = f"{script.name}-{mode.name}"
        self._data = server.shares["data"] / self._directory
        self._read_only = server.shares["ro"] / self._directory
        self._work = Path(tempfile.mkdtemp(prefix="smb-script-", dir=work_parent))
        self._sessions: dict[str, ClientSession] = {}

    def run(self) -> Result:
        """Run every step up to the first failure."""
        begun = time.monotonic()
        message = ""
        step = self._script.steps[0]
        try:
            for folder in (self._data, self._read_only):
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                folder.chmod(0o777)  # an attached server may run as anybody
            for step in self._script.steps:
                self._run_step(step)
        except (StepFailed, ClientError, subprocess.TimeoutExpired) as error:
            message = f"{self._script.name}.smb line {step.line}: {step.command}\n{error}"
        finally:
            for session in self._sessions.values():
                session.close()
            for folder in (self._data, self._read_only, self._work):
                shutil.rmtree(folder, ignore_errors=True)
        return Result(self._script.name, self._mode.name, not message, round(time.monotonic() - begun, 2), message)

    def _run_step(self, step: Step) -> None:
        code = 0
        if step.kind == "session":
            output = self._session(step.client).command(step.command)
        elif step.kind == "program":
            code, output = run_once(self._program(step.command), self._work)
        else:
            code, output = self._shell(step.command)
        lines = normalise(output, self._directory)
        if step.kind != "shell":
            (self._work / ".answer").write_text("".join(f"{line}\n" for line in lines))
        problems = compare(step, lines)
        if code != step.exit_code:
            problems.append(f"exit code {code}, expected {step.exit_code}")
        if problems:
            shown = "\n".join(f"  | {line}" for line in lines[:SHOWN_LINES]) or "  | (nothing)"
            more = f"\n  | ... {len(lines) - SHOWN_LINES} more lines" if len(lines) > SHOWN_LINES else ""
            raise StepFailed("\n".join(f"  {each}" for each in problems[:SHOWN_LINES]) + f"\n  came:\n{shown}{more}")

    def _session(self, client: str) -> ClientSession:
        """The running client of that name: "ro" is on the read-only share, the others on `data`.

        "other" is logged in as the second user.
        """
        if client not in self._sessions:
            share = "ro" if client == "ro" else "data"
            user = list(self._server.users)[1] if client == "other" else self._server.user
            login = ["--user", f"{user}%{self._server.users[user]}"]
            where = [f"//{self._server.host}/{share}", "--directory", self._directory]
            self._sessions[client] = ClientSession([*self._common(), *login, *where], self._work)
        return self._sessions[client]

    def _common(self) -> list[str]:
        # An empty configuration: what stands in /etc/samba is none of a test's business.
        return ["--configfile=/dev/null", "--port", str(self._server.port), *self._mode.switches()]

    def _program(self, text: str) -> list[str]:
        values = {
            "{host}": self._server.host,
            "{user}": self._server.user,
            "{password}": self._server.password,
            "{dir}": self._directory,
        }
        for name, value in values.items():
            text = text.replace(name, value)
        arguments = shlex.split(text)
        if "-U" not in arguments and "-N" not in arguments:
            # First, because everything after -T's archive is a name to put into it.
            arguments = ["-U", f"{self._server.user}%{self._server.password}", *arguments]
        return [*self._common(), *arguments]

    def _shell(self, text: str) -> tuple[int, str]:
        environment = {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "DATA": str(self._data),
            "RO": str(self._read_only),
            "DIR": self._directory,
            "ANSWER": str(self._work / ".answer"),
        }
        done = subprocess.run(
            ["sh", "-eu", "-c", text],
            cwd=self._work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout.decode(errors="replace")


def check_mode(server: Server, mode: Mode, work_parent: Path) -> Result:
    """Look at a short conversation on the wire: is it in the mode's dialect, and protected as the mode says?"""
    begun = time.monotonic()
    with WireWatch(server.host, server.port) as watch:
        arguments = ["--configfile=/dev/null", "--port", str(watch.port), *mode.switches()]
        arguments += ["-U", f"{server.user}%{server.password}", "//127.0.0.1/data", "-c", "ls"]
        try:
            code, output = run_once(arguments, work_parent)
        except ClientError as error:
            code, output = 1, str(error)
    problem = watch.observed.problem(mode.dialect_number, mode.protection)
    if code != 0:
        problem = f"exit code {code}: {output}\n{problem}"
    return Result(MODE_CHECK, mode.name, not problem, round(time.monotonic() - begun, 2), problem)
