"""`rerun.py extract`: what is written, what is refused, and that a refusal writes nothing."""

import os
from pathlib import Path

import pytest
from rerun_tool.command_line import main
from rerun_tool.grammar import write_file

HEAD = "@@generation 1 mode=package\n@@prompt\nBuild it.\n@@phase 1 design\n"  # lines 1 to 4


def transcript(folder: Path, *files: tuple[str, str], tail: str = "") -> Path:
    path = folder / "t.md"
    path.write_text(HEAD + "".join(write_file(name, 1, "Bao", text) for name, text in files) + tail + "@@done\n")
    return path


def tree(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_the_last_versions_are_written_and_nothing_else(tmp_path: Path, recorded: bytes) -> None:
    source, out = tmp_path / "t.md", tmp_path / "new" / "out"
    source.write_bytes(recorded)
    assert main(["extract", str(source), str(out)]) == 0
    files = tree(out)
    assert sorted(files) == ["NOTES.md", "greeter/core.py"]  # greeter/old.py ended empty
    assert files["greeter/core.py"].endswith('    return f"Grüß dich, {name[:LIMIT]}"\n'.encode())


def test_a_file_that_the_transcript_does_not_name_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("mine")
    (out / "a").write_text("old")
    assert main(["extract", str(transcript(tmp_path, ("a", "new\n"))), str(out)]) == 0
    assert tree(out) == {"mine": b"mine", "a": b"new\n"}


@pytest.mark.parametrize(
    "path", ["/abs", "../up", "a/../../up", "a//b", "a/", "./a", "a\\b", "C:/a", "C:a", ".git/hooks/post-commit"]
)
def test_a_path_that_leads_out_is_refused(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = transcript(tmp_path, ("good", "x\n"), (path, "x\n"))
    assert main(["extract", str(source), str(tmp_path / "out")]) == 1
    assert f"{source}:10: the path {path!r} " in capsys.readouterr().err
    assert tree(tmp_path) == {"t.md": source.read_bytes()}


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("Readme", "README", "differ only in case"),
        ("a/x", "A/y", "differ only in case"),
        ("stra\u00dfe", "STRASSE", "differ only in case"),
        ("e\u0301", "\u00e9", "differ only in case"),
        ("a", "a/b", "is a file and a folder"),
        ("a/b", "a", "is a file and a folder"),
    ],
)
def test_paths_that_cannot_stand_side_by_side_are_refused(
    first: str, second: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = transcript(tmp_path, (first, "x\n"), (second, "x\n"))
    assert main(["extract", str(source), str(tmp_path / "out")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_file_may_change_the_case_of_its_name(tmp_path: Path) -> None:
    gone = write_file("Readme", 2, "Bao", "")
    source = transcript(tmp_path, ("Readme", "x\n"), ("README", "x\n"), tail=gone)
    assert main(["extract", str(source), str(tmp_path / "out")]) == 0
    assert sorted(tree(tmp_path / "out")) == ["README"]


@pytest.mark.parametrize(
    ("link", "target", "path"),
    [
        ("sub", "..", "sub/a"),
        ("sub", "../elsewhere", "sub/a"),
        ("sub", "/tmp", "sub/new/a"),
        ("a", "../elsewhere/a", "a"),
        ("a", ".", "a"),
        ("loop", "loop", "loop/a"),
    ],
)
def test_a_symbolic_link_that_leads_out_is_refused(
    link: str, target: str, path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (out / link).symlink_to(target)
    source = transcript(tmp_path, ("good", "x\n"), (path, "x\n"))
    before = tree(tmp_path)
    assert main(["extract", str(source), str(out)]) != 0
    assert f"{source}:10: the path {path!r}" in capsys.readouterr().err
    assert tree(tmp_path) == before


def test_a_symbolic_link_that_stays_inside_is_followed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "real").mkdir(parents=True)
    (out / "sub").symlink_to("real")
    assert main(["extract", str(transcript(tmp_path, ("sub/a", "x\n"))), str(out)]) == 0
    assert (out / "real" / "a").read_bytes() == b"x\n"
    assert (out / "sub").is_symlink()
    assert main(["extract", str(transcript(tmp_path, ("sub/a", "x\n"), ("real/a", "y\n"))), str(out)]) == 1


def test_the_directory_itself_may_be_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    assert main(["extract", str(transcript(tmp_path, ("a/b", "x\n"))), str(tmp_path / "out")]) == 0
    assert tree(tmp_path / "real") == {"a/b": b"x\n"}


@pytest.mark.parametrize("path", ["thing", "thing/a"])
def test_something_of_the_wrong_kind_in_the_way_is_refused(path: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    if path == "thing":
        (out / "thing").mkdir()
    else:
        (out / "thing").write_text("a file")
    assert main(["extract", str(transcript(tmp_path, ("good", "x\n"), (path, "x\n"))), str(out)]) == 1
    assert not (out / "good").exists()


def test_a_malformed_transcript_reports_everything_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = transcript(tmp_path, ("a", "x\n"), ("a", "y\n"), tail="@@wrong\n@@phase 7 x\n")
    assert main(["extract", str(source), str(tmp_path / "out")]) == 1
    assert [line.split(": ")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"{source}:{line}" for line in (10, 15, 16)
    ]
    assert not (tmp_path / "out").exists()


def test_check_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = transcript(tmp_path, ("a", "x\n"))
    assert main(["extract", str(source), str(tmp_path / "out"), "--check"]) == 0
    assert capsys.readouterr().out == f"{source}: well formed, 1 files\n"
    assert not (tmp_path / "out").exists()


def test_list_names_every_version(tmp_path: Path, recorded: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "t.md"
    source.write_bytes(recorded)
    assert main(["extract", str(source), "--list"]) == 0
    rows = [row.split() for row in capsys.readouterr().out.splitlines()]
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("greeter/core.py", "v1", "whole"),
        ("greeter/core.py", "v2", "edit"),
        ("greeter/old.py", "v1", "whole"),
        ("greeter/old.py", "v2", "whole"),
        ("NOTES.md", "v1", "whole"),
    ]
    lines = recorded.decode().split("\n")
    for row in rows:
        number = int(row[row.index("line") + 1])
        assert lines[number - 1].endswith(f"{row[0]} {row[1]} {' '.join(row[row.index('line') + 2 :])}")


def test_the_call_without_a_directory_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract", str(transcript(tmp_path, ("a", "x\n")))]) == 2
    assert main(["extract", str(tmp_path / "missing.md"), "--check"]) == 2
    assert "missing.md" in capsys.readouterr().err


def test_the_files_get_the_ordinary_mode(tmp_path: Path) -> None:
    umask = os.umask(0o027)
    try:
        assert main(["extract", str(transcript(tmp_path, ("a", "x\n"))), str(tmp_path / "out")]) == 0
    finally:
        os.umask(umask)
    assert (tmp_path / "out" / "a").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]
