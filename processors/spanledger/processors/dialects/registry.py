"""All dialects in one order, and how to find one: by its name, and by what a record shows of its emitter."""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from spanledger.processors.dialects.agents import AGENTS
from spanledger.processors.dialects.dialect import Dialect
from spanledger.processors.dialects.frameworks import FRAMEWORKS
from spanledger.processors.dialects.gateways import GATEWAYS
from spanledger.processors.dialects.official import DETAILS, OFFICIAL
from spanledger.processors.dialects.openinference import OPENINFERENCE
from spanledger.processors.dialects.openlit import OPENLIT
from spanledger.processors.dialects.openllmetry import OPENLLMETRY
from spanledger.processors.dialects.replay import REPLAY
from spanledger.processors.dialects.vercel import VERCEL

FAMILIES: Final[dict[str, tuple[Dialect, ...]]] = {
    "Official instrumentations and vendors": OFFICIAL,
    "OpenLLMetry": OPENLLMETRY,
    "OpenInference": OPENINFERENCE,
    "OpenLIT": OPENLIT,
    "Frameworks": FRAMEWORKS,
    "AI SDK": VERCEL,
    "Gateways": GATEWAYS,
    "Coding agents": AGENTS,
    "Logs on disk": REPLAY,
}

UNKNOWN_DETAILS: Final = Dialect(
    "unknown-details", rank=9, signal="logs", events=(DETAILS,), operations={DETAILS: "chat"}, in_context=True,
    source="the conventions", traps="the details event of any other emitter",
)  # fmt: skip
UNKNOWN_EVENT: Final = Dialect("unknown-event", rank=9, signal="logs", source="none", traps="left out")
UNKNOWN: Final = Dialect(
    "unknown", rank=9, signal="traces", source="the conventions",
    traps="read by the keys that any emitter uses; the numbers tell whether the input contains the cache",
)  # fmt: skip

# What is known by the names of its records alone comes after what is known by more.
DIALECTS: Final[tuple[Dialect, ...]] = (*(one for family in FAMILIES.values() for one in family), UNKNOWN_DETAILS)
EVERY: Final[tuple[Dialect, ...]] = (*DIALECTS, UNKNOWN_EVENT, UNKNOWN)
"""A dialect's number is its place in here; the last two are the ones of records that no other fits."""

NUMBER: Final = {dialect.name: number for number, dialect in enumerate(EVERY)}

SCOPES_REMEMBERED: Final = 4096
"""Senders choose the names of scopes and services, so the memory for them is bounded."""


@dataclass(frozen=True)
class Known:
    """What a scope and a service tell: the number of the dialect (None: no row fits), and the rows with `events`."""

    speaker: int | None
    by_event: tuple[int, ...]


def named(name: str) -> Dialect:
    """The dialect of a name; `UNKNOWN` for any that no table names."""
    return EVERY[NUMBER.get(name, NUMBER[UNKNOWN.name])]


@cache
def with_events(signal: str) -> tuple[int, ...]:
    """The dialects of a signal that are recognised by the names of their records, the first to be tried first."""
    return tuple(number for number in _of_signal(signal) if EVERY[number].events)


@cache
def with_marks(signal: str) -> tuple[int, ...]:
    """The dialects of a signal that an attribute key gives away, whatever the names of their records."""
    return tuple(number for number in _of_signal(signal) if EVERY[number].marks and not EVERY[number].events)


@lru_cache(maxsize=SCOPES_REMEMBERED)
def known_by(signal: str, scope: str | None, service: str | None) -> Known:
    """What the names of a scope and of its service tell about who speaks."""
    numbers = _of_signal(signal)
    by_scope = [number for number in numbers if scope and any(fits(name, scope) for name in EVERY[number].scopes)]
    by_service = [number for number in numbers if service and service in EVERY[number].services]
    both = (*by_scope, *by_service)
    plain = next((number for number in both if not EVERY[number].events), None)
    return Known(plain, tuple(number for number in both if EVERY[number].events))


def fits(pattern: str, name: str) -> bool:
    """Whether a name is the one that a row gives, or begins like it where that ends in a dot or a star."""
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return name.startswith(pattern) if pattern.endswith((".", "/")) else name == pattern


def dialect_of(scope: str | None, signal: str = "traces") -> Dialect:
    """The dialect of an instrumentation scope where nothing else is known."""
    number = known_by(signal, scope, None).speaker
    return (UNKNOWN if signal == "traces" else UNKNOWN_EVENT) if number is None else EVERY[number]


@cache
def _of_signal(signal: str) -> tuple[int, ...]:
    return tuple(number for number, one in enumerate(DIALECTS) if one.signal in (None, signal))
