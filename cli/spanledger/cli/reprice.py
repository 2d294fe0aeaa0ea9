"""`spanledger reprice`: price stored calls again, after the difference was shown."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer

from spanledger.cli.failures import Failed, WrongUse
from spanledger.cli.price_access import Data, needing_the_server_extra
from spanledger.storage.errors import LedgerError, LedgerInUse

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanledger.cli.repricing import Asked

MODELS_SHOWN = 30


def register(app: typer.Typer) -> None:
    """Add the command `reprice` to the application."""
    app.command("reprice")(reprice)


def reprice(
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="From: 2026-01-31, 2026-01, or how long ago: 24h, 7d, 2w.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Until; that day or month is included.")] = None,
    model: Annotated[str | None, typer.Option(help="Only calls of this model; * stands for anything.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only calls of this tenant.")] = None,
    catalogue: Annotated[
        str | None, typer.Option(metavar="ID", help="By this version of the price list, not by the one in force.")
    ] = None,
    known: Annotated[
        Literal["known-now", "known-then"],
        typer.Option("--as", help="By the prices known now, or for each call by those known when it arrived."),
    ] = "known-now",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference and change nothing.")] = False,
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; amounts are exact.")] = False,
) -> None:
    """Price stored calls again, by the price list in force and the rules of prices.toml.

    Shows what changes, and asks. Each call is priced as of its own day; what its emitter reported stays. Works beside a
    running server. Stopped halfway, it leaves every call either as it was or as it will be: run it again.
    """
    if catalogue is not None and known == "known-then":
        raise WrongUse("--catalogue names one price list, --as known-then takes each call's own: give one of them.")
    if not (yes or dry_run or (sys.stdin.isatty() and not as_json)):
        raise WrongUse(
            "Nobody can be asked here: say --yes to change the calls, or --dry-run to see what would change."
        )
    first, last = _time(since, 0), _time(until, 1)
    if first is not None and last is not None and first >= last:
        raise WrongUse("There would be nothing to price: --until is before --since.")
    from spanledger.cli import settings

    folder = settings.load(data=data).data
    asked = _asked(first, last, model, tenant, catalogue, known == "known-then")
    found = _perform(folder, asked, "Looking")
    written = False
    if not as_json:
        _show(found)
    if found["changed"] and not dry_run:
        if not yes and not typer.confirm("Change these costs?"):
            raise Failed("Nothing was changed.")
        from dataclasses import replace

        found = _perform(folder, replace(asked, write=True), "Pricing")
        written = True
        if not as_json:
            typer.echo(f"Changed {_calls(found['changed'])}.")
    if as_json:
        typer.echo(json.dumps(found | {"written": written}, ensure_ascii=False, indent=2))


def _asked(
    first: int | None, last: int | None, model: str | None, tenant: str | None, catalogue: str | None, then: bool
) -> "Asked":
    with needing_the_server_extra():
        from spanledger.cli.repricing import Asked
        from spanledger.storage.reprice import Selection

    return Asked(Selection(first, last, model, tenant), catalogue, then, write=False)


def _time(text: str | None, end: Literal[0, 1]) -> int | None:
    """The first (0) microsecond of what was written, or the first one after it (1)."""
    if text is None:
        return None
    from spanledger.dashboards.periods import PeriodError, period

    try:
        moment = period(text, ZoneInfo("UTC"), datetime.now(UTC))[end]
    except PeriodError as error:
        raise WrongUse(str(error)) from error
    return round(moment.timestamp()) * 1_000_000


def _perform(folder: Path, asked: "Asked", doing: str) -> dict[str, Any]:
    """What pricing again changes; done here, or by the server that holds the ledger."""
    from spanledger.cli import mailbox, repricing
    from spanledger.dashboards.documents import sentence
    from spanledger.storage.ledger import Ledger

    with _progress(doing) as told:
        try:
            ledger = Ledger.open(folder) if asked.write else Ledger.open_readonly(folder)
        except LedgerInUse:
            return mailbox.ask(folder, "reprice", asked.to_json(), lambda said: told(*said["progress"]))
        except LedgerError as error:
            raise Failed(sentence(error)) from error
        try:
            return repricing.to_json(repricing.perform(ledger, asked, told))
        except LedgerError as error:
            raise Failed(sentence(error)) from error
        finally:
            ledger.close()


@contextmanager
def _progress(doing: str) -> "Iterator[Callable[[int, int], object]]":
    """What is told how far it is; a bar on stderr if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TextColumn("calls"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("calls", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _show(found: dict[str, Any]) -> None:
    from decimal import Decimal

    from rich.console import Console

    from spanledger.dashboards.tables import Grid, show, show_usd

    if not found["changed"]:
        typer.echo(f"Nothing changes: {_calls(found['calls'])} looked at.")
        return
    every = [*found["models"][:MODELS_SHOWN], found | {"calls": found["changed"]}]
    before, after = (show_usd([Decimal(one[name]) for one in every]) for name in ("cost_before_usd", "cost_after_usd"))
    shift = show_usd([Decimal(one["cost_after_usd"]) - Decimal(one["cost_before_usd"]) for one in every])
    names = [f"{one['provider'] or 'unknown provider'}/{one['model'] or 'unknown model'}" for one in every[:-1]]
    rows = [
        [name, f"{one['calls']:,}", *costs, _unpriced(one)]
        for name, one, *costs in zip([*names, "total"], every, before, after, shift, strict=True)
    ]
    header = ["model", "calls", "cost before (USD)", "cost after (USD)", "difference", "without a cost"]
    show(Grid(header, rows[:-1], {1, 2, 3, 4}, rows[-1]), Console())
    if (rest := len(found["models"]) - MODELS_SHOWN) > 0:
        typer.echo(f"And {rest:,} more models; --json has them all.")
    typer.echo(f"{found['changed']:,} of {_calls(found['calls'])} would cost something else.")


def _unpriced(one: dict[str, Any]) -> str:
    before, after = one.get("unpriced_before", 0), one.get("unpriced_after", 0)
    return f"{before:,} before, {after:,} after" if before or after else ""


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count:,} calls"
