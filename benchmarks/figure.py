"""What a measurement returns, and what measurements share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.load import Outcome
from benchmarks.server import Server

SPANS: Final = 512
"""Spans of a request: the OpenTelemetry SDK's default for a batch."""
QUICK_SHARE: Final = 10
"""`--quick` sends a tenth."""


@dataclass(frozen=True)
class Figure:
    """One row of the table. `met` is None where there is nothing to compare with."""

    what: str
    at_least: str
    measured: str
    met: bool | None
    how: str


@dataclass
class Session:
    """One run of `python -m benchmarks`: where its scratch files are, how much it sends, whom it tells.

    `shared` carries what one measurement leaves for another of the same run (a full ledger, a rate).
    """

    folder: Path
    quick: bool
    say: Callable[[str], None]
    ledgers: dict[str, Path] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)

    def scaled(self, number: int) -> int:
        """A number of spans or kills, or a tenth of it in a quick run."""
        return number // QUICK_SHARE if self.quick else number


def calls(server: Server) -> int:
    """How many calls the ledger holds."""
    return int(server.sql("select count(*) as calls from calls")[0]["calls"])


def complete(outcome: Outcome, requests: int) -> Outcome:
    """The outcome, if every request was acknowledged whole; a rate of refused spans would mean nothing."""
    if outcome.requests != requests or outcome.rejected_spans:
        raise RuntimeError(
            f"only {outcome.requests} of {requests} requests were acknowledged, "
            f"{outcome.rejected_spans} spans were rejected: {said(outcome.errors)}"
        )
    return outcome


def said(errors: Mapping[str, int]) -> str:
    """What the generator was told, shortest first."""
    return "; ".join(f"{count} × {message}" for message, count in sorted(errors.items(), key=lambda e: len(e[0]))[:3])
