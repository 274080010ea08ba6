"""Every fuzz target over a corpus of right messages, their truncations and accidents, and what once was slow."""

from __future__ import annotations

import random
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.client.login import neg_token_init, neg_token_resp
from conformance.client.ntlm import Credentials, NtlmClient
from tests.every_command import requests
from tests.fuzz.targets import TARGETS
from tests.hostile.mutations import mutated
from tests.lines_run import lines_run

# No input of at most 64 KiB may run more: a twentieth of a second. The patterns come nearest, with seven tenths of it.
LINES: Final = 1_000_000

NTLM = NtlmClient(Credentials("alice", "secret"), target="cifs/server").negotiate()
CORPUS: Final = [
    b"",
    bytes(300),
    b"\xff" * 300,
    *(bytes(request.encode(1, 1, 1, 0)) for request in requests().values()),
    *(request.body[-200:] for request in requests().values()),
    NTLM,
    neg_token_init(NTLM),
    neg_token_resp(NTLM),
    len(NTLM).to_bytes(2, "little") + NTLM + NTLM,
    'folder\\file.txt\0<>"*?'.encode("utf-16-le"),
]


def der(tag: int, content: bytes) -> bytes:
    """A DER element with a length of three bytes."""
    return bytes((tag, 0x83)) + len(content).to_bytes(3, "big") + content


def init_with(mechanisms: bytes, depth: int = 0) -> bytes:
    """A NegTokenInit with any list of mechanisms, and things nested inside each other."""
    inner = der(0xA0, der(0x30, mechanisms))
    for _ in range(depth):
        inner = der(0x30, inner)
    return der(0x60, bytes.fromhex("06062b0601050502") + der(0xA0, der(0x30, inner)))


HEAVY: Final = {
    "one long object identifier": init_with(der(0x06, b"\x2b" + b"\xff" * 60_000 + b"\x01")),
    "many object identifiers": init_with(bytes.fromhex("06022b01") * 16_000),
    "many empty elements": init_with(b"\x05\0" * 32_000),
    "deep nesting": init_with(b"", 4000),
    "a long integer": der(0xA1, der(0x30, der(0xA0, der(0x0A, b"\x7f" * 60_000)))),
    "a long bit string": init_with(b"") + der(0xA1, der(0x03, b"\0" + b"\xff" * 60_000)),
    "stars": ("*" * 127 + "a" + "\0" + "b" * 255).encode("utf-16-le"),
    "dos stars": ("<" * 200 + "\0" + "." * 255).encode("utf-16-le"),
    "separators": ("a\\" * 32_000).encode("utf-16-le"),
    "zeros": bytes(65_535),
    "ones": b"\xff" * 65_535,
}


@pytest.mark.pure(reason="looks for Python's functions")
def test_there_is_a_target_for_every_parser() -> None:
    """The list makes itself; a few that must never drop out of it."""
    assert len(TARGETS) > 30
    for name in ("wire.negotiate.decode", "wire.create.decode_contexts", "auth.spnego.decode_init", "rpc.pipe"):
        assert name in TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_corpus_and_truncations(name: str) -> None:
    for message in CORPUS:
        for size in range(0, len(message) + 1, 3):
            TARGETS[name](message[:size])


@pytest.mark.parametrize("name", TARGETS)
def test_accidents(name: str) -> None:
    rng = random.Random(name)
    for _ in range(150):
        TARGETS[name](mutated(rng, rng.choice(CORPUS) or b"\0", CORPUS))


@given(data=st.binary(max_size=400), name=st.sampled_from(sorted(TARGETS)))
@settings(max_examples=300, deadline=None)
def test_anything(data: bytes, name: str) -> None:
    TARGETS[name](data)


@pytest.mark.pure(reason="counts lines of Python")
@pytest.mark.parametrize("what", HEAVY)
def test_nothing_is_slow(what: str) -> None:
    """Parsers run on the event loop, some of them before anybody has logged in."""
    data = HEAVY[what]
    for name, target in TARGETS.items():
        forms = (
            [data] if name != "auth.login" else [len(data).to_bytes(2, "little") + data] if len(data) < 65536 else []
        )
        for form in forms:
            assert lines_run(partial(target.__call__, form)) < LINES, name


def test_the_program_lists_its_targets() -> None:
    script = Path(__file__).with_name("targets.py")
    listed = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert listed.returncode == 2
    assert "wire.create.decode" in listed.stdout.split()
