"""Arithmetic of usage: counts that leave the cache out made to contain it, and what a running sum grew by."""

from collections.abc import Mapping

from spanledger.instrumentation.replay.records import Usage


def whole_prompt(uncached: int | None, *cached: int | None) -> int | None:
    """All of a prompt from its disjoint parts; None where no part is known."""
    parts = [part for part in (uncached, *cached) if part is not None]
    return sum(parts) if parts else None


def prompt_said(said: int | None, *cached: int | None) -> int | None:
    """All of a prompt from a count that contains the cached parts, unless it is less than they are."""
    parts = sum(part for part in cached if part is not None)
    return whole_prompt(said, *cached) if said is None or said < parts else said


def has_tokens(usage: Usage) -> bool:
    """Whether it counts anything at all."""
    return bool(usage.input_tokens or usage.output_tokens or usage.cache_read_tokens or usage.cache_write_tokens)


def grown(now: Mapping[str, int], highest: Mapping[str, int]) -> dict[str, int] | None:
    """What a running sum grew by over the highest seen of each count; None: it did not grow.

    A snapshot that is written again, or after a later one, adds nothing.
    """
    difference = {name: max(0, count - highest.get(name, 0)) for name, count in now.items()}
    return difference if any(difference.values()) else None
