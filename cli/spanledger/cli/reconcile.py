"""`spanledger reconcile`: what metrics saw that calls do not tell of, and the reverse."""

import json
from pathlib import Path
from typing import Annotated

import typer

from spanledger.cli.failures import WrongUse


def register(app: typer.Typer) -> None:
    """Add the command `reconcile` to the application."""
    app.command("reconcile")(reconcile)


def reconcile(
    by: Annotated[
        str, typer.Option(metavar="COLUMN[,…]", help="day, service, session, model; days are those of UTC.")
    ] = "service,model",
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="From: 2026-01-31, 2026-01, or how long ago: 24h, 7d, 2w.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Until; that day or month is included.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="The folder of the ledger.", show_default="the user's data folder")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Ask the server there, like http://127.0.0.1:4318.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; amounts are exact.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a line for each group and kind.")] = False,
) -> None:
    """Compare what metrics tell of tokens and cost with the calls of the ledger."""
    from spanledger.cli.source import source

    if as_json and as_csv:
        raise WrongUse("--json and --csv exclude each other.")
    with source(data, url) as answering:
        made = answering.reconcile(by, since, until)
    if as_json:
        typer.echo(json.dumps(made, ensure_ascii=False, indent=2))
        return
    from spanledger.dashboards import reconcile_text

    if as_csv:
        typer.echo(reconcile_text.reconciliation_csv(made), nl=False)
        return
    from rich.console import Console

    reconcile_text.show_reconciliation(made, Console())
