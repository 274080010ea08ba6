"""Writes the files of a transcript below a directory, and refuses every path that could end anywhere else."""

import os
import tempfile
import unicodedata
from pathlib import Path

from .transcript import Problem, Transcript, read_transcript

TRANSCRIPT_LIMIT = 256 << 20  # bytes; a transcript larger than this is not one


def load(path: Path, *, plain: bool = False) -> Transcript:
    """Read the transcript at `path`. Raises OSError; ValueError when it is larger than TRANSCRIPT_LIMIT."""
    with path.open("rb") as stream:
        data = stream.read(TRANSCRIPT_LIMIT + 1)
    if len(data) > TRANSCRIPT_LIMIT:
        raise ValueError(f"{path} is larger than {TRANSCRIPT_LIMIT} bytes")
    transcript = read_transcript(data, plain=plain)
    transcript.problems += name_clashes(transcript)
    transcript.problems.sort()
    return transcript


def wanted_files(transcript: Transcript) -> dict[str, bytes]:
    """Path and bytes of every file that is to be written: an empty last version is none."""
    return {path: version.text.encode("utf-8") for path, version in transcript.last_versions().items() if version.text}


def name_clashes(transcript: Transcript) -> list[Problem]:
    """Files of the transcript that cannot stand side by side: names that differ only in case, a file used as folder."""
    problems: list[Problem] = []
    spelled: dict[str, str] = {}  # folded path or leading part of one -> how it was first spelled
    folders: set[str] = set()
    files = wanted_files(transcript)
    for path in files:
        parts = path.split("/")
        line = transcript.files[path][-1].line
        for size in range(1, len(parts) + 1):
            part = "/".join(parts[:size])
            first = spelled.setdefault(unicodedata.normalize("NFC", part).casefold(), part)
            if first != part:
                problems.append(Problem(line, f"the paths {first!r} and {part!r} differ only in case"))
                break
            if size < len(parts):
                folders.add(part)
    problems += [
        Problem(transcript.files[path][-1].line, f"the path {path!r} is a file and a folder")
        for path in files
        if path in folders
    ]
    return problems


def place_problems(transcript: Transcript, directory: Path) -> list[Problem]:
    """What in `directory` forbids writing: symbolic links that lead out, things of the wrong kind in the way."""
    problems: list[Problem] = []
    root = Path(os.path.realpath(directory))
    taken: dict[Path, str] = {}
    for path in wanted_files(transcript):
        line = transcript.files[path][-1].line
        target = Path(os.path.realpath(root / path))
        if root not in target.parents:
            problems.append(Problem(line, f"the path {path!r} leads out of {directory} by a symbolic link"))
            continue
        other = taken.setdefault(target, path)
        if other != path:
            problems.append(Problem(line, f"the paths {other!r} and {path!r} are one file in {directory}"))
        above = next((parent for parent in target.parents if os.path.lexists(parent)), root)
        if target.is_dir():
            problems.append(Problem(line, f"the path {path!r} is a directory in {directory}"))
        elif not above.is_dir() and root in above.parents:
            problems.append(Problem(line, f"the path {path!r} has a file for a folder in {directory}"))
    return problems


def write_package(transcript: Transcript, directory: Path) -> list[str]:
    """Write the last versions and return their paths. Checks come first: after problems nothing is written.

    Appends what it finds to `transcript.problems`. Files that the transcript does not name stay. Raises OSError.
    """
    if not transcript.malformed:
        transcript.problems += place_problems(transcript, directory)
        transcript.problems.sort()
    if transcript.malformed:
        return []
    directory.mkdir(parents=True, exist_ok=True)
    root = Path(os.path.realpath(directory))
    files = wanted_files(transcript)
    for path, data in files.items():
        target = Path(os.path.realpath(root / path))
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, data)
    return list(files)


def replace_file(target: Path, data: bytes) -> None:
    """Write `target` so that a reader, or a restart after a crash, sees the old bytes or the new, never a part."""
    handle, name = tempfile.mkstemp(prefix=".rerun-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # mkstemp makes it private; these are ordinary files
        os.replace(name, target)
    except BaseException:  # also on an interrupt: no half-written file stays behind
        os.unlink(name)
        raise


def report(transcript: Transcript, name: str) -> list[str]:
    """The problems as `NAME:LINE: message`, in the order of the lines."""
    return [
        f"{name}:{problem.line}: {'warning: ' if problem.warning else ''}{problem.message}"
        for problem in transcript.problems
    ]


def listing(transcript: Transcript) -> list[str]:
    """One line per version of each file: path, version, kind, lines of text, author, line in the transcript."""
    width = max((len(path) for path in transcript.files), default=0)
    rows = []
    for path, versions in transcript.files.items():
        for version in versions:
            if version.text is None:
                size = "unreadable"
            else:
                size = f"{version.text.count(chr(10))} lines" if version.text else "removed"
            kind = "whole" if version.kind == "file" else "edit"
            rows.append(
                f"{path:<{width}}  v{version.number:<3} {kind:<5} {size:<11} line {version.line:<7} {version.author}"
            )
    return rows
