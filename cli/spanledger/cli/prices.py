"""`spanledger prices`: what models cost, why a call cost what it did, and how to correct it."""

import typer

from spanledger.cli import prices_check, prices_explain, prices_list, prices_rules, prices_update


def register(app: typer.Typer) -> None:
    """Add the commands of `prices` to the application."""
    group = typer.Typer(help="See, explain, check, update and correct what calls cost.", no_args_is_help=True)
    group.command("list")(prices_list.list_prices)
    group.command("explain")(prices_explain.explain)
    group.command("check")(prices_check.check)
    group.command("update")(prices_update.update)
    group.command("diff")(prices_update.diff)
    prices_rules.register(group)
    app.add_typer(group, name="prices")
