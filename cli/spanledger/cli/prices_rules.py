"""`spanledger prices alias|override|discount`: add, list and remove rules of `prices.toml`."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

import typer

from spanledger.cli.failures import Failed, WrongUse
from spanledger.cli.price_access import Data, needing_the_server_extra

if TYPE_CHECKING:
    from spanledger.cli.rules_file import Value
    from spanledger.processors.pricing.rules import Rule, Rules

Name: TypeAlias = Annotated[
    str | None, typer.Option(help="What the rule is called in calls and lists.", show_default="the model's name")
]
Tenant: TypeAlias = Annotated[str | None, typer.Option(help="Only for calls of this tenant.")]
Provider: TypeAlias = Annotated[str | None, typer.Option(help="Only for calls of this provider, like azure.")]
ValidFrom: TypeAlias = Annotated[
    str | None, typer.Option(metavar="DATE", help="For calls from this day on, like 2026-10-01.")
]
ValidTo: TypeAlias = Annotated[str | None, typer.Option(metavar="DATE", help="For calls before this day.")]

_OF_KIND: Final = {"alias": "aliases", "override": "overrides", "discount": "discounts"}
_HELP: Final = {
    "alias": "What your own names of models mean: Azure deployments, inference profiles.",
    "override": "Negotiated prices in the place of list prices.",
    "discount": "Percentages off what calls cost.",
}


def register(group: typer.Typer) -> None:
    """Add the commands about rules to `prices`."""
    for kind, add in (("alias", add_alias), ("override", add_override), ("discount", add_discount)):
        commands = typer.Typer(help=_HELP[kind], no_args_is_help=True)
        commands.command("add")(add)
        commands.command("list")(_listing(kind))
        commands.command("remove")(_removing(kind))
        group.add_typer(commands, name=kind)


def add_alias(
    model: Annotated[str, typer.Argument(help="The name as calls say it, like azure/my-deployment; * for anything.")],
    means: Annotated[str, typer.Argument(help="The model of the price list, like azure/gpt-4o.")],
    name: Name = None,
    tenant: Tenant = None,
    provider: Provider = None,
    valid_from: ValidFrom = None,
    valid_to: ValidTo = None,
    data: Data = None,
) -> None:
    """Say what a name of a model means: calls with that name are priced as that model."""
    _add("alias", {"model": model, "means": means}, _scope(name, tenant, provider, valid_from, valid_to), data)


def add_override(
    model: Annotated[str, typer.Argument(help="The model, like anthropic/claude-sonnet-4-5; * stands for anything.")],
    price: Annotated[
        list[str],
        typer.Option(metavar="UNIT=DOLLARS", help="A price, like input=2.40 per million tokens; repeat it."),
    ],
    variant: Annotated[
        str | None, typer.Option(help="The price list that it replaces: batch, flex, priority, fast.")
    ] = None,
    name: Name = None,
    tenant: Tenant = None,
    provider: Provider = None,
    valid_from: ValidFrom = None,
    valid_to: ValidTo = None,
    data: Data = None,
) -> None:
    """Replace a list price by one of your own: dollars per million tokens, per thousand searches or requests."""
    said: dict[str, Value] = {"model": model}
    if variant is not None:
        said["variant"] = variant
    for one in price:
        unit, equals, dollars = one.partition("=")
        if not equals:
            raise WrongUse(f"--price {one!r} is no price: write it like input=2.40.")
        said[unit.strip()] = _number(dollars, "--price")
    _add("override", said, _scope(name, tenant, provider, valid_from, valid_to), data)


def add_discount(
    percent: Annotated[str, typer.Argument(help="Per cent off, like 22 or 7.5.")],
    model: Annotated[
        str | None, typer.Option(help="Only for this model, like openai/gpt-5; * stands for anything.")
    ] = None,
    applies_to: Annotated[
        Literal["all", "tokens", "fees"], typer.Option(help="Off what: fees are those of searches and requests.")
    ] = "all",
    name: Name = None,
    tenant: Tenant = None,
    provider: Provider = None,
    valid_from: ValidFrom = None,
    valid_to: ValidTo = None,
    data: Data = None,
) -> None:
    """Take a percentage off what calls cost. Of several that apply the most specific counts: they do not add up."""
    said: dict[str, Value] = {"percent": _number(percent, "PERCENT"), "applies_to": applies_to}
    if model is not None:
        said["model"] = model
    _add("discount", said, _scope(name, tenant, provider, valid_from, valid_to), data)


def _scope(
    name: str | None, tenant: str | None, provider: str | None, valid_from: str | None, valid_to: str | None
) -> "dict[str, Value]":
    texts: dict[str, Value] = {
        key: value for key, value in (("name", name), ("tenant", tenant), ("provider", provider)) if value is not None
    }
    days = {
        key: _day(value) for key, value in (("valid_from", valid_from), ("valid_to", valid_to)) if value is not None
    }
    return texts | days


def _add(kind: str, said: "Mapping[str, Value]", scope: "Mapping[str, Value]", data: Path | None) -> None:
    with needing_the_server_extra():
        from spanledger.cli.price_book import rules_in
        from spanledger.cli.rules_file import add_rule

    path = _file(data)
    before = {rule.id for rule in _of(rules_in(path.parent), kind)}
    add_rule(path, kind, {**said, **scope})
    added = [rule for rule in _of(rules_in(path.parent), kind) if rule.id not in before]
    typer.echo(f"Added {added[-1].text if added else kind} to {path}.")
    typer.echo("It holds for calls that arrive from now on; `spanledger reprice` prices stored ones again.", err=True)


def _listing(kind: str) -> Callable[..., None]:
    def list_rules(
        data: Data = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
    ) -> None:
        with needing_the_server_extra():
            from spanledger.cli.price_book import rules_in

        path = _file(data)
        rules = _of(rules_in(path.parent), kind)
        if as_json:
            typer.echo(json.dumps([_described(rule) for rule in rules], ensure_ascii=False, indent=1, default=str))
            return
        if not rules:
            typer.echo(f"{path} holds no {kind}: `spanledger prices {kind} add` makes one.", err=True)
            return
        _show(rules)

    list_rules.__doc__ = f"List every {kind} of prices.toml."
    return list_rules


def _removing(kind: str) -> Callable[..., None]:
    def remove(
        name: Annotated[str, typer.Argument(metavar="NAME|ID", help=f"The name of the {kind}, or its id.")],
        data: Data = None,
    ) -> None:
        with needing_the_server_extra():
            from spanledger.cli.price_book import rules_in
            from spanledger.cli.rules_file import remove_rule

        path = _file(data)
        rules = _of(rules_in(path.parent), kind)
        found = [place for place, rule in enumerate(rules) if name in (rule.name, rule.id)]
        if not found:
            raise Failed(f"{path} holds no {kind} {name[:60]!r}: `spanledger prices {kind} list` shows what it holds.")
        if len(found) > 1:
            raise Failed(f"{path} holds several: give the id of the one, as `spanledger prices {kind} list` shows it.")
        remove_rule(path, kind, found[0])
        typer.echo(f"Removed {rules[found[0]].text} from {path}.")

    remove.__doc__ = f"Take an {kind} out of prices.toml again." if kind[0] in "ao" else f"Take a {kind} out again."
    return remove


def _of(rules: "Rules", kind: str) -> "list[Rule]":
    """The rules of a kind, in the order of the file."""
    return list(getattr(rules, _OF_KIND[kind]))


def _file(data: Path | None) -> Path:
    from spanledger.cli import settings

    with needing_the_server_extra():
        from spanledger.cli.price_book import RULES_FILE

    return settings.load(data=data).data / RULES_FILE


def _described(rule: "Rule") -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.name,
        **{key: value for key, value in rule.content.items() if value is not None},
    }


def _show(rules: "list[Rule]") -> None:
    from rich.console import Console

    from spanledger.dashboards.tables import Grid, show

    described = [_described(rule) for rule in rules]
    names = list(dict.fromkeys(key for one in described for key in one))
    rows = [[_cell(one.get(name)) for name in names] for one in described]
    show(Grid(names, rows, ()), Console())


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _number(text: str, where: str) -> Decimal:
    try:
        return Decimal(text.strip())
    except InvalidOperation as error:
        raise WrongUse(f"{where}: {text!r} is no number.") from error


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise WrongUse(f"{text!r} is no day: write it like 2026-10-01.") from error
