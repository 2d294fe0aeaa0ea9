"""`spanledger doctor`: what is found where on this machine, and what is off."""

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command `doctor` to the application."""
    app.command("doctor")(doctor)


def doctor(
    data: Annotated[
        Path | None, typer.Option(help="The folder of the ledger.", show_default="the user's data folder")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say which logs lie where, what of them is replayed, how the ledger is, and what is off. Changes nothing."""
    from spanledger.cli.examination import examined
    from spanledger.cli.replay_to import data_folder

    found = examined(data_folder(data))
    if as_json:
        typer.echo(json.dumps(found.describe(), ensure_ascii=False))
        return
    from rich.console import Console

    found.show(Console())
