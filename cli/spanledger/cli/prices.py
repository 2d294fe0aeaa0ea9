"""`spanledger prices`: what models cost, why a call cost what it did, and how to correct it."""

import typer

from spanledger.cli.prices_check import check
from spanledger.cli.prices_explain import explain
from spanledger.cli.prices_list import list_prices
from spanledger.cli.prices_rules import register as register_rules
from spanledger.cli.prices_update import diff, update


def register(app: typer.Typer) -> None:
    """Add the commands of `prices` to the application."""
    group = typer.Typer(help="See, explain, check, update and correct what calls cost.", no_args_is_help=True)
    group.command("list")(list_prices)
    group.command("explain")(explain)
    group.command("check")(check)
    group.command("update")(update)
    group.command("diff")(diff)
    register_rules(group)
    app.add_typer(group, name="prices")
