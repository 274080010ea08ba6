"""The checks of `conformance/libraries` pass where everything is right, and fail where something is not."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.libraries import driver, measure, run
from conformance.libraries.checks import CHECKS
from conformance.libraries.driver import Adaptor, Broken, Cannot, Refused
from conformance.libraries.known import ANY, DIALECTS, HERE, LIBRARIES, BuildError, Kit, Library, modes_of
from tests.conformance.disk_adaptor import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.servers import Server

REPOSITORY = HERE.parents[1]
# What only a server can do; the disk's adaptor has no command for it.
OF_A_SERVER = {"sharing", "watch"}


class DiskKit(Kit):
    """Runs the adaptor that works on the disk."""

    def __init__(self, tamper: str = "") -> None:
        super().__init__("python", {})
        self.tamper = tamper

    def make(self, place: Path) -> None:
        pass

    def command(self, packages: Path, library: Library) -> list[str]:
        return [sys.executable, "-m", library.program]

    def environment(self, packages: Path) -> dict[str, str]:
        return {"PYTHONPATH": str(REPOSITORY), "TAMPER": self.tamper}


class Folder:
    """What the checks ask of a server."""

    port = 0
    user = "user"
    password = PASSWORD

    def __init__(self, root: Path) -> None:
        self.host = str(root)
        self.shares = {name: root / name for name in ("data", "ro")}
        for path in self.shares.values():
            path.mkdir()


def checked(tmp_path: Path, name: str, tamper: str = "", **more: object) -> str:
    """What one check says of the disk."""
    library = Library("disk", DiskKit(tamper), "tests.conformance.disk_adaptor", (ANY,), **more)  # type: ignore[arg-type]  # as they are
    return run.run_check(library, ANY, cast("Server", Folder(tmp_path)), name, tmp_path / "log", tmp_path)


@pytest.mark.parametrize("name", sorted(set(CHECKS) - OF_A_SERVER))
def test_each_check_passes_where_all_is_right(tmp_path: Path, name: str) -> None:
    assert checked(tmp_path, name) == ""
    assert not list((tmp_path / "data").iterdir()), "it clears up"


@pytest.mark.parametrize(
    ("name", "tamper"),
    [
        ("transfer", "put"),
        ("transfer", "get"),
        ("side_by_side", "get"),
        ("listing", "list"),
        ("listing", "stat"),
        ("times", "stat"),
        ("folders", "rmdir"),
        ("missing", "remove"),
        ("rename_over", "rename"),
        ("parts", "write"),
    ],
)
def test_each_check_fails_where_something_is_wrong(tmp_path: Path, name: str, tamper: str) -> None:
    assert checked(tmp_path, name, tamper)


def test_an_adaptor_that_dies_or_hangs_fails_its_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "the adaptor ended" in checked(tmp_path, "transfer", "die")
    (tmp_path / "again").mkdir()
    monkeypatch.setattr(Adaptor.ask, "__kwdefaults__", {"seconds": 0.2})
    monkeypatch.setattr(driver, "END_SECONDS", 0.2)
    assert "no answer within" in checked(tmp_path / "again", "transfer", "hang")


def test_what_a_library_cannot_is_a_failure_unless_it_is_written_down(tmp_path: Path) -> None:
    assert checked(tmp_path, "sharing").startswith("Cannot: open")


def test_what_is_known_to_fail_must_fail(tmp_path: Path) -> None:
    assert "passed, although" in checked(tmp_path, "empty", known={"empty": "it does not"})
    (tmp_path / "again").mkdir()
    assert checked(tmp_path / "again", "times", "stat", known={"times": "an hour"}) == ""


ECHO = """
import sys
answers = {"nothing": "cannot", "no": "failed\\twhy%20not", "what": "hm"}
print("ok", flush=True)
for line in sys.stdin:
    words = line.rstrip("\\n")
    if words == "quit":
        break
    print(answers.get(words, "ok\\t" + words), flush=True)
"""


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adaptor]:
    """An adaptor that says what it was told."""
    folder = tmp_path_factory.mktemp("echo")
    with Adaptor([sys.executable, "-c", ECHO], {}, folder / "log") as adaptor:
        yield adaptor


@given(st.lists(st.text(), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_word_arrives(echo: Adaptor, words: list[str]) -> None:
    try:
        assert echo.ask("say", *words) == ["say", *words]
    except UnicodeEncodeError:  # a surrogate that stands for no byte is no name of this machine
        assert any("\ud800" <= character <= "\udfff" for word in words for character in word)


def test_the_answers(echo: Adaptor) -> None:
    with pytest.raises(Refused, match="why not"):
        echo.ask("no")
    with pytest.raises(Cannot, match="nothing"):
        echo.ask("nothing")
    with pytest.raises(Broken, match="no answer but 'hm'"):
        echo.ask("what")
    assert echo.ask("and goes on") == ["and goes on"]


def test_a_log_on_that_fails(tmp_path: Path) -> None:
    for answer, problem in (("failed\tno", Refused), ("", Broken)):
        with pytest.raises(problem), Adaptor([sys.executable, "-c", f"print({answer!r})"], {}, tmp_path / "log"):
            pass


def test_the_libraries_are_written_down_without_mistakes() -> None:
    commands = set(re.findall(r"`(\w+)[^`]*`", (HERE / "README.md").read_text().partition("| command |")[2]))
    for needs in (needs for _, needs in CHECKS.values()):
        assert needs <= commands
    modes = {ANY, *modes_of(DIALECTS, ("plain", "signed", "encrypted"))}
    for library in LIBRARIES.values():
        assert library.cannot <= commands
        assert set(library.modes) <= modes
        for name in library.known:
            assert not CHECKS[name][1] & library.cannot, "else nobody would find out"
        assert run.quick_modes(library), library.name


def test_a_kit_is_built_once_for_the_same_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting(DiskKit):
        built = 0

        def sources(self) -> Path:
            return HERE / "c"

        def make(self, place: Path) -> None:
            self.built += 1

    kit = Counting()
    kit.build(tmp_path)
    kit.build(tmp_path)
    assert kit.built == 1
    monkeypatch.setattr(Kit, "_stamp", lambda self: "others")
    kit.build(tmp_path)
    assert kit.built == 2
    kit.programs = {"no-such-program": "a-package"}
    with pytest.raises(BuildError, match="a-package"):
        kit.build(tmp_path)


def test_no_lock_file_names_where_packages_come_from() -> None:
    lock = json.loads((HERE / "javascript" / "package-lock.json").read_text())
    assert not any("resolved" in package for package in lock["packages"].values())


def test_times_are_of_what_the_library_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "LARGE_MIB", 1)
    server = Folder(tmp_path)
    library = Library("disk", DiskKit(), "tests.conformance.disk_adaptor", (ANY,))
    make = run.adaptor_for(library, ANY, cast("Server", server), tmp_path / "log", tmp_path)
    with make("data", PASSWORD) as adaptor:
        times = measure.measure(adaptor, cast("Server", server), tmp_path, frozenset({"remove", "stat"}))
    assert list(times) == ["put 1 KB", "get 1 KB", "list 1,000", "put 1 MiB", "get 1 MiB"]
    assert (server.shares["data"] / "large").stat().st_size == 1 << 20
    twice = {name: 2 * seconds for name, seconds in times.items()}
    shown = measure.table({"disk": {"ours": [times], "smbd": [twice]}}).splitlines()
    assert len(shown) == 2 + len(times)
    assert all(line.endswith(" 0.50") for line in shown[2:])
