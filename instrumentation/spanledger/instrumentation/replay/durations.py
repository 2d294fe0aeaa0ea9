"""How long something took, as logs say it."""

from typing import Final

_LONGEST_MS: Final = 86_400_000.0
"""A day: no call takes longer, so that a greater number is a mistake."""


def of_milliseconds(milliseconds: float | None) -> int:
    """A duration in nanoseconds; nothing where it is unknown, negative or absurd."""
    return int(milliseconds * 1e6) if milliseconds is not None and 0 <= milliseconds <= _LONGEST_MS else 0


def seconds_of(milliseconds: float | None) -> float | None:
    """A duration in seconds; None where it is unknown, negative or absurd."""
    return milliseconds / 1000 if milliseconds is not None and 0 <= milliseconds <= _LONGEST_MS else None
