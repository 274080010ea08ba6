"""The smbtorture runner's reading: subunit, the list of tests, and what expected.md makes of a result."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.smbtorture import suites
from conformance.smbtorture.expected import (
    ExpectedError,
    differences,
    parse_expected,
    read_expected,
    unknown_names,
)
from conformance.smbtorture.results import (
    ERROR,
    FAILURE,
    SKIP,
    SUCCESS,
    TIMEOUT,
    Event,
    Output,
    Record,
    judge,
    one_line,
    parse_list,
    parse_subunit,
    table,
    write_json,
)

EXPECTED = Path(__file__).resolve().parents[2] / "conformance" / "smbtorture" / "expected.md"

PASSED = "time: 2026-01-01 10:00:00.0Z\ntest: rw-shared\ntime: 2026-01-01 10:00:01.0Z\nsuccess: rw-shared\n"
FAILED = "test: a\nfailure: a [\n\n../../source4/torture/smb2/lock.c:12: wrong value\nmore\n]\ntest: b\nsuccess: b\n"
LIST = """\
smb2.lock.rw-shared
smb2.connect.connect
smb2.create.gentest.gentest
smb2.delete-on-close-perms.CREATE Existing
smbtorture 4.17.12
Suites:
"""
ROW = "| `smb2.a.b` | fails | it is not there yet | [MS-SMB2] 3.3.5.9 |\n"


def test_events_have_name_and_reason() -> None:
    assert parse_subunit(PASSED) == Output([Event(SUCCESS, "rw-shared", "")], "")
    assert parse_subunit(FAILED) == Output(
        [Event(FAILURE, "a", "\n../../source4/torture/smb2/lock.c:12: wrong value\nmore"), Event(SUCCESS, "b", "")], ""
    )
    assert parse_subunit("skip: a [\nno -k\n]\n").events == [Event(SKIP, "a", "no -k")]
    assert parse_subunit("unknown: a\n").events == [Event(ERROR, "a", "")]


def test_a_test_without_a_result_is_named() -> None:
    assert parse_subunit("test: a\nfailure: a [\ncut off") == Output([Event(FAILURE, "a", "cut off")], "")
    assert parse_subunit("test: a\n") == Output([], "a")


def test_one_line_leaves_the_folders_out() -> None:
    assert one_line("\n \n(../../source4/torture/smb2/delete-on-close.c:73)  Incorrect   status\nmore").startswith(
        "delete-on-close.c:73 Incorrect status"
    )
    assert one_line("x" * 999) == "x" * 300
    assert one_line("\n") == ""


@pytest.mark.parametrize(
    ("stdout", "stderr", "code", "expected"),
    [
        (PASSED, "", 0, (SUCCESS, "")),
        (FAILED, "", 1, (FAILURE, "lock.c:12: wrong value")),
        ("failure: a\n", "", 1, (FAILURE, "no reason given")),
        ("skip: a [\nno -k\n]\n", "", 0, (SKIP, "no -k")),
        (PASSED + "skip: b\n", "", 0, (SUCCESS, "")),
        (PASSED, "", 1, (ERROR, "exit code 1 after a success")),
        (PASSED, "", -11, (ERROR, "smbtorture died of signal 11")),
        ("test: a\n", "Using seed 1\ncould not connect\n", 1, (ERROR, "no result: could not connect")),
        ("", "", 0, (ERROR, "no result: exit code 0")),
        (PASSED + "test: b\n", "", 0, (ERROR, "no result: success: rw-shared")),
    ],
)
def test_nothing_passes_that_did_not_say_so(stdout: str, stderr: str, code: int, expected: tuple[str, str]) -> None:
    assert judge(stdout, stderr, code) == expected


def test_doubled_names_are_one_name() -> None:
    assert parse_list(LIST) == [
        "smb2.lock.rw-shared",
        "smb2.connect",
        "smb2.create.gentest",
        "smb2.delete-on-close-perms.CREATE Existing",
    ]


def test_suites_choose_whole_names_and_leave_out_what_does_not_apply() -> None:
    names = ["smb2.lock.a", "smb2.lockx.a", "smb2.connect", "smb2.bench.oplock1", "rpc.bind.a"]
    assert suites.choose(names, ["lock", "smb2.connect"]) == ["smb2.lock.a", "smb2.connect"]
    assert suites.choose(names, [suites.ALL]) == ["smb2.lock.a", "smb2.lockx.a", "smb2.connect"]
    assert suites.choose(names, [suites.ALL], ["*bench*"]) == ["smb2.bench.oplock1"]


def test_long_tests_have_their_own_limit_and_never_a_smaller_one() -> None:
    assert suites.time_limit("smb2.lock.a", 60) == 60
    assert suites.time_limit("smb2.maxfid", 60) == 240
    assert suites.time_limit("smb2.maxfid", 500) == 500


def test_the_local_folder_is_told_to_those_who_ask() -> None:
    assert suites.settings_for("smb2.samba3misc.localposixlock1", {"local": "/x"}) == ["--option=torture:localdir=/x"]
    assert suites.settings_for("smb2.lock.a", {}) == []


def test_the_list_is_a_table_in_text() -> None:
    assert parse_expected("# Title\n\n| test | result | reason | section |\n|---|---|---|---|\n" + ROW) == {
        "smb2.a.b": ("smb2.a.b", "fails", "it is not there yet", "[MS-SMB2] 3.3.5.9")
    }
    assert read_expected(Path("/nowhere/at/all")) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ROW + ROW, "line 2: smb2.a.b stands here twice"),
        ("| `a.b` | fails |  | - |", "line 1: four filled columns"),
        ("| `a.b` | fails | why |", "line 1: four filled columns"),
        ("| `a.b` | flaky | why | - |", "line 1: the result is"),
    ],
)
def test_a_row_out_of_form_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ExpectedError, match=message):
        parse_expected(text)
    path = tmp_path / "expected.md"
    path.write_text(text)
    with pytest.raises(ExpectedError, match="expected.md: " + message):
        read_expected(path)


@pytest.mark.parametrize(
    ("listed", "result", "problem"),
    [
        ("", SUCCESS, ""),
        ("", FAILURE, "failure, not in the list: why"),
        ("", SKIP, "skip, not in the list: why"),
        ("", TIMEOUT, "timeout, not in the list: why"),
        ("fails", FAILURE, ""),
        ("fails", TIMEOUT, ""),
        ("fails", ERROR, ""),
        ("fails", SUCCESS, "passes: take it out of the list"),
        ("fails", SKIP, "skip, the list says fails: why"),
        ("skipped", SKIP, ""),
        ("skipped", SUCCESS, "passes: take it out of the list"),
        ("skipped", FAILURE, "failure, the list says skipped: why"),
    ],
)
def test_the_list_and_the_run_must_agree(listed: str, result: str, problem: str) -> None:
    known = parse_expected(f"| `smb2.a.b` | {listed} | because | - |") if listed else {}
    found = differences([Record("smb2.a.b", result, 0.1, "why")], known)
    assert found == ({"smb2.a.b": problem} if problem else {})


def test_a_row_for_a_test_that_does_not_exist_is_a_problem() -> None:
    assert list(unknown_names(parse_expected(ROW), ["smb2.a.c"])) == ["smb2.a.b"]
    assert unknown_names(parse_expected(ROW), ["smb2.a.b"]) == {}


def test_the_list_of_this_repository_is_in_form() -> None:
    for entry in read_expected(EXPECTED).values():
        assert entry.section == "-" or "MS-" in entry.section, entry.test


def test_the_table_sums_up() -> None:
    lines = table([Record("smb2.a.b", SUCCESS, 1.4), Record("smb2.a.c", SKIP, 1.4), Record("rpc.x", FAILURE, 1)])
    rows = [line.split() for line in lines.splitlines()]
    assert rows == [
        ["suite", "tests", SUCCESS, FAILURE, ERROR, SKIP, TIMEOUT, "seconds"],
        ["rpc.x", "1", "0", "1", "0", "0", "0", "1"],
        ["smb2.a", "2", "1", "0", "0", "1", "0", "3"],
        ["total", "3", "1", "1", "0", "1", "0", "4"],
    ]


def test_the_json_holds_all(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_json([Record("a.b", SKIP, 0.5, "why", (FAILURE,))], {"a.b": "text"}, path)
    text = path.read_text()
    assert '"attempts": [\n    "failure"\n   ]' in text
    assert '"skip": 1' in text
    assert '"a.b": "text"' in text
