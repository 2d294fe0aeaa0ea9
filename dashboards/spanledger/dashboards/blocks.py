"""Five-hour blocks, by which plans of coding agents limit their use: what each used, how fast, and where it leads.

A block begins at the full hour (UTC) of the first call after the one before has ended, and lasts five hours.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Final

from spanledger.dashboards.documents import Column, Json, View
from spanledger.dashboards.figures import added, columns_of, coverage, instant, money, view
from spanledger.dashboards.quarters import Quarter, quarters
from spanledger.dashboards.report import Asked
from spanledger.dashboards.tables import show_duration
from spanledger.storage.sandbox import Reader

LENGTH: Final = timedelta(hours=5)

LOOK_BACK: Final = timedelta(days=7)
"""Where a block begins follows from the one before, back to the last pause of five hours. Without one in this time,
the blocks of a report begin somewhere."""

_MEASURED: Final = (
    ("started_at", "TIMESTAMP WITH TIME ZONE"), ("ends_at", "TIMESTAMP WITH TIME ZONE"),
    ("last_call_at", "TIMESTAMP WITH TIME ZONE"), ("active", "BOOLEAN"), ("calls", "BIGINT"),
    ("input_tokens", "BIGINT"), ("output_tokens", "BIGINT"), ("cost_usd", "DECIMAL"), ("api_equivalent_usd", "DECIMAL"),
    ("unpriced", "BIGINT"),
    ("tokens_per_minute", "DOUBLE"), ("cost_per_hour_usd", "DECIMAL"), ("left_s", "DOUBLE"),
    ("projected_tokens", "BIGINT"), ("projected_cost_usd", "DECIMAL"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Block:
    """Five hours of one group: `first_at` is when its first call began, `last_at` when its last one ended."""

    keys: tuple[Json, ...]
    begins: datetime
    first_at: datetime
    last_at: datetime
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    api_equivalent_usd: Decimal | None
    unpriced: int

    @property
    def ends(self) -> datetime:
        """The first instant after it."""
        return self.begins + LENGTH

    @property
    def tokens(self) -> int:
        """All of them: what was read from caches is part of the input."""
        return self.input_tokens + self.output_tokens

    @property
    def minutes(self) -> float:
        """From the beginning of the first call to the end of the last, one at least: what rates are reckoned by."""
        return max((self.last_at - self.first_at) / timedelta(minutes=1), 1.0)

    def active(self, now: datetime) -> bool:
        """Whether it is not over yet."""
        return self.begins <= now < self.ends


@dataclass(frozen=True, slots=True)
class Burn:
    """How fast a block is used up, and what it comes to if that goes on until its end."""

    tokens_per_minute: float
    cost_per_hour_usd: Decimal | None
    projected_tokens: int
    projected_cost_usd: Decimal | None


def blocks(found: Iterable[Quarter]) -> Iterator[Block]:
    """The blocks of each group, in order. A block begins at a full hour, so that no quarter lies in two."""
    in_order = sorted(found, key=lambda quarter: (_sortable(quarter.keys), quarter.begins))
    for _, quarters_of_group in groupby(in_order, key=lambda quarter: quarter.keys):
        block: Block | None = None
        for quarter in quarters_of_group:
            if block is not None and quarter.begins < block.ends:
                block = _with(block, quarter)
                continue
            if block is not None:
                yield block
            block = _first(quarter)
        if block is not None:
            yield block


def burn(block: Block, now: datetime) -> Burn:
    """How fast the block is used up."""
    left = max((block.ends - now) / timedelta(minutes=1), 0.0)
    per_minute = block.tokens / block.minutes
    cost_per_minute = None if block.cost_usd is None else block.cost_usd / Decimal(block.minutes)
    return Burn(
        tokens_per_minute=per_minute,
        cost_per_hour_usd=None if cost_per_minute is None else cost_per_minute * 60,
        projected_tokens=round(block.tokens + per_minute * left),
        projected_cost_usd=(
            None if cost_per_minute is None or block.cost_usd is None
            else block.cost_usd + cost_per_minute * Decimal(left)
        ),
    )  # fmt: skip


def compute(reader: Reader, wanted: Asked) -> View:
    """The blocks that have any part in the time that is asked for. Raises LedgerError."""
    between = wanted.between
    if wanted.since is not None:
        between["since"] = wanted.since - LOOK_BACK
    made = [
        block
        for block in blocks(quarters(reader, wanted.by, between))
        if wanted.since is None or block.ends > wanted.since
    ]
    made.sort(key=lambda block: (block.begins, _sortable(block.keys)))
    rows = [_row(block, wanted) for block in made]
    total: dict[str, Json] = {
        "calls": sum(block.calls for block in made),
        "input_tokens": sum(block.input_tokens for block in made),
        "output_tokens": sum(block.output_tokens for block in made),
        "cost_usd": money(added(block.cost_usd for block in made)),
        "api_equivalent_usd": money(added(block.api_equivalent_usd for block in made)),
        "unpriced": sum(block.unpriced for block in made),
    }
    notes = coverage(total) + [_going_on(block, wanted) for block in made if block.active(wanted.now)]
    columns = [Column(name=name, type="VARCHAR") for name in wanted.by] + columns_of(_MEASURED)
    return view("blocks", wanted, columns, rows, total, notes)


def _first(quarter: Quarter) -> Block:
    return Block(
        keys=quarter.keys,
        begins=quarter.begins - timedelta(minutes=quarter.begins.minute),
        first_at=quarter.first_at,
        last_at=quarter.last_at,
        calls=quarter.calls,
        input_tokens=quarter.input_tokens,
        output_tokens=quarter.output_tokens,
        cost_usd=quarter.cost_usd,
        api_equivalent_usd=quarter.api_equivalent_usd,
        unpriced=quarter.unpriced,
    )


def _with(block: Block, quarter: Quarter) -> Block:
    return replace(
        block,
        first_at=min(block.first_at, quarter.first_at),
        last_at=max(block.last_at, quarter.last_at),
        calls=block.calls + quarter.calls,
        input_tokens=block.input_tokens + quarter.input_tokens,
        output_tokens=block.output_tokens + quarter.output_tokens,
        cost_usd=added((block.cost_usd, quarter.cost_usd)),
        api_equivalent_usd=added((block.api_equivalent_usd, quarter.api_equivalent_usd)),
        unpriced=block.unpriced + quarter.unpriced,
    )


def _row(block: Block, wanted: Asked) -> dict[str, Json]:
    active = block.active(wanted.now)
    measured: dict[str, Json] = {
        "started_at": instant(block.begins, wanted.timezone),
        "ends_at": instant(block.ends, wanted.timezone),
        "last_call_at": instant(block.last_at, wanted.timezone),
        "active": active,
        "calls": block.calls,
        "input_tokens": block.input_tokens,
        "output_tokens": block.output_tokens,
        "cost_usd": money(block.cost_usd),
        "api_equivalent_usd": money(block.api_equivalent_usd),
        "unpriced": block.unpriced,
        "left_s": (block.ends - wanted.now).total_seconds() if active else None,
    }
    rate = burn(block, wanted.now)
    rates: dict[str, Json] = {
        "tokens_per_minute": round(rate.tokens_per_minute, 1),
        "cost_per_hour_usd": money(rate.cost_per_hour_usd),
        "projected_tokens": rate.projected_tokens if active else None,
        "projected_cost_usd": money(rate.projected_cost_usd) if active else None,
    }
    return dict(zip(wanted.by, block.keys, strict=True)) | measured | rates


def _going_on(block: Block, wanted: Asked) -> str:
    """What is known of a block that is not over, in a sentence."""
    whose = ", ".join(str(key) for key in block.keys if key is not None) or "Now"
    ends = block.ends.astimezone(wanted.timezone)
    rate = burn(block, wanted.now)
    said = f"{whose}: {show_duration((block.ends - wanted.now).total_seconds())} left, until {ends:%H:%M}"
    said += f"; {rate.tokens_per_minute:,.0f} tokens a minute lead to {rate.projected_tokens:,} tokens"
    if rate.cost_per_hour_usd is not None and rate.projected_cost_usd is not None:
        said += f", {rate.cost_per_hour_usd:,.2f} USD an hour to {rate.projected_cost_usd:,.2f} USD"
    return f"{said}."


def _sortable(keys: tuple[Json, ...]) -> tuple[str, ...]:
    return tuple("" if key is None else str(key) for key in keys)
