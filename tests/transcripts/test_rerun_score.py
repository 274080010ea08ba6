"""`rerun.py score` against small servers that only listen, and a runner that only connects."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from rerun_tool.command_line import main
from rerun_tool.score import ScoreError, running_server

LISTEN = """
import argparse, json, os, pathlib, socket
parser = argparse.ArgumentParser()
for name in ("--share", "--user"):
    parser.add_argument(name, action="append", required=True)
parser.add_argument("--bind", required=True)
parser.add_argument("--port", type=int, required=True)
for name in {more_options!r}:
    parser.add_argument(name, required=True)
options = parser.parse_args()
assert options.share[1].endswith(":ro"), options.share
assert options.user[-1].startswith("tester:"), options.user
listener = socket.create_server((options.bind, options.port))
pathlib.Path({pid_file!r}).write_text(str(os.getpid()))
if hasattr(options, "ready_file"):
    part = pathlib.Path(options.ready_file + ".part")
    part.write_text(json.dumps({{"pid": os.getpid(), "addresses": [list(listener.getsockname())]}}))
    part.rename(options.ready_file)
while True:
    listener.accept()[0].close()
"""

# The options and the form of the results are those of conformance/smbclient/run.py.
RUNNER = """
import argparse, json, pathlib, socket, sys
parser = argparse.ArgumentParser()
parser.add_argument("--attach", nargs=2, required=True)
for name in ("--user", "--password", "--second-user", "--second-password"):
    parser.add_argument(name, required=True)
for name in ("--data-dir", "--ro-dir", "--json"):
    parser.add_argument(name, type=pathlib.Path, required=True)
parser.add_argument("--quick", action="store_true")
options = parser.parse_args()
assert options.data_dir.is_dir() and options.ro_dir.is_dir() and options.data_dir != options.ro_dir
host, port = options.attach
socket.create_connection((host, int(port)), 5).close()
print("a table that nobody wants")
results = [
    {"script": "connect", "mode": "3.1.1-plain", "ok": True, "seconds": 0.25, "message": ""},
    {"script": "list", "mode": "3.1.1-signed", "ok": LIST_OK, "seconds": 1, "message": "no answer"},
]
results += [] if options.quick else [results[0]]
options.json.write_text(json.dumps({"results": results, "passed": 1, "failed": 1}))
sys.exit(1)
"""


class Package:
    """A directory with a server in it, and a runner beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.directory = folder / "package"
        self.pid_file = folder / "pid"
        self.runner = folder / "conformance" / "smbclient" / "run.py"
        self.runner.parent.mkdir(parents=True)

    def server(self, source: str) -> None:
        module = self.directory / "smbserver"
        module.mkdir(parents=True)
        (module / "__init__.py").touch()
        (module / "__main__.py").write_text(source)

    def listening(self, more_options: Sequence[str] = ("--signing", "--ready-file")) -> None:
        self.server(LISTEN.format(more_options=tuple(more_options), pid_file=str(self.pid_file)))

    def score(self, *more: str, list_ok: bool = False) -> int:
        self.runner.write_text(RUNNER.replace("LIST_OK", str(list_ok)))
        return main(["score", str(self.directory), "--conformance", str(self.runner), *more])

    def assert_ended(self) -> None:
        with pytest.raises(ProcessLookupError):
            os.kill(int(self.pid_file.read_text()), 0)


@pytest.fixture
def package(tmp_path: Path) -> Package:
    """No server yet."""
    return Package(tmp_path)


@pytest.mark.parametrize(
    ("options", "start"),
    [(["--signing", "--ready-file"], "all options"), (["--ready-file"], "ready file"), ([], "fixed port")],
)
def test_json_holds_every_result(
    options: list[str], start: str, package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    package.listening(options)
    assert package.score("--json") == 1
    outcome = json.loads(capsys.readouterr().out)
    assert (outcome["start"], outcome["passed"], outcome["total"]) == (start, 2, 3)
    assert outcome["results"][1]["message"] == "no answer"
    package.assert_ended()


def test_the_table_is_for_people(package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    package.listening()
    assert package.score("--quick") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["connect", "3.1.1-plain", "passed", "0.2"]
    assert lines[2].split() == ["list", "3.1.1-signed", "failed", "1.0"]
    assert "list (3.1.1-signed): no answer" in lines
    assert lines[-1].startswith("1 of 2 passed")


def test_the_status_is_zero_when_everything_passed(package: Package) -> None:
    package.listening()
    assert package.score(list_ok=True) == 0


def test_a_server_that_does_not_start_is_no_score(package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    package.server("raise SystemExit('the reason')\n")
    assert package.score() == 2
    assert "the reason" in capsys.readouterr().err


def test_a_server_that_fails_inside_the_block_is_stopped_too(package: Package) -> None:
    package.listening()
    folders: list[Path] = []

    def fail() -> None:
        with running_server(package.directory) as server:
            folders.append(server.data.parent)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not folders[0].exists()
    package.assert_ended()


def test_a_directory_without_a_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="holds no smbserver"), running_server(tmp_path):
        pass


WRITE = "import sys; open(sys.argv[sys.argv.index('--json') + 1], 'w').write({!r})"


@pytest.mark.parametrize(
    "runner",
    [
        "",
        "raise SystemExit(4)",
        WRITE.format("{}"),
        WRITE.format("[]"),
        WRITE.format('{"results": []}'),
        WRITE.format('{"results": [{"script": "a", "mode": "b", "ok": 1, "seconds": 1, "message": ""}]}'),
        None,
    ],
)
def test_a_runner_without_results_is_no_score(runner: str | None, package: Package) -> None:
    package.listening()
    if runner is not None:
        package.runner.write_text(runner)
    assert main(["score", str(package.directory), "--conformance", str(package.runner)]) == 2


def test_a_runner_that_hangs_is_ended(package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    package.listening()
    package.runner.write_text("import signal; signal.pause()")
    arguments = ["score", str(package.directory), "--conformance", str(package.runner), "--timeout", "0.3"]
    assert main(arguments) == 2
    assert "longer than 0.3 s" in capsys.readouterr().err
    package.assert_ended()


def test_the_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("extract", "generate", "score", "exit status"))
