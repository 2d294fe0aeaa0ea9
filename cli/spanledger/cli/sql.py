"""`spanledger sql`: one statement on the ledger, with or without a running server."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spanledger.cli.failures import WrongUse

if TYPE_CHECKING:
    from spanledger.dashboards.documents import Document, Json

ROWS_MAX_DEFAULT = 100_000
"""As many as a server hands out at once."""

NUMBERS = ("INT", "DECIMAL", "DOUBLE", "FLOAT", "HUGEINT")


def register(app: typer.Typer) -> None:
    """Add the command `sql` to the application."""
    app.command("sql")(sql)


def sql(
    statement: Annotated[str, typer.Argument(metavar="STATEMENT", help="A statement that reads, or - for stdin.")],
    data: Annotated[
        Path | None, typer.Option(help="The folder of the ledger.", show_default="the user's data folder")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Ask the server there, like http://127.0.0.1:4318.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON array of objects; nothing is rounded.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Rows to print, at most.")] = ROWS_MAX_DEFAULT,
) -> None:
    """Run one SQL statement on the ledger: spanledger sql "select provider, sum(cost_usd) from calls group by all"."""
    from spanledger.cli.source import source

    if as_json and as_csv:
        raise WrongUse("--json and --csv exclude each other.")
    text = sys.stdin.read() if statement == "-" else statement
    with source(data, url) as answering:
        found = answering.sql(text, limit)
    if as_json:
        typer.echo(_array(found["rows"]))
    elif as_csv:
        from spanledger.dashboards.csv_text import csv

        typer.echo(csv(found["columns"], found["rows"]), nl=False)
    else:
        _show(found)
    if found["truncated"]:
        typer.echo(
            f"Only the first {len(found['rows']):,} rows are shown: raise --limit, or count them first.", err=True
        )


def _array(rows: "list[dict[str, Json]]") -> str:
    """One array, a line for each row."""
    if not rows:
        return "[]"
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]"


def _show(found: "Document") -> None:
    from rich.console import Console

    from spanledger.dashboards.tables import Grid, show

    names = [column["name"] for column in found["columns"]]
    rows = [[_cell(row[name]) for name in names] for row in found["rows"]]
    right = {at for at, column in enumerate(found["columns"]) if _is_number(column["type"])}
    show(Grid(names, rows, right), Console())


def _is_number(kind: str) -> bool:
    return any(kind.removeprefix("U").endswith(name) or kind.startswith(name) for name in NUMBERS) and "[" not in kind


def _cell(value: "Json") -> str:
    if isinstance(value, str):
        return value
    return "NULL" if value is None else json.dumps(value, ensure_ascii=False)
