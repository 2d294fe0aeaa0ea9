"""`spanledger prices check`: what has no price, what is only presumed to have one, and where two lists disagree."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from spanledger.cli.failures import Failed, WrongUse
from spanledger.cli.price_access import Data, Url, prices
from spanledger.dashboards.documents import sentence

if TYPE_CHECKING:
    from spanledger.cli.price_source import Prices

SHOWN: Final = 20

_WITHIN: Final = "started_at >= timestamptz '{since}'"
_USED: Final = "coalesce(input_tokens, 0) + coalesce(output_tokens, 0)"
# A call that failed and names no tokens has nothing to price.
_PRICEABLE: Final = """not (
    coalesce(status = 'error', false)
    and coalesce(input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens) is null
)"""
_COVERAGE: Final = f"""
    select count(*) as calls, count(cost_usd) as priced, sum({_USED})::bigint as tokens,
        (sum({_USED}) filter (cost_usd is not null))::bigint as priced_tokens
    from calls where {{within}} and {_PRICEABLE}
"""
_UNPRICED: Final = f"""
    select provider, coalesce(response_model, request_model) as model, price_status, count(*) as calls,
        sum({_USED})::bigint as tokens
    from calls where {{within}} and cost_usd is null and {_PRICEABLE}
    group by all order by tokens desc, calls desc, provider, model
"""
_PAST: Final = """
    select provider, coalesce(response_model, request_model) as model, price_id, count(*) as calls,
        sum(cost_usd) as cost_usd
    from calls where {within} and price_status = 'past_verified_until'
    group by all order by cost_usd desc, provider, model
"""


def check(
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Calls from: 2026-01-31, 2026-01, or how long ago: 24h, 7d, 2w.")
    ] = None,
    litellm: Annotated[
        Path | None, typer.Option(metavar="FILE", help="LiteLLM's price list (JSON), to compare ours with.")
    ] = None,
    data: Data = None,
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; amounts are exact.")] = False,
) -> None:
    """Check the prices: models without one by tokens, prices past their date, and where two lists disagree."""
    within = _WITHIN.format(since=_since(since))
    with prices(data, url) as known:
        made = {
            "coverage": _coverage(known, within),
            "unpriced": known.rows(_UNPRICED.format(within=within)),
            "past_verified_until": known.rows(_PAST.format(within=within)),
            "promises_ended": _promises_ended(known),
        }
        if litellm is not None:
            made["litellm"] = _compared(known, litellm)
    if as_json:
        typer.echo(json.dumps(made, ensure_ascii=False, indent=2))
    else:
        _show(made)


def _since(text: str | None) -> str:
    from zoneinfo import ZoneInfo

    from spanledger.dashboards.periods import PeriodError, period

    if text is None:
        return "1970-01-01T00:00:00+00:00"
    try:
        return period(text, ZoneInfo("UTC"), datetime.now(UTC))[0].isoformat()
    except PeriodError as error:
        raise WrongUse(str(error)) from error


def _coverage(known: "Prices", within: str) -> Mapping[str, Any]:
    rows = known.rows(_COVERAGE.format(within=within))
    return rows[0] if rows else {"calls": 0, "priced": 0, "tokens": None, "priced_tokens": None}


def _promises_ended(known: "Prices") -> list[dict[str, str | None]]:
    """The prices in force of which the vendor said nothing more than that they hold until a day that is past."""
    from spanledger.cli.prices_list import rows_on

    today = datetime.now(UTC).date()
    return [
        {"price_id": row.price_id, "verified_until": row.verified_until.isoformat(), "source_url": row.page}
        for row in rows_on(known.in_force(), today)
        if row.verified_until is not None and row.verified_until < today
    ]


def _compared(known: "Prices", path: Path) -> dict[str, Any]:
    from spanledger.processors.pricing.catalogue import CatalogueError
    from spanledger.processors.pricing.compare import disagreements

    try:
        found = disagreements(known.in_force(), path.read_bytes(), datetime.now(UTC).date(), str(path))
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}.") from error
    except CatalogueError as error:
        raise Failed(sentence(error)) from error
    differing = [
        {
            "model": one.model_key,
            "litellm_name": one.litellm_name,
            "unit": one.unit,
            "ours_usd": None if one.ours is None else f"{one.ours:f}",
            "theirs_usd": f"{one.theirs:f}",
        }
        for one in found.disagreements
    ]
    return {"compared": found.compared, "agreeing": found.agreeing, "disagreements": differing}


def _show(made: Mapping[str, Any]) -> None:
    coverage = made["coverage"]
    if not coverage["calls"]:
        typer.echo("There are no calls in this time.")
    else:
        calls = _share(coverage["priced"], coverage["calls"])
        tokens = _share(coverage["priced_tokens"] or 0, coverage["tokens"] or 0)
        of = f"{coverage['priced']:,} of {coverage['calls']:,} calls"
        typer.echo(f"Priced: {of} ({calls}), {tokens} of the tokens.")
    _table(
        "Without a cost:",
        ["provider", "model", "why", "calls", "tokens"],
        [[one["provider"], one["model"], one["price_status"], one["calls"], one["tokens"]] for one in made["unpriced"]],
    )
    if made["unpriced"]:
        typer.echo("`spanledger prices alias add` says what a name means; docs/prices.md has the rest.")
    _table(
        "Priced by what the vendor had promised until an earlier day:",
        ["provider", "model", "price", "calls", "cost (USD)"],
        [
            [one["provider"], one["model"], one["price_id"], one["calls"], _usd(one["cost_usd"])]
            for one in made["past_verified_until"]
        ],
    )
    _table(
        "Prices that the vendor had promised until a day that is past:",
        ["price", "promised until", "page"],
        [list(one.values()) for one in made["promises_ended"]],
    )
    if "litellm" in made:
        found = made["litellm"]
        typer.echo(f"\nLiteLLM's list says the same of {found['agreeing']:,} of {found['compared']:,} models in both.")
        _table(
            "Where they disagree, dollars per million tokens:",
            ["model", "LiteLLM's name", "unit", "ours", "LiteLLM's"],
            [list(one.values()) for one in found["disagreements"]],
        )


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    if not rows:
        return
    from rich.console import Console

    from spanledger.dashboards.tables import Grid, show

    typer.echo(f"\n{title}")
    right = {place for place, value in enumerate(rows[0]) if isinstance(value, int)}
    cells = [[_cell(value) for value in row] for row in rows[:SHOWN]]
    show(Grid(header, cells, right), Console())
    if len(rows) > SHOWN:
        typer.echo(f"And {len(rows) - SHOWN:,} more; --json has them all.")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _share(part: int, whole: int) -> str:
    """Down to a tenth, so that 100 means all."""
    return f"{(part * 1000 // whole) / 10:g} %" if whole else "none"


def _usd(amount: object) -> str:
    from spanledger.dashboards.tables import show_usd

    return show_usd([Decimal(str(amount))])[0]
