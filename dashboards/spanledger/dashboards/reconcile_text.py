"""A reconciliation as a table for people and as CSV for spreadsheets."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from rich.console import Console

from spanledger.dashboards.csv_text import csv
from spanledger.dashboards.documents import Column, Json
from spanledger.dashboards.reconcile import COST, Reconciliation
from spanledger.dashboards.tables import Grid, show, show_usd

AMOUNTS: Final = ("in_metrics", "in_calls", "only_in_metrics", "only_in_calls")

_UNEXPLAINED: Final = frozenset({"only_in_metrics", "only_in_calls"})


def show_reconciliation(made: Reconciliation, console: Console) -> None:
    """Write a reconciliation as a table, and below how much of what metrics saw is explained by calls."""
    header = [*made["by"], "kind", *map(_words, AMOUNTS)]
    rows = [
        [*(_label(group[name]) for name in made["by"]), _words(group["kind"]), *_amounts(group)]
        for group in made["groups"]
    ]
    if rows:
        show(Grid(header, rows, set(range(len(header) - len(AMOUNTS), len(header)))), console)
    for sentence in explained(made):
        console.file.write(f"{sentence}\n")


def explained(made: Reconciliation) -> Iterator[str]:
    """What is explained and what is not, in sentences."""
    if not made["total"]:
        yield "No metrics tell of tokens or cost in this time: there is nothing to compare."
    for one in made["total"]:
        kind = one["kind"]
        percent = "" if one["explained_percent"] is None else f", {one['explained_percent']:g} % explained by calls"
        unexplained = [
            f"{_amount(kind, amount)} {where}"
            for amount, where in ((one["only_in_metrics"], "only in metrics"), (one["only_in_calls"], "only in calls"))
            if _some(amount)
        ]
        rest = f"; unexplained: {', '.join(unexplained)}" if unexplained else ""
        yield f"{_words(kind)}: {_amount(kind, one['in_metrics'])} in metrics{percent}{rest}."
    if without := made["calls_without_metrics"]:
        yield f"Not compared: {without:,} of {made['calls']:,} calls, of services that send no metrics of usage."


def reconciliation_csv(made: Reconciliation) -> str:
    """One line for each group and kind."""
    columns = [Column(name=name, type="VARCHAR") for name in (*made["by"], "metrics", "kind")]
    columns += [Column(name=name, type="DECIMAL") for name in AMOUNTS]
    return csv(columns, made["groups"])


def _amounts(group: Mapping[str, Json]) -> list[str]:
    """The amounts of a group; nothing where nothing is unexplained."""
    return [
        "" if name in _UNEXPLAINED and not _some(group[name]) else _amount(str(group["kind"]), group[name])
        for name in AMOUNTS
    ]


def _amount(kind: str, amount: Json) -> str:
    if kind == COST:
        return f"{show_usd([Decimal(str(amount))])[0]} USD"
    return f"{int(str(amount)):,}"


def _some(amount: Json) -> bool:
    return Decimal(str(amount)) != 0


def _label(key: Json) -> str:
    return "-" if key is None else str(key)


def _words(name: Json) -> str:
    return str(name).replace("_", " ")
