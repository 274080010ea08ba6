"""The parser of the smbclient scripts, and the comparison of output with what a script expects."""

from pathlib import Path

import pytest

from conformance.smbclient.script_format import Script, ScriptError, Step, compare, normalise, parse, parse_file

CONFORMANCE = Path(__file__).resolve().parents[2] / "conformance"
SCRIPTS = CONFORMANCE / "smbclient" / "scripts"
RPC_SCRIPTS = CONFORMANCE / "rpcclient" / "scripts"
DATE = "Sat Nov 21 21:35:01 2026"


def only_step(text: str) -> Step:
    script = parse("name", text)
    assert len(script.steps) == 1
    return script.steps[0]


def problems(text: str, *lines: str) -> list[str]:
    return compare(only_step(text), lines)


def test_every_kind_of_command() -> None:
    script = parse("name", "# comment\n\n> ls\nro> rm a\n% -L host\nexit 1\n$ cmp a b\n")
    assert [(s.line, s.kind, s.client, s.command, s.exit_code) for s in script.steps] == [
        (3, "session", "", "ls", 0),
        (4, "session", "ro", "rm a", 0),
        (5, "program", "", "-L host", 1),
        (7, "shell", "", "cmp a b", 0),
    ]


def test_directives_stand_before_the_first_command() -> None:
    script = parse("name", "only 3.1.1-plain 2.1-signed\nslow\n> ls\n")
    assert script == Script("name", script.steps, frozenset({"3.1.1-plain", "2.1-signed"}), True)
    assert parse("name", "> ls").only == frozenset()
    with pytest.raises(ScriptError, match="name:2: unknown line: slow"):
        parse("name", "> ls\nslow")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no commands"),
        ("# only a comment", "no commands"),
        ("= text\n> ls", "name:1: an expectation before any command"),
        ("> ls\nbogus", "name:2: unknown line: bogus"),
        ("> ls\n~ (", "name:2: "),
        ("> ls\n! [", "name:2: "),
        ("> ls\nexit 1", "name:2: unknown line: exit 1"),
        ("> ls\n=text", "name:2: unknown line: =text"),
    ],
)
def test_a_line_outside_the_format_is_refused_with_its_number(text: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message.replace("(", r"\(")):
        parse("name", text)


def test_silence_is_expected_unless_something_is_said() -> None:
    assert problems("> mkdir a") == []
    assert problems("> mkdir a", "NT_STATUS_ACCESS_DENIED") == ["line 1: not expected: NT_STATUS_ACCESS_DENIED"]


def test_exact_lines_match_only_themselves_in_any_order() -> None:
    assert problems("> x\n= b\n= a", "a", "b") == []
    assert len(problems("> x\n= a.c", "abc")) == 2
    assert problems("> x\n= a", "a", "a") == ["line 1: not expected: a"]
    assert problems("> x\n= a\n= a", "a") == ["line 3: = a: expected 1 such line(s), 0 came"]


def test_a_pattern_matches_the_whole_line_and_a_number_of_lines() -> None:
    assert problems(r"> x" + "\n" + r"~ a\d", "a1") == []
    assert len(problems(r"> x" + "\n" + r"~ a\d", "a12")) == 2
    assert problems("> x\n~3 a.", "a1", "a2", "a3") == []
    assert problems("> x\n~3 a.", "a1", "a2") == ["line 2: ~ a.: expected 3 such line(s), 2 came"]
    assert problems("> x\n~2 a.", "a1", "a2", "a3") == ["line 1: not expected: a3"]


def test_a_pattern_never_takes_the_line_of_an_exact_expectation() -> None:
    assert problems("> x\n~ .*\n= a", "a", "b") == []


def test_more_lines_are_allowed_only_by_a_star() -> None:
    assert problems("> x\n= a\n*", "a", "b") == []
    assert problems("> x\n*") == []
    assert len(problems("> x\n= a\n*", "b")) == 1


def test_a_forbidden_line() -> None:
    assert problems("> x\n*\n! b.*", "a") == []
    assert problems("> x\n*\n! b.*", "a", "bc") == ["line 3: ~ b.*: must not come: bc"]


def test_the_macros_of_a_listing() -> None:
    text = "> ls\n~ f A 5 {date}\n~ {free}"
    free = "24684096 blocks of size 1024. 24676588 blocks available"
    assert problems(text, f"f A 5 {DATE}", free) == []
    assert len(problems(text, f"f A 6 {DATE}", free)) == 2
    assert len(problems(text, f"f A 5 {DATE}", free.replace("24684096", "0"))) == 2


def test_normalised_output() -> None:
    output = (
        f"  one            A        5  {DATE}\n\n\t\t24684096 blocks of size 1024. 1 blocks available\r\n"
        "putting file a as \\dir\\a (1192.3 kb/s) (average 1192.4 kb/s)\n"
        "getting file \\dir\\s\\a of size 2 as a (20000.0 KiloBytes/sec) (average inf KiloBytes/sec)\n"
        "Total bytes written: 12 (0.0 MiB/s)\n"
    )
    assert normalise(output, "dir") == [
        f"one A 5 {DATE}",
        "24684096 blocks of size 1024. 1 blocks available",
        "putting file a as \\a",
        "getting file \\s\\a of size 2 as a",
        "Total bytes written: 12",
    ]


@pytest.mark.parametrize(
    "path", [*sorted(SCRIPTS.glob("*.smb")), *sorted(RPC_SCRIPTS.glob("*.rpc"))], ids=lambda path: path.stem
)
def test_every_script_parses_and_says_what_it_is_about(path: Path) -> None:
    assert parse_file(path).name == path.stem
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_there_are_scripts() -> None:
    assert len(list(SCRIPTS.glob("*.smb"))) >= 15
    assert len(list(RPC_SCRIPTS.glob("*.rpc"))) >= 4
