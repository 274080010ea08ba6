"""Holds every source file to the rules that no linter knows: docstrings, sizes, names, reasons, no hidden state."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("smbserver", "conformance", "transcripts", "tests")
MAXIMUM_LINES = 800  # beyond this a file has more than one concern; the aim is 500
SHAPELESS_NAMES = ("utils", "util", "helpers", "helper", "misc", "common")  # they collect what has no place
CONTAINERS = (
    "list",
    "dict",
    "set",
    "bytearray",
    "defaultdict",
    "deque",
    "OrderedDict",
    "Counter",
    "WeakValueDictionary",
)

FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


class Source:
    """One file, read and parsed once; `name` is what messages call it."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.tree = ast.parse(text, name)

    def comment_lines(self) -> set[int]:
        """Numbers of the lines that hold a comment."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {token.start[0] for token in tokens if token.type == tokenize.COMMENT}


def missing_docstring(source: Source) -> Iterator[str]:
    """The first line (after `#!`) is a docstring whose first line says what the file does."""
    first = source.tree.body[0] if source.tree.body else None
    docstring = ast.get_docstring(source.tree, clean=False) or ""
    expected = 2 if source.text.startswith("#!") else 1
    if first is None or first.lineno != expected or not docstring.split("\n", 1)[0].strip():
        yield f"{source.name}:{expected}: the first line must be a docstring that says what this file does"


def bare_except(source: Source) -> Iterator[str]:
    """`except:` also catches cancellation and the interrupt key."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"{source.name}:{node.lineno}: `except:` without a type"


def shapeless_name(source: Source) -> Iterator[str]:
    """A file named after nothing has no reason to be left alone."""
    if Path(source.name).stem in SHAPELESS_NAMES:
        yield f"{source.name}: name the file after the one thing it does"


def too_long(source: Source) -> Iterator[str]:
    """A file over the limit is split by concern."""
    lines = len(source.text.splitlines())
    if lines > MAXIMUM_LINES:
        yield f"{source.name}: {lines} lines, at most {MAXIMUM_LINES}"


def unexplained_any(source: Source) -> Iterator[str]:
    """Each line that uses `Any` has a comment with the reason, on the line itself or on the one above."""
    comments = source.comment_lines()
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Name | ast.Attribute) or ast.unparse(node) not in ("Any", "typing.Any"):
            continue
        if {node.lineno, node.lineno - 1}.isdisjoint(comments):
            yield f"{source.name}:{node.lineno}: `Any` without the reason beside it"


def hidden_state(source: Source) -> Iterator[str]:
    """A module-level container is a constant, in capitals; state hangs on an object that is passed in."""
    for node in source.tree.body:
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        for target in targets:
            variable = (
                isinstance(target, ast.Name) and target.id != target.id.upper() and not target.id.startswith("__")
            )
            if variable and _is_mutable(node.value):
                yield f"{source.name}:{node.lineno}: `{ast.unparse(target)}` is mutable state of the module"


def _is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).rpartition(".")[2].partition("[")[0] in CONTAINERS
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


RULES = (missing_docstring, bare_except, shapeless_name, too_long, unexplained_any, hidden_state)


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    """All files, parsed once for all rules."""
    return [Source(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in FILES]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps_the_rule(rule: Callable[[Source], Iterator[str]], sources: list[Source]) -> None:
    assert sources, "there are no files to check"
    if findings := "\n".join(finding for source in sources for finding in rule(source)):
        pytest.fail(findings, pytrace=False)  # every finding on a line of its own, which an assertion would shorten


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (missing_docstring, "a.py", ""),
        (missing_docstring, "a.py", "import os\n"),
        (missing_docstring, "a.py", "# comment\n'''Too late.'''\n"),
        (missing_docstring, "a.py", "'''\nNot on the first line.\n'''\n"),
        (bare_except, "a.py", "try:\n    x()\nexcept:\n    pass\n"),
        (shapeless_name, "smbserver/utils.py", ""),
        (shapeless_name, "smbserver/helpers.py", ""),
        (too_long, "a.py", "x = 1\n" * (MAXIMUM_LINES + 1)),
        (unexplained_any, "a.py", "from typing import Any\n\ndef f(x: Any) -> None: ...\n"),
        (unexplained_any, "a.py", "import typing\nx: dict[str, typing.Any]\n"),
        (hidden_state, "a.py", "cache = {}\n"),
        (hidden_state, "a.py", "_cache: dict[int, int] = dict()\n"),
        (hidden_state, "a.py", "import collections\nopen_files = collections.defaultdict(list)\n"),
    ],
)
def test_the_rule_finds_what_breaks_it(rule: Callable[[Source], Iterator[str]], name: str, text: str) -> None:
    assert len(list(rule(Source(name, text)))) == 1


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (missing_docstring, '"""Does one thing."""\n'),
        (missing_docstring, '#!/usr/bin/env python3\n"""Does one thing."""\n'),
        (bare_except, "try:\n    x()\nexcept OSError:\n    pass\n"),
        (too_long, "x = 1\n" * MAXIMUM_LINES),
        (unexplained_any, "from typing import Any\nx: Any  # the library has no types\n"),
        (unexplained_any, "from typing import Any\n# the library has no types\nx: Any\n"),
        (hidden_state, "TABLE = {1: 2}\n__all__ = ['x']\nname = 'x'\nclass A:\n    fields = []\n"),
    ],
)
def test_the_rule_accepts_what_keeps_it(rule: Callable[[Source], Iterator[str]], text: str) -> None:
    assert list(rule(Source("a.py", text))) == []
