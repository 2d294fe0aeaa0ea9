"""Damage messages at random, repeatably: what broken networks, other versions and attackers send."""

import random
from collections.abc import Callable, Sequence

EDITS_MAX = 4
RUN_BYTES_MAX = 64
LARGE_VARINTS = (b"\xff" * 9 + b"\x01", b"\xff" * 10, b"\xff\xff\xff\xff\x0f", b"\x80" * 12)


def flip(body: bytearray, chance: random.Random, _others: Sequence[bytes]):
    """Turn over a few bits."""
    for _ in range(chance.randint(1, 8)):
        body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)


def truncate(body: bytearray, chance: random.Random, _others: Sequence[bytes]):
    """Cut the end off."""
    del body[chance.randrange(len(body)) :]


def splice(body: bytearray, chance: random.Random, others: Sequence[bytes]):
    """Go on with a piece of another message."""
    other = chance.choice(others)
    start = chance.randrange(len(other))
    at = chance.randrange(len(body))
    body[at:] = other[start : start + chance.randint(1, len(other))]


def repeat(body: bytearray, chance: random.Random, _others: Sequence[bytes]):
    """Say a piece several times."""
    at = chance.randrange(len(body))
    body[at:at] = body[at : at + chance.randint(1, RUN_BYTES_MAX)] * chance.randint(1, 5)


def remove(body: bytearray, chance: random.Random, _others: Sequence[bytes]):
    """Leave a piece out."""
    at = chance.randrange(len(body))
    del body[at : at + chance.randint(1, RUN_BYTES_MAX)]


def scribble(body: bytearray, chance: random.Random, _others: Sequence[bytes]):
    """Write noise over a piece."""
    at = chance.randrange(len(body))
    noise = chance.randbytes(chance.randint(1, RUN_BYTES_MAX))
    body[at : at + len(noise)] = noise


def enlarge(body: bytearray, chance: random.Random, _others: Sequence[bytes]):
    """Put a huge number where perhaps a length or a count stands."""
    at = chance.randrange(len(body))
    body[at : at + 1] = chance.choice(LARGE_VARINTS)


EDITS: tuple[Callable[[bytearray, random.Random, Sequence[bytes]], None], ...] = (
    flip,
    truncate,
    splice,
    repeat,
    remove,
    scribble,
    enlarge,
)


def mutated(seed: int, valid: Sequence[bytes]) -> bytes:
    """One of the valid messages with one to four edits; the same seed gives the same bytes."""
    chance = random.Random(seed)
    body = bytearray(chance.choice(valid))
    for _ in range(chance.randint(1, EDITS_MAX)):
        if body:
            chance.choice(EDITS)(body, chance, valid)
    return bytes(body)
