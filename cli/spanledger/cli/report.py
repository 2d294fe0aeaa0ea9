"""`spanledger report`: calls, tokens and cost by day, model, user or any other column; and time, tools and plans."""

import json
import sys
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias, cast

import typer

from spanledger.cli.failures import WrongUse
from spanledger.dashboards.report_names import NAMES, SPENDING, VIEWS

if TYPE_CHECKING:
    from rich.console import Console

    from spanledger.cli.currency import Ask
    from spanledger.dashboards.documents import Report, View

    Made: TypeAlias = Report | View

WATCH_S: Final = 5.0
"""Between two looks at the ledger: calls last longer than that."""


def register(app: typer.Typer) -> None:
    """Add the command `report` to the application."""
    app.command("report")(report)


def report(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[REPORT]",
            help="daily, weekly, monthly, sessions, models, projects, machines, blocks (of five hours), active (time), "
            "tools, quotas or hours (of the week).",
        ),
    ] = "daily",
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN[,…]",
            help="hour, day, week, month, model, user, session, service, provider, app, team, or any column of calls.",
            show_default="as the report's name says",
        ),
    ] = None,
    group_by: Annotated[
        str | None, typer.Option(metavar="COLUMN[,…]", help="Group by these besides what the report is grouped by.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="From: 2026-01-31, 2026-01, or how long ago: 24h, 7d, 2w.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Until; that day or month is included.")] = None,
    timezone: Annotated[str, typer.Option(metavar="NAME", help="Where days begin, like Europe/Vienna.")] = "UTC",
    week_begins: Annotated[str, typer.Option(metavar="DAY", help="The day that weeks begin on.")] = "monday",
    currency: Annotated[
        str | None, typer.Option(metavar="CODE", help="Show costs in this currency, by the rates of prices.toml.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="The folder of the ledger.", show_default="the user's data folder")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Ask the server there, like http://127.0.0.1:4318.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; amounts are exact.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a line for each group.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every few seconds, until Ctrl-C.")] = False,
) -> None:
    """Show what was called and what it cost, and how time, tools and plans were used."""
    if as_json and as_csv:
        raise WrongUse("--json and --csv exclude each other.")
    if watch and (as_json or as_csv or not sys.stdout.isatty()):
        raise WrongUse("--watch is for a terminal: leave out --json and --csv, and do not send it to a file.")
    if what not in NAMES:
        raise WrongUse(f"There is no report {what[:60]!r}: there are {', '.join(NAMES)}.")
    if currency not in {None, "USD"} and what not in SPENDING:
        raise WrongUse(f"--currency is for reports of what was spent: {', '.join(SPENDING)}.")
    groups = _groups(what, by, group_by)

    def made() -> "Made":
        from spanledger.cli.source import source

        with source(data, url) as answering:
            if what in SPENDING:

                def spent(first: str | None, last: str | None) -> "Report":
                    return answering.report(groups or "day", first, last, timezone, week_begins)

                return spent(since, until) if currency in {None, "USD"} else _in(currency, spent, since, until, data)
            wanted = {"by": groups, "since": since, "until": until, "timezone": timezone, "week_begins": week_begins}
            return answering.view(what, wanted)

    if watch:
        from rich.console import Console

        show_again_and_again(lambda console: _show(made(), console), Console(), time.sleep)
        return
    answer = made()
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    elif as_csv:
        typer.echo(_csv(answer), nl=False)
    else:
        from rich.console import Console

        _show(answer, Console())


def _in(currency: str, spent: "Ask", since: str | None, until: str | None, data: Path | None) -> "Report":
    """The report in another currency, by the rates in the data folder."""
    from spanledger.cli import settings
    from spanledger.cli.price_access import needing_the_server_extra

    with needing_the_server_extra():
        from spanledger.cli.currency import report_in
        from spanledger.cli.price_book import rules_in
    return report_in(currency, rules_in(settings.load(data=data).data), spent, since, until)


def show_again_and_again(show: Callable[["Console"], None], console: "Console", wait: Callable[[float], None]) -> None:
    """Show what `show` writes, and again after every `wait`, until that is interrupted."""
    from rich.console import Console

    try:
        while True:
            # All of it is put together first, so that the screen is never half empty.
            drawn = StringIO()
            show(Console(file=drawn, force_terminal=True, width=console.width, no_color=console.no_color))
            console.clear()
            console.file.write(drawn.getvalue())
            console.file.flush()
            wait(WATCH_S)
    except KeyboardInterrupt:
        console.file.write("\n")


def _groups(what: str, by: str | None, group_by: str | None) -> str | None:
    """What the report is grouped by: `by`, else what its name says; and `group_by` besides."""
    own = SPENDING[what] if what in SPENDING else VIEWS[what]
    named = [names for names in (own if by is None else by, group_by) if names is not None]
    # A view that cannot be grouped is not asked to be.
    return ",".join(named) if named else None


def _show(made: "Made", console: "Console") -> None:
    if "rows" in made:
        from spanledger.dashboards.view_text import show_view

        show_view(cast("View", made), console)
    else:
        from spanledger.dashboards.report_text import show_report

        show_report(made, console)


def _csv(made: "Made") -> str:
    if "rows" in made:
        from spanledger.dashboards.view_text import view_csv

        return view_csv(cast("View", made))
    from spanledger.dashboards.report_text import report_csv

    return report_csv(made)
