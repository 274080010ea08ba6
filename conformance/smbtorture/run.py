#!/usr/bin/env python3
"""Run Samba's smbtorture, every test by itself, against several servers at once, and compare with expected.md."""

import argparse
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from conformance.server_options import stop_on_sigterm  # noqa: E402 - needs the path set above
from conformance.servers import (  # noqa: E402 - needs the path set above
    MEMORY_FOLDER,
    OursServer,
    ServerError,
    SmbdServer,
    StartedServer,
)
from conformance.smbtorture import suites  # noqa: E402 - needs the path set above
from conformance.smbtorture.expected import ExpectedError, differences, read_expected, unknown_names  # noqa: E402 - needs the path set above
from conformance.smbtorture.process import (  # noqa: E402 - needs the path set above
    SECOND_SHARE,
    SHARE,
    SMBTORTURE,
    USERS,
    Running,
    list_tests,
    run_test,
)
from conformance.smbtorture.results import ERROR, SKIP, SUCCESS, Record, table, write_json  # noqa: E402 - needs the path set above
from conformance.smbtorture.versions import PATTERN, snapshots_of  # noqa: E402 - needs the path set above

EXPECTED: Final = Path(__file__).resolve().parent / "expected.md"
SECONDS: Final = 60.0  # for one test; three quarters of them take less than one
SERVERS: Final = 4  # most tests wait more than they work
# What the tests rely on: the hook FSCTL_SMBTORTURE, several channels, durable handles.
SMBD_LINES: Final = (
    "smbd:FSCTL_SMBTORTURE = yes",
    "server multi channel support = yes",
    "kernel oplocks = no",
    "kernel share modes = no",
    "posix locking = no",
    "durable handles = yes",
    "ea support = yes",
    "strict rename = yes",
    "vfs objects = acl_xattr streams_xattr",
)


class Run:
    """The tests of one run and what became of them. Every worker has a server of its own."""

    def __init__(self, options: argparse.Namespace, tests: Sequence[str], scratch: Path) -> None:
        self.options = options
        self.scratch = scratch
        self.running = Running()
        self.records: dict[str, Record] = {}
        self.failure: Exception | None = None
        self._left: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._count = len(tests)
        self._lock = threading.Lock()
        # The long ones first, so that none of them is left when the other servers have nothing to do.
        for test in sorted(tests, key=lambda test: -suites.time_limit(test, self.options.timeout)):
            self._left.put(test)

    def go(self) -> None:
        """Run them all. Raises ServerError when a server does not start."""
        workers = [threading.Thread(target=self._work, args=(number,)) for number in range(self.options.jobs)]
        for worker in workers:
            worker.start()
        try:
            for worker in workers:
                worker.join()
        except BaseException:  # Ctrl-C and SIGTERM: each worker ends its server
            self.running.stop()
            for worker in workers:
                worker.join()
            raise
        if self.failure is not None:
            raise self.failure

    def _work(self, number: int) -> None:
        try:
            while not self._left.empty() and not self.running.stopped:
                with self._server(number) as server:
                    self._use(server)
        except (ServerError, OSError) as error:
            self.failure = error
            self.running.stop()

    def _server(self, number: int) -> StartedServer:
        folders = {name: self.scratch / str(number) / name for name in (SHARE, SECOND_SHARE)}
        if self.options.server == "smbd":
            return SmbdServer(shares=folders, users=USERS, global_lines=SMBD_LINES)
        folders |= dict.fromkeys(suites.SHARES, folders[SHARE])
        folders |= {name: self.scratch / str(number) / name for name in suites.FOLDERS}
        return OursServer(
            directory=self.options.directory,
            python=self.options.python,
            shares=folders,
            users=USERS,
            signing="enabled",  # many tests speak unsigned
            arguments=("--torture", "--host-locks", "--deferred-write-time"),
            # As Samba's own tests have them.
            share_options={
                SHARE: f"snapshots={snapshots_of(folders[SHARE])}/{PATTERN}",
                **suites.SHARES,
                **suites.FOLDERS,
            },
        )

    def _use(self, server: StartedServer) -> None:
        """Tests until there are none or the server has ended."""
        while not self.running.stopped and server.tree.exit_code() is None:
            try:
                test = self._left.get_nowait()
            except queue.Empty:
                return
            record = self._run(test, server)
            attempts: tuple[str, ...] = ()
            while (
                record.result not in (SUCCESS, SKIP)
                and len(attempts) < suites.TRIES_MORE
                and suites.matches(test, suites.TIMING)
            ):
                attempts += (record.result,)
                record = replace(self._run(test, server), attempts=attempts)
            if server.tree.exit_code() is not None:
                record = replace(record, result=ERROR, reason=f"the server ended: {server.log()[-300:]}")
            if not self.running.stopped:
                self._note(record)

    def _run(self, test: str, server: StartedServer) -> Record:
        limit = suites.time_limit(test, self.options.timeout)
        return run_test(test, server, limit, self.scratch, self.running, self.options.logs)

    def _note(self, record: Record) -> None:
        with self._lock:
            self.records[record.test] = record
            if self.options.verbose or record.result not in (SUCCESS, SKIP):
                head = f"[{len(self.records)}/{self._count}] {record.result:8}{record.seconds:6.1f} s"
                print(f"{head}  {record.test}  {record.reason[:150]}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all is as the list says, 1 when something is not, 2 when it could not begin."""
    options = _parser().parse_args(arguments)
    try:
        known = read_expected(EXPECTED)
        names = list_tests()
        tests = suites.choose(names, options.suites, options.tests)
        if not tests:
            raise ServerError(f"{SMBTORTURE} has no such tests: {' '.join(options.suites)}")
        if options.logs is not None:
            options.logs.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        base = options.folder or (MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None)
        with tempfile.TemporaryDirectory(prefix="smbtorture-", dir=base) as scratch:
            run = Run(options, tests, Path(scratch))
            run.go()
    except (ServerError, ExpectedError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    records = [run.records[test] for test in tests if test in run.records]
    print(table(records))
    print(f"{len(records)} tests in {time.monotonic() - begun:.0f} s against {options.jobs} servers")
    problems: dict[str, str] = {}
    if options.server == "ours":
        problems = {**unknown_names(known, names), **differences(records, known)}
    for test, problem in problems.items():
        print(f"UNEXPECTED {test}: {problem}")
    if options.json is not None:
        write_json(records, problems, options.json)
    return 1 if problems or len(records) < len(tests) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--suites", nargs="+", default=list(suites.DEFAULT), metavar="NAME", help="smb2.lock, lock, ...; all")
    add("--tests", nargs="+", default=[], metavar="PATTERN", help="of these suites, only tests that match")
    add("--jobs", type=int, default=SERVERS, help="servers, one test at a time on each (default %(default)s)")
    add("--timeout", type=float, default=SECONDS, help="seconds for one test (default %(default)g)")
    add("--server", choices=("ours", "smbd"), default="ours", help="smbd's results are not compared with the list")
    add("--python", default=sys.executable, help="the Python that runs our server")
    add("--directory", type=Path, default=REPOSITORY, help="where our server's package is")
    add("--folder", type=Path, help="where the shares are made, for what a file system must be able to do")
    add("--json", type=Path, metavar="FILE", help="also write the results as JSON")
    add("--logs", type=Path, metavar="DIR", help="keep what smbtorture said of every test that did not pass")
    add("--verbose", "-v", action="store_true", help="a line for every test, not only for those that fail")
    return parser


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
