"""The grammar line by line: escapes, fences, paths, edit blocks; and that writing and reading agree."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rerun_tool.grammar import (
    EditError,
    apply_edit,
    escape,
    fence_length,
    file_text,
    path_problem,
    read_edit,
    read_mark,
    unescape,
    write_file,
)
from rerun_tool.transcript import read_transcript

HOSTILE_LINES = st.one_of(
    st.sampled_from(
        [
            "",
            "@@",
            "@@end a v1",
            "@@file a v1 b",
            "@@done",
            "@@ -1,3 +1,3 @@",
            "\\@@done",
            "\\\\@@",
            "\\",
            "\\\\",
            " @@done",
            "```",
            "```python",
            "````",
            "``` a ` b",
            "``````````",
            "<<<<<<< was",
            "\r",
            "```\r",
            "@@end a v1\r",
            "\x0b\x0c\x1c\x85\u2028",
            "\ufeff",
            "ü\U0001f600",
        ]
    ),
    st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=12),
    st.text("@\\` \r\t", max_size=6),
)
BODIES = st.lists(HOSTILE_LINES, max_size=8).map(file_text)
PATHS = st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True), min_size=1, max_size=3).map("/".join)


@settings(deadline=None)  # the machine may be busy
@given(st.dictionaries(PATHS, BODIES, max_size=4), st.booleans())
def test_what_is_written_in_the_grammar_is_read_back_byte_for_byte(files: dict[str, str], twice: bool) -> None:
    text = "".join(write_file(path, 1, "Bao Nguyen", body) for path, body in files.items())
    if twice:  # a second version replaces the first
        text += "".join(write_file(path, 2, "Bao Nguyen", body + "second\n") for path, body in files.items())
    transcript = read_transcript(text.encode(), plain=True)
    assert transcript.problems == []
    wanted = {path: body + "second\n" if twice else body for path, body in files.items()}
    assert {path: version.text for path, version in transcript.last_versions().items()} == wanted


@settings(deadline=None)  # the machine may be busy
@given(HOSTILE_LINES)
def test_an_escaped_line_is_no_mark_and_comes_back(line: str) -> None:
    assert read_mark(escape(line)) is None
    assert unescape(escape(line)) == line


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([], ""),
        ([""], ""),
        (["", ""], ""),
        (["a"], "a\n"),
        (["a", "", ""], "a\n"),
        (["", "a", "", "b"], "\na\n\nb\n"),
        ([" "], " \n"),
    ],
)
def test_a_file_ends_with_exactly_one_newline_or_is_empty(lines: list[str], text: str) -> None:
    assert file_text(lines) == text


@pytest.mark.parametrize(("line", "length"), [("```", 3), ("````md", 4), ("``", 0), ("```a`", 0), (" ```", 0), ("", 0)])
def test_fence_length(line: str, length: int) -> None:
    assert fence_length(line) == length


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/etc/passwd", "absolute"),
        ("//host/share", "absolute"),
        ("..", "'..'"),
        ("../a", "'..'"),
        ("a/../../b", "'..'"),
        ("a/..", "'..'"),
        ("./a", "'.'"),
        ("a//b", "empty"),
        ("a/", "empty"),
        ("a\\b", "backslash"),
        ("..\\a", "backslash"),
        ("C:/a", "drive"),
        ("c:a", "drive"),
        ("ab:c", "colon"),
        ("a\x00b", "control"),
        ("a\x7fb", "control"),
        (".git/hooks/pre-commit", ".git"),
        ("sub/.GIT/config", ".git"),
        ("a" * 401, "longer"),
    ],
)
def test_a_path_that_could_end_elsewhere_is_refused(path: str, reason: str) -> None:
    assert reason in str(path_problem(path))


@pytest.mark.parametrize("path", ["a", "a/b.c", ".gitignore", "...", "a/..b", "ü/ß.txt", ".github/workflows/ci.yml"])
def test_a_harmless_path_is_accepted(path: str) -> None:
    assert path_problem(path) is None


def edited(previous: str, body: str) -> str:
    return file_text(apply_edit(previous, read_edit(body.splitlines())))


def test_the_blocks_of_an_edit_replace_whole_lines() -> None:
    body = "<<<<<<< was\nb\n======= now\nB\nB\n>>>>>>> end\n\n<<<<<<< was\na\n======= now\n>>>>>>> end\n"
    assert edited("a\nb\nab\n", body) == "B\nB\nab\n"


def test_an_edit_may_write_what_the_next_block_looks_for() -> None:
    body = "<<<<<<< was\na\n======= now\nb\n>>>>>>> end\n<<<<<<< was\nb\n======= now\nc\n>>>>>>> end\n"
    assert edited("a\nb\n", body) == "b\nc\n"


@pytest.mark.parametrize(
    ("body", "line", "reason"),
    [
        ("", 0, "at least one block"),
        ("stray\n", 0, "begins with"),
        ("<<<<<<< was\na\n", 0, "has no '======= now'"),
        ("<<<<<<< was\na\n======= now\n", 0, "has no '>>>>>>> end'"),
        ("<<<<<<< was\na\n>>>>>>> end\n", 2, "was expected"),
        ("<<<<<<< was\n======= now\nx\n>>>>>>> end\n", 0, "empty"),
        ("<<<<<<< was\nzz\n======= now\nx\n>>>>>>> end\n", 0, "occurs 0 times"),
        ("\n<<<<<<< was\nb\n======= now\nx\n>>>>>>> end\n", 1, "occurs 2 times"),
        ("<<<<<<< was\na\nb\n======= now\n>>>>>>> end\n<<<<<<< was\na\n======= now\n>>>>>>> end\n", 5, "overlaps"),
    ],
)
def test_an_edit_that_cannot_be_applied_says_where(body: str, line: int, reason: str) -> None:
    with pytest.raises(EditError, match=reason) as caught:
        edited("a\nb\nb\n", body)
    assert caught.value.line == line
