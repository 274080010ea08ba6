"""The walk over TOML finds every key that tomllib finds, on the line where it stands."""

from __future__ import annotations

import json
import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.config.toml_lines import Path, find_lines

TRICKY = '''\
# key = 1
title = """
key = 2
[table]
"quoted" \\""" still text""""
plain = 'it = "#"'  # share = 9
"a.b".'c d'.e = [ # comment ]
  1979-05-27 07:32:00, { x = "}", y.z = [[1], []] },

  """a""",
]
[table."sub table"] # [[not]]
  value = \'\'\'
x = 1\'\'\'
[[share]]
name = "one"
[[share]]
name = "two"
  [[share.inner]]
  k = 1
  [[share.inner]]
  k = 2
[share.more]
last = 1_000.5e3'''


def paths_of(value: object, path: Path = ()) -> set[Path]:
    found = {path} if path else set()
    if isinstance(value, dict):
        found.update(*(paths_of(member, (*path, key)) for key, member in value.items()))
    elif isinstance(value, list):
        found.update(*(paths_of(member, (*path, index)) for index, member in enumerate(value)))
    return found


def test_strings_comments_brackets_and_repeated_tables() -> None:
    lines = find_lines(TRICKY)
    assert set(lines) == paths_of(tomllib.loads(TRICKY))
    assert {key: lines[key] for key in lines if key[-1] in ("e", "y", "value", "k", "last", "name")} == {
        ("a.b", "c d", "e"): 7,
        ("a.b", "c d", "e", 1, "y"): 8,
        ("table", "sub table", "value"): 13,
        ("share", 0, "name"): 16,
        ("share", 1, "name"): 18,
        ("share", 1, "inner", 0, "k"): 20,
        ("share", 1, "inner", 1, "k"): 22,
        ("share", 1, "more", "last"): 24,
    }
    assert lines["a.b", "c d", "e", 2] == 10


def test_windows_line_ends() -> None:
    assert find_lines("a = 1\r\n\r\nb = 2\r\n")["b",] == 3


KEYS = st.one_of(st.sampled_from(["share", "name", "key"]), st.text(max_size=4).filter(str.isprintable))
TEXTS = st.text(st.sampled_from("a=[]{}#\"'\n\\,. \u00e9"), max_size=8)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # within what these alphabets hold, a JSON string is a TOML string


def literal(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{quoted(key)} = {literal(member)}" for key, member in value.items()) + " }"
    if isinstance(value, list):
        return "[ # ]\n" + "".join(f"{literal(member)},\n" for member in value) + "]"
    if isinstance(value, str) and "\n" in value and "\\" not in value and '"""' not in value and value[-1] != '"':
        return f'"""{value}"""'
    return quoted(value) if isinstance(value, str) else str(value)


VALUES = st.recursive(
    st.one_of(st.integers(-9, 9), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=3), max_size=4), st.booleans())
def test_every_path_has_the_line_that_holds_its_key(tables: list[dict[str, object]], repeated: bool) -> None:
    text = "# head\n"
    for number, table in enumerate(tables):
        text += "[[t.u]] # x = 1\n" if repeated else f"\n[t{number}.'x y']\n"
        text += "".join(f"{quoted(key)}\t= {literal(value)} # end\n" for key, value in table.items())
    lines = find_lines(text)
    assert set(lines) == paths_of(tomllib.loads(text))
    by_line = text.split("\n")
    for path, line in lines.items():
        key = path[-1]
        if isinstance(key, str) and len(path) == 3 + repeated:
            assert by_line[line - 1].startswith(quoted(key))
