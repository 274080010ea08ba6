"""No client writes a log line of its own: names with line ends and terminal codes stay inside the line about them."""

from __future__ import annotations

import ast
import logging
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.client import commands
from conformance.client.ntlm import Credentials
from conformance.client.protocol import DELETE_ON_CLOSE, StatusFailure
from conformance.client.session import Options
from smbserver.cli.log_lines import LineFormatter, escape
from tests.harness import PASSWORD, World

PACKAGE = Path(__file__).resolve().parents[2] / "smbserver"
FORGED = (
    "eve\n2026-01-01 00:00:00 INFO 10.0.0.1:9: alice logged in",
    "eve\r\nINFO all is well",
    "eve\x1b[2K\x1b[1Aalice",
    "eve\x9b2K",
    "eve\u2028INFO next",
    "eve\u202egro.live",
    "eve\x85INFO next",
    "eve\x00\x08\x08\x08bob",
    "eve\udc80\ud800",
)
every_forgery = pytest.mark.parametrize("text", FORGED, ids=range(len(FORGED)))
FORMATTER = LineFormatter("%(levelname)s %(message)s")


def lines_of(records: list[logging.LogRecord]) -> list[str]:
    """What stands in the log, line by line as a terminal or a collector sees it."""
    return [line for record in records for line in FORMATTER.format(record).splitlines()]


@pytest.mark.parametrize("text", FORGED[:-1], ids=range(len(FORGED) - 1))  # our client cannot send surrogates
def test_a_user_name(world: World, caplog: pytest.LogCaptureFixture, text: str) -> None:
    caplog.set_level(logging.DEBUG)
    for spnego in (False, True):
        session = world.negotiated(Options(spnego=spnego))
        with pytest.raises(StatusFailure):
            session.log_on(Credentials(text, PASSWORD, domain=text))
    assert caplog.records
    for record in caplog.records:
        assert record.getMessage().isprintable(), "even with another formatter"
    assert len(lines_of(caplog.records)) == len(caplog.records)


@every_forgery
def test_names_of_shares_and_files(world: World, caplog: pytest.LogCaptureFixture, text: str) -> None:
    """On the way in as a path, and on the way out when what was to be deleted is not."""
    caplog.set_level(logging.DEBUG)
    tree = world.tree()
    name = "\\\\server\\" + text
    request = commands.tree_connect("")
    encoded = name.encode("utf-16-le", "surrogatepass")
    request.body = request.body[:6] + len(encoded).to_bytes(2, "little") + encoded
    assert tree.session.call(request).status != 0
    for path in (text, f"folder\\{text}"):
        request = commands.create(
            path.encode("utf-16-le", "surrogatepass"), access=0x110000, disposition=3, options=DELETE_ON_CLOSE | 1
        )
        reply = tree.call(request)
        if reply.status == 0:
            (next(iter(world.data.iterdir())) / "inside").touch()  # now its deletion fails, and that is logged
            tree.call(commands.close(commands.decode_create(reply).file_id)).check()
    for record in caplog.records:
        assert record.getMessage().isprintable()


@every_forgery
def test_the_text_of_an_exception(text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x", 1, "failed", (), sys.exc_info())
    first, *others = FORMATTER.format(record).splitlines()
    assert first == "ERROR failed"
    assert others
    assert all(line.startswith("    | ") and line.isprintable() for line in others)


@given(text=st.text(st.characters()))
def test_a_record_is_always_one_printable_line(text: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s", (text,), None)
    line = FORMATTER.format(record)
    assert len(line.splitlines()) == 1
    assert all(char.isprintable() or char.isspace() for char in line)


def test_ordinary_text_is_left_alone() -> None:
    for text in ("plain", "Größe Ωmega 日本", "a\u00a0b", "it's \\ here"):
        assert escape(text) == text


# What may stand for %s in a log call: text that no client has written. Everything else is %r.
OWN_WORDS = {
    "self.name", "self.connection.name", "connection.name", "work.connection.name",  # address and port
    "reason",  # of an end: our own sentences with numbers in them
    "host", "error.strerror", "error", "failure.reason", "dialect.name", "status.describe(error.status)",
    "identity.user", "who.identity.user",  # the account's name, as the configuration has it
    "rpc.name", "rpc.broken",  # from a fixed table; our own sentence
    "str(problem)",
}  # fmt: skip


def is_own(argument: ast.expr) -> bool:
    """Whether no client can have written what this expression gives."""
    if isinstance(argument, ast.IfExp):
        return is_own(argument.body) and is_own(argument.orelse)
    if isinstance(argument, ast.BoolOp):
        return all(is_own(value) for value in argument.values)
    return isinstance(argument, ast.Constant) or ast.unparse(argument) in OWN_WORDS


def test_log_calls_give_client_text_with_its_representation_only() -> None:
    seen = 0
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in ("log", "logger", "logging")
                and node.func.attr in ("debug", "info", "warning", "error", "exception", "critical")
            ):
                continue
            seen += 1
            where = f"{path.name}:{node.lineno}"
            assert isinstance(node.args[0], ast.Constant), f"{where}: the text of a log call is a constant"
            text = str(node.args[0].value)
            kinds = [part[0] for part in text.replace("%%", "").split("%")[1:]]
            assert len(kinds) == len(node.args) - 1, where
            for kind, argument in zip(kinds, node.args[1:], strict=True):
                if kind == "s":
                    assert is_own(argument), f"{where}: {ast.unparse(argument)} needs %r, or a row"
                else:
                    assert kind in "rdgx", where
    assert seen > 5
