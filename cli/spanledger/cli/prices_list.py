"""`spanledger prices list`: what models cost on a day."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from spanledger.cli.failures import WrongUse
from spanledger.cli.price_access import Data, Url, prices

if TYPE_CHECKING:
    from spanledger.processors.pricing.catalogue import Catalogue
    from spanledger.processors.pricing.price_rows import PriceRow

ROWS_SHOWN: Final = 200
"""More scroll away; a pattern narrows it, and --json has all."""

_SHOWN: Final = {"input": "input", "cache_read": "cache read", "cache_write": "cache write", "output": "output"}
"""What has a column of its own in the table."""


def list_prices(
    pattern: Annotated[
        str | None, typer.Argument(metavar="[PATTERN]", help="Part of a model's name; * stands for anything.")
    ] = None,
    on: Annotated[str | None, typer.Option(metavar="DATE", help="As of this day.", show_default="today")] = None,
    provider: Annotated[str | None, typer.Option(help="Only of this provider, like openai or aws.")] = None,
    data: Data = None,
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array, a price list in each object.")] = False,
) -> None:
    """List what models cost on a day: dollars per million tokens, with tiers, times, variants and source.

    These are the prices of the list in force; `prices explain` shows what a call comes to with your own rules.
    """
    day = _day(on)
    with prices(data, url) as known:
        catalogue = known.in_force()
    rows = list(_wanted(catalogue, pattern, provider, day))
    if as_json:
        typer.echo(json.dumps([_described(row) for row in rows], ensure_ascii=False, indent=1))
        return
    if not rows:
        typer.echo(f"No model is called {pattern or provider!r} in {catalogue.source}.", err=True)
        return
    _show(rows[:ROWS_SHOWN])
    if len(rows) > ROWS_SHOWN:
        typer.echo(f"And {len(rows) - ROWS_SHOWN:,} more: name a part of the model, or use --json.")
    typer.echo(
        f"{catalogue.source}, as of {day}; dollars per million tokens, those of requests and searches per 1,000."
    )


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat(text) if text else datetime.now(UTC).date()
    except ValueError as error:
        raise WrongUse(f"{text!r} is no day: write it like 2026-01-31.") from error


def rows_on(catalogue: "Catalogue", day: date) -> "Iterator[PriceRow]":
    """The prices that hold on a day: of each model and variant those that began last."""
    begun: dict[tuple[str, str], date] = {}
    for row in catalogue.rows:
        key = (row.model_key, row.variant)
        if row.valid_from <= day:
            begun[key] = max(begun.get(key, row.valid_from), row.valid_from)
    for row in catalogue.rows:
        if begun.get((row.model_key, row.variant)) == row.valid_from and row.offered:
            yield row


def _wanted(catalogue: "Catalogue", pattern: str | None, provider: str | None, day: date) -> "Iterator[PriceRow]":
    """The prices of a day, of the models that are asked for."""
    from spanledger.processors.pricing.conditions import matches

    for row in rows_on(catalogue, day):
        seller, _, model = row.model_key.partition("/")
        if provider is not None and seller != provider.casefold():
            continue
        if pattern is None or matches(f"*{pattern}*", row.model_key) or matches(pattern, model):
            yield row


def _dollars(rates: Iterable[int]) -> dict[str, str]:
    """Unit → its rate as vendors state it, as text; units without a price are left out."""
    from spanledger.processors.pricing.units import UNITS, UNPRICED, dollars_per

    return {unit: f"{dollars_per(unit, rate):f}" for unit, rate in zip(UNITS, rates, strict=True) if rate != UNPRICED}


def _described(row: "PriceRow") -> dict[str, Any]:
    from spanledger.processors.pricing.price_rows import FIRST_DAY, clock_text, days_text

    def text(day: date | None) -> str | None:
        return None if day is None else day.isoformat()

    provider, _, model = row.model_key.partition("/")
    return {
        "price_id": row.price_id,
        "provider": provider,
        "model": model,
        "variant": row.variant,
        "valid_from": None if row.valid_from == FIRST_DAY else row.valid_from.isoformat(),
        "from_time_utc": None if row.second is None else clock_text(row.second),
        "weekdays": None if row.weekdays is None else days_text(row.weekdays),
        "prompt_above": row.prompt_above,
        "usd": _dollars(row.rates),
        "source_url": row.page,
        "checked_on": text(row.checked_on),
        "verified_until": text(row.verified_until),
        "why": row.why,
    }


def _show(rows: "list[PriceRow]") -> None:
    from rich.console import Console

    from spanledger.dashboards.tables import Grid, show

    header = ["model", "variant", "when", *_SHOWN.values(), "other"]
    cells = [_cells(_described(row)) for row in rows]
    numbers = set(range(3, 3 + len(_SHOWN)))
    narrower = Grid(header[:-1], [line[:-1] for line in cells], numbers)
    show(Grid(header, cells, numbers), Console(), narrower)
    pages = dict.fromkeys(row.page for row in rows if row.page)
    typer.echo(f"From {', '.join(pages)}." if pages else "")


def _cells(row: dict[str, Any]) -> list[str]:
    usd: dict[str, str] = row["usd"]
    # What costs the same as what it is a part of needs no word.
    whole = {"cache_write_5m": "cache_write", "cache_write_1h": "cache_write", "reasoning": "output"}
    other = [
        f"{unit.replace('_', ' ')} {_amount(rate)}"
        for unit, rate in usd.items()
        if unit not in _SHOWN and rate != usd.get(whole.get(unit, _whole(unit)))
    ]
    when = [
        row["valid_from"] and f"from {row['valid_from']}",
        row["weekdays"],
        row["from_time_utc"] and f"from {row['from_time_utc']} UTC",
        row["prompt_above"] and f"prompt over {row['prompt_above']:,}",
        row["verified_until"] and f"promised until {row['verified_until']}",
    ]
    return [
        f"{row['provider']}/{row['model']}",
        row["variant"],
        ", ".join(filter(None, when)),
        *(_amount(usd[unit]) if unit in usd else "-" for unit in _SHOWN),
        ", ".join(other),
    ]


def _whole(unit: str) -> str:
    """What a unit is a part of."""
    if unit.startswith("cache_read"):
        return "cache_read"
    return unit.partition("_")[0]


def _amount(text: str) -> str:
    return f"{Decimal(text).normalize():f}"
