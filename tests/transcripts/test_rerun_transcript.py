"""A whole transcript: what it holds, and that each break of the grammar is reported at its line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rerun_tool.transcript import read_transcript

HEAD = "@@generation 1 mode=package\n@@prompt\nBuild it.\n@@phase 1 design\n"  # lines 1 to 4
FILE = "@@file a.py v1 Bao Nguyen\n```python\nx = 1\n```\n@@end a.py v1\n"  # 5 lines
DECISION = "@@decision D1 t\nchosen: a\nagainst: b\nbecause: c\nreopen when: d\n"
CHECKPOINT = "done: a\ndecided: b\nopen: c\ninterfaces: d\nnext: e\nneeds: none\n"


def problems(text: str, *, done: bool = True) -> list[tuple[int, str]]:
    data = (text + ("@@done\n" if done else "")).encode("utf-8", "surrogateescape")
    return [(problem.line, problem.message) for problem in read_transcript(data).problems]


def test_the_recorded_transcript_is_well_formed(recorded: bytes) -> None:
    transcript = read_transcript(recorded)
    assert transcript.problems == []
    assert transcript.done
    assert [version.number for version in transcript.files["greeter/core.py"]] == [1, 2]
    assert "{name[:LIMIT]}" in str(transcript.files["greeter/core.py"][-1].text)
    assert transcript.files["greeter/old.py"][-1].text == ""
    notes = transcript.files["NOTES.md"][0]
    assert notes.author == "Margaret Oyelaran"
    assert recorded.split(b"\n")[notes.line - 1] == b"@@file NOTES.md v1 Margaret Oyelaran"
    assert str(notes.text).endswith("```\n\n@@file is a mark.\n\\@@done has a backslash of its own.\n")


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("@@wrong\n", 5, "unknown mark @@wrong"),
        ("@@\n", 5, "unknown mark"),
        ("@@phase 3 x\n", 5, "phase 2 was expected"),
        ("@@phase 1 x\n", 5, "phase 2 was expected"),
        ("@@phase two\n", 5, "form is @@phase N TITLE"),
        ("@@round x\n", 5, "form is @@round N"),
        ("@@turn Ruth\n", 5, "form is @@turn NAME (ROLE)"),
        ("@@fork 1 x\n", 5, "form is @@fork FN TITLE"),
        ("@@generation 2 mode=package\n", 5, "first mark"),
        ("@@prompt\nagain\n", 5, "second @@prompt"),
        ("@@end a.py v1\n", 5, "closes nothing"),
        ("@@reality\n", 5, "before @@done"),
        ("@@decision 1 t\nchosen: a\nagainst: b\nbecause: c\nreopen when: d\n", 5, "form is @@decision"),
        (DECISION.replace("because: c\n", ""), 5, "no line 'because:'"),
        (DECISION.replace("reopen when: d\n", ""), 5, "no line 'reopen when:'"),
        ("@@checkpoint x\n" + CHECKPOINT, 5, "form is @@checkpoint"),
        ("@@checkpoint 2\n" + CHECKPOINT, 5, "in phase 1"),
        ("@@checkpoint 1.2\n" + CHECKPOINT.replace("needs: none\n", ""), 5, "no line 'needs:'"),
        ("@@file a.py v1\n```\n```\n@@end a.py v1\n", 5, "form is @@file PATH vN NAME"),
        ("@@file a.py v2 Bao\n```\n```\n@@end a.py v2\n", 5, "v1 was expected"),
        (FILE + FILE, 10, "v2 was expected"),
        (FILE + FILE.replace("v1", "v3"), 10, "v2 was expected"),
        (
            "@@edit a.py v2 Bao\n```\n<<<<<<< was\nx\n======= now\n>>>>>>> end\n```\n@@end a.py v2\n",
            5,
            "no version before",
        ),
        (FILE.replace("@@end a.py v1", "@@end b.py v1"), 9, "@@end a.py v1 (line 5) was expected"),
        (FILE.replace("@@end a.py v1", "@@end a.py v2"), 9, "@@end a.py v1 (line 5) was expected"),
        (FILE.replace("@@end a.py v1", "@@end"), 9, "form is @@end PATH vN"),
        (FILE.replace("```python\n", ""), 6, "must open a fence"),
        (FILE.replace("x = 1\n```\n", "x = 1\n"), 7, "close the fence with 3 backticks"),
        (FILE.replace("x = 1\n```", "x = 1\n````"), 8, "close the fence with 3 backticks"),
        (FILE.replace("x = 1", "@@ -1 +1 @@"), 7, "needs a backslash"),
        (FILE.replace("x = 1", "@@turn Bao (engineer)"), 7, "@@end is missing"),
        (FILE.replace("a.py", "../a.py"), 5, "'..'"),
        (FILE.replace("a.py", "/a.py"), 5, "absolute"),
        (FILE.replace("file", "sketch", 1).replace("a.py", "a\\b.py"), 5, "backslash"),
        (FILE.replace("x = 1", "\udcff"), 7, "not UTF-8"),
    ],
)
def test_a_break_of_the_grammar_is_reported_at_its_line(body: str, line: int, message: str) -> None:
    found = problems(HEAD + body)
    assert (line, True) in [(at, message in text) for at, text in found], found


def test_an_edit_reports_the_line_of_its_block() -> None:
    blocks = "<<<<<<< was\nx = 1\n======= now\ny\n>>>>>>> end\n<<<<<<< was\nzz\n======= now\ny\n>>>>>>> end\n"
    found = problems(HEAD + FILE + f"@@edit a.py v2 Bao\n```text\n{blocks}```\n@@end a.py v2\n")
    assert found == [(17, "the old text occurs 0 times in the version before, not once")]


def test_a_failed_edit_is_reported_once() -> None:
    edit = "@@edit a.py v{0} Bao\n```text\n<<<<<<< was\nzz\n======= now\n>>>>>>> end\n```\n@@end a.py v{0}\n"
    assert [line for line, _ in problems(HEAD + FILE + edit.format(2) + edit.format(3))] == [12]


def test_all_problems_come_in_one_run_and_in_order() -> None:
    found = problems(HEAD + "@@wrong\n" + FILE.replace("a.py v1\n", "a.py v7\n") + "@@phase 9 x\n@@round\n")
    assert [line for line, _ in found] == [5, 10, 11, 12]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "no mark at all"),
        ("just words\n", 1, "no mark at all"),
        ("@@prompt\nx\n", 1, "first mark must be @@generation"),
        ("@@generation x mode=package\n@@prompt\nx\n", 1, "form is @@generation"),
        ("@@generation 1 mode=other\n@@prompt\nx\n", 1, "form is @@generation"),
        ("@@generation 1 mode=package\n", 1, "no @@prompt"),
        ("@@generation 1 mode=package\n@@prompt\n\n@@phase 1 x\n", 2, "prompt is empty"),
        (HEAD + FILE.replace("@@end a.py v1\n", ""), 5, "has no @@end"),
    ],
)
def test_a_broken_whole_is_reported(text: str, line: int, message: str) -> None:
    found = problems(text, done=False)
    assert any(at == line and message in said for at, said in found), found


def test_a_missing_done_is_a_warning() -> None:
    transcript = read_transcript((HEAD + FILE).encode())
    assert [problem.warning for problem in transcript.problems] == [True]
    assert not transcript.malformed


def test_only_reality_may_follow_done() -> None:
    assert problems(HEAD + "@@done\nbye\n@@reality\n- a fact\n@@reality\n- another\n", done=False) == []
    assert problems(HEAD + "@@done\n" + FILE, done=False) == [(6, "@@file after @@done; only @@reality may follow")]
    assert problems(HEAD + "@@done\n@@done\n", done=False) == [(6, "@@done after @@done; only @@reality may follow")]


def test_a_fence_inside_an_equal_fence_is_a_warning_and_keeps_the_body() -> None:
    transcript = read_transcript((HEAD + FILE.replace("x = 1", "```sh\nls\n```") + "@@done\n").encode())
    assert [(problem.line, problem.warning) for problem in transcript.problems] == [(7, True), (9, True)]
    assert transcript.files["a.py"][0].text == "```sh\nls\n```\n"


def test_plain_needs_nothing_but_files() -> None:
    assert read_transcript(FILE.encode(), plain=True).problems == []


@settings(deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_upset_the_reader(data: bytes, plain: bool) -> None:
    read_transcript(data, plain=plain)


@settings(deadline=None)
@given(st.integers(min_value=0), st.sampled_from([b"", b"@@", b"\n@@end x v1\n", b"\xff", b"```\n"]))
def test_a_cut_or_damaged_transcript_never_upsets_the_reader(recorded: bytes, at: int, damage: bytes) -> None:
    at %= len(recorded)
    read_transcript(recorded[:at] + damage)
    read_transcript(recorded[:at] + damage + recorded[at:])


SECOND_HEAD = HEAD.replace("mode=package", "mode=package form=2")
SECOND = DECISION.replace("reopen", "rests on: [MS-SMB2] 3.3.5.4\nreopen")


def test_a_decision_of_the_second_form_says_what_it_rests_on() -> None:
    assert problems(SECOND_HEAD + SECOND) == []
    assert problems(HEAD + DECISION) == []
    assert problems(HEAD + SECOND) == []  # it may say so in the first form, too
    [(line, message)] = problems(SECOND_HEAD + DECISION)
    assert (line, message) == (5, "the decision has no line 'rests on:'")
    [(line, message)] = problems(SECOND_HEAD + SECOND.replace(" [MS-SMB2] 3.3.5.4", " "))
    assert (line, message) == (5, "nothing stands behind 'rests on:'")
    late = DECISION + "rests on: what comes too late\n"
    assert [message for _, message in problems(SECOND_HEAD + late)] == ["the decision has no line 'reopen when:'"]


def test_there_is_no_third_form() -> None:
    assert "form is @@generation" in problems(HEAD.replace("mode=package", "mode=package form=3"))[0][1]
