#!/usr/bin/env python3
"""Run the smbclient scripts against a server in every dialect, plain, signed and encrypted."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from conformance.report import Result, summary, write_json  # noqa: E402 - needs the path set above
from conformance.server_options import add_server_options, chosen_server, stop_on_sigterm  # noqa: E402 - needs the path set above
from conformance.servers import MEMORY_FOLDER, Server, ServerError  # noqa: E402 - needs the path set above
from conformance.smbclient import modes  # noqa: E402 - needs the path set above
from conformance.smbclient.runner import ScriptRun, check_mode  # noqa: E402 - needs the path set above
from conformance.smbclient.script_format import Script, ScriptError, parse_file  # noqa: E402 - needs the path set above

SCRIPTS: Final = Path(__file__).resolve().parent / "scripts"
# The server and smbclient each keep a core busy in the long transfers.
MODES_AT_ONCE: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 0 when everything passed, 1 on a failure, 2 when it could not begin."""
    options = _parser().parse_args(arguments)
    try:
        scripts = _scripts(options.scripts, options.quick)
        chosen = _modes(options.modes, options.quick)
        with chosen_server(options) as server:
            results = run_all(server, scripts, chosen, options.jobs)
    except (ScriptError, ServerError) as error:
        print(error, file=sys.stderr)
        return 2
    print(summary(results))
    if options.json is not None:
        write_json(results, options.json)
    return 0 if results and all(result.ok for result in results) else 1


def run_all(server: Server, scripts: Sequence[Script], chosen: Sequence[modes.Mode], jobs: int) -> list[Result]:
    """Every script in every mode it is meant for, `jobs` modes at once; results in the order of the modes."""
    base = MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="smb-scripts-", dir=base) as work:

        def run_mode(mode: modes.Mode) -> list[Result]:
            results = [check_mode(server, mode, Path(work))]
            for script in scripts:
                if not script.only or mode.name in script.only:
                    results.append(ScriptRun(server, mode, script, Path(work)).run())
            print(f"{mode.name}: {sum(r.ok for r in results)} of {len(results)} passed", file=sys.stderr, flush=True)
            return results

        with ThreadPoolExecutor(jobs) as pool:
            return [result for results in pool.map(run_mode, chosen) for result in results]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    add_server_options(parser)
    parser.add_argument("--scripts", nargs="+", metavar="NAME", help="only these scripts")
    parser.add_argument("--modes", nargs="+", choices=sorted(modes.BY_NAME), help="only these modes")
    parser.add_argument("--quick", action="store_true", help=f"{', '.join(modes.QUICK)}; nothing slow")
    parser.add_argument("--jobs", type=int, default=MODES_AT_ONCE, help="modes at once (default %(default)s)")
    return parser


def _scripts(names: Sequence[str] | None, quick: bool) -> list[Script]:
    scripts = [parse_file(path) for path in sorted(SCRIPTS.glob("*.smb"))]
    unknown = set(names or ()) - {script.name for script in scripts}
    if unknown:
        raise ScriptError(f"no such script: {', '.join(sorted(unknown))}")
    for script in scripts:
        if script.only - set(modes.BY_NAME):
            raise ScriptError(f"{script.name}: no such mode: {', '.join(sorted(script.only - set(modes.BY_NAME)))}")
    return [s for s in scripts if (not names or s.name in names) and not (quick and s.is_slow)]


def _modes(names: Sequence[str] | None, quick: bool) -> list[modes.Mode]:
    wanted = names or (modes.QUICK if quick else tuple(modes.BY_NAME))
    return [modes.BY_NAME[name] for name in wanted]


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
