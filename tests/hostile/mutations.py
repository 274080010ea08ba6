"""Makes wrong frames of right ones, driven by a random source that the test gives."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from conformance.client.raw import frame

INTERESTING: Final = (0, 1, 7, 8, 63, 64, 65, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)
WIDTHS: Final = (1, 2, 4, 8)


def flip_bits(rng: random.Random, message: bytes, _: Sequence[bytes]) -> bytes:
    """Some bits are wrong, most often behind the header, where the parsers are."""
    out = bytearray(message)
    start = 64 if len(out) > 64 and rng.random() < 0.8 else 0
    for _flip in range(rng.randint(1, 8)):
        at = rng.randrange(start, len(out))
        out[at] ^= 1 << rng.randrange(8)
    return bytes(out)


def change_a_field(rng: random.Random, message: bytes, _: Sequence[bytes]) -> bytes:
    """A number somewhere is one that programs stumble over: lengths and offsets are such numbers."""
    out = bytearray(message)
    width = rng.choice(WIDTHS)
    start = 64 if len(out) > 72 and rng.random() < 0.8 else 0
    at = rng.randrange(start, max(start + 1, len(out) - width), 2)
    value = rng.choice(INTERESTING) if rng.random() < 0.7 else len(out) + rng.randint(-70, 70)
    out[at : at + width] = (value % 256**width).to_bytes(width, "little")
    return bytes(out)


def cut_short(rng: random.Random, message: bytes, _: Sequence[bytes]) -> bytes:
    """The end is missing."""
    return message[: rng.randrange(len(message))]


def splice(rng: random.Random, message: bytes, others: Sequence[bytes]) -> bytes:
    """The beginning of one message and the end of another."""
    other = rng.choice(others)
    at = rng.randrange(len(message))
    return message[:at] + other[min(at, len(other)) :]


def chain(rng: random.Random, message: bytes, others: Sequence[bytes]) -> bytes:
    """A compound of messages that were none, sometimes with a NextCommand that lies."""
    parts = [message, *(rng.choice(others) for _ in range(rng.randint(1, 4)))]
    out = b""
    for index, part in enumerate(parts):
        part += bytes(-len(part) % 8)
        if index + 1 < len(parts) and len(part) >= 24:
            following = len(part) if rng.random() < 0.9 else rng.choice(INTERESTING)
            part = part[:20] + following.to_bytes(4, "little") + part[24:]
        if index and rng.random() < 0.5 and len(part) >= 20:
            part = part[:16] + bytes((part[16] | 4,)) + part[17:]
        out += part
    return out


def double(rng: random.Random, message: bytes, _: Sequence[bytes]) -> bytes:
    """The message twice in one frame, or with a tail."""
    return message * 2 if rng.random() < 0.5 else message + rng.randbytes(rng.randint(1, 100))


def noise(rng: random.Random, message: bytes, _: Sequence[bytes]) -> bytes:
    """Something with no meaning at all, now and then behind a header that has one."""
    return message[: rng.choice((0, 4, 64))] + rng.randbytes(rng.randint(0, 300))


def leave(rng: random.Random, message: bytes, _: Sequence[bytes]) -> bytes:
    """The right message: what came before it may have changed what it means."""
    return message


MUTATIONS: Final[tuple[Callable[[random.Random, bytes, Sequence[bytes]], bytes], ...]] = (
    flip_bits,
    change_a_field,
    change_a_field,
    cut_short,
    splice,
    chain,
    double,
    noise,
    leave,
)


def mutated(rng: random.Random, message: bytes, others: Sequence[bytes]) -> bytes:
    """The message after one or two accidents."""
    for _ in range(rng.choice((1, 1, 2))):
        message = rng.choice(MUTATIONS)(rng, message, others) or b"\0"
    return message


def framed(rng: random.Random, message: bytes) -> bytes:
    """The message behind its length, which seldom lies."""
    if rng.random() < 0.05:
        return frame(message, rng.choice((0, len(message) + 1, max(0, len(message) - 1), 0xFFFFFF, 2**32 - 1)))
    return frame(message)
