"""`spanledger report`: calls, tokens and cost by day, model, user or any other column."""

import json
from pathlib import Path
from typing import Annotated

import typer

from spanledger.cli.failures import WrongUse


def register(app: typer.Typer) -> None:
    """Add the command `report` to the application."""
    app.command("report")(report)


def report(
    by: Annotated[
        str,
        typer.Option(
            metavar="COLUMN[,…]",
            help="hour, day, week, month, model, user, session, service, provider, app, team, or any column of calls.",
        ),
    ] = "day",
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="From: 2026-01-31, 2026-01, or how long ago: 24h, 7d, 2w.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Until; that day or month is included.")] = None,
    timezone: Annotated[str, typer.Option(metavar="NAME", help="Where days begin, like Europe/Vienna.")] = "UTC",
    data: Annotated[
        Path | None, typer.Option(help="The folder of the ledger.", show_default="the user's data folder")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Ask the server there, like http://127.0.0.1:4318.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; amounts are exact.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a line for each group.")] = False,
) -> None:
    """Show what was called and what it cost."""
    from spanledger.cli.source import source

    if as_json and as_csv:
        raise WrongUse("--json and --csv exclude each other.")
    with source(data, url) as answering:
        made = answering.report(by, since, until, timezone)
    if as_json:
        typer.echo(json.dumps(made, ensure_ascii=False, indent=2))
        return
    from spanledger.dashboards import report_text

    if as_csv:
        typer.echo(report_text.report_csv(made), nl=False)
        return
    from rich.console import Console

    report_text.show_report(made, Console())
