"""The command line: `spanledger` and its commands. What is heavy is imported by the command that needs it."""

import sys
from typing import Annotated

import typer

from spanledger.cli import demo, doctor, key, prices, reconcile, replay, report, reprice, sql, statusline, up
from spanledger.cli.failures import Failed
from spanledger.storage.errors import LedgerError

app = typer.Typer(
    name="spanledger",
    help="Every LLM call of your programs and coding agents, counted once, priced as of its day, in one DuckDB file.",
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (up, replay, doctor, demo, report, statusline, reconcile, sql, prices, reprice, key):
    command.register(app)


@app.callback(invoke_without_command=True)
def spanledger(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Without a command: find the logs of this machine, replay what is new, and print the bill."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"spanledger {installed('spanledger')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        from spanledger.cli.first_bill import first_bill

        first_bill()


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 wrong use."""
    try:
        app()
    except Failed as error:
        typer.echo(error, err=True)
        sys.exit(error.exit_code)
    except LedgerError as error:
        typer.echo(error, err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
