"""A view of a report as a table for people and as CSV for spreadsheets."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from rich.console import Console

from spanledger.dashboards.csv_text import csv
from spanledger.dashboards.documents import Json, View
from spanledger.dashboards.heat_map_text import show_heat_map
from spanledger.dashboards.tables import (
    LABEL_MAX,
    Grid,
    printable,
    shortened,
    show,
    show_costs,
    show_count,
    show_duration,
)

_HEADINGS: Final = {
    "service_name": "service",
    "started_at": "from",
    "ends_at": "to",
    "ended_at": "last call",
    "sampled_at": "told at",
    "resets_at": "resets at",
    "left_s": "left",
    "input_tokens": "input",
    "cache_read_tokens": "cache read",
    "cache_write_tokens": "cache write",
    "output_tokens": "output",
    "cost_usd": "cost (USD)",
    "tokens_per_minute": "tokens/min",
    "cost_per_hour_usd": "USD/h",
    "errors_percent": "failed",
    "used_percent": "used",
    "elapsed_percent": "time gone",
    "projected_percent": "leads to",
    "agents_s": "sub-agents",
    "p95_s": "95 %",
}
"""What a column is called above the table; others by their name without the unit."""

_HIDDEN: Final = {
    "sessions": ("started_at", "api_equivalent_usd"),
    "blocks": ("last_call_at", "active", "api_equivalent_usd", "projected_tokens", "projected_cost_usd", "left_s"),
    "tools": ("timed",),
    "quotas": ("window_s", "samples"),
}
"""Columns that the table leaves out; --json and --csv have them."""

_LESS_IMPORTANT: Final = {
    "sessions": ("models", "cache_write_tokens", "cache_read_tokens", "errors", "unpriced", "project", "input_tokens",
                 "output_tokens", "service_name"),
    "blocks": ("tokens_per_minute", "ends_at", "unpriced", "cost_per_hour_usd", "input_tokens", "output_tokens"),
    "active": ("compute_s", "sessions", "agents_s", "tool_s"),
    "tools": ("longest_s", "median_s", "errors", "total_s"),
    "quotas": ("sampled_at", "user", "plan", "elapsed_percent", "state", "left_s"),
}  # fmt: skip
"""What is left out first where the terminal is narrow."""

_TEXTS: Final = ("VARCHAR", "BOOLEAN", "TIMESTAMP WITH TIME ZONE")


def show_view(view: View, console: Console) -> None:
    """Write a view as a table with its total, and below what is to be said of it."""
    if view["view"] == "hours":
        show_heat_map(view, console)
    elif view["rows"]:
        names = _shown(view)
        less = [name for name in _LESS_IMPORTANT.get(view["view"], ()) if name in names]
        narrower = [
            _grid(view, [name for name in names if name not in less[:count]], short=True)
            for count in range(len(less) + 1)
        ]
        show(_grid(view, names, short=False), console, *narrower)
    for note in view["notes"]:
        console.file.write(f"{printable(note)}\n")
    if view["total"] and view["total"].get("api_equivalent_usd") is not None:
        console.file.write("* Contains calls that a plan has paid for, at list price.\n")


def view_csv(view: View) -> str:
    """One line per row, and no total: a spreadsheet makes its own."""
    return csv(view["columns"], view["rows"])


def _shown(view: View) -> list[str]:
    """The columns of the table: those that say anything, and those that the rows are named by."""
    hidden = _HIDDEN.get(view["view"], ())
    return [
        column["name"]
        for column in view["columns"]
        if column["name"] not in hidden
        and (column["name"] in view["by"] or any(_says(column["name"], row[column["name"]]) for row in view["rows"]))
    ]


def _says(name: str, value: Json) -> bool:
    """Whether a cell says anything: no time at all does not."""
    return bool(value) if name.endswith("_s") else value is not None


def _grid(view: View, names: Sequence[str], *, short: bool) -> Grid:
    types = {column["name"]: column["type"] for column in view["columns"]}
    every: list[Mapping[str, Json]] = [*view["rows"], *([view["total"]] if view["total"] else [])]
    columns = [_cells(name, types[name], every, short=short) for name in names]
    lines = [list(line) for line in zip(*columns, strict=True)]
    total = lines.pop() if view["total"] else None
    if total:
        total = [cell if name in (view["total"] or ()) else "" for name, cell in zip(names, total, strict=True)]
        total[0] = "total"
    header = [_HEADINGS.get(name, _plain_name(name)) for name in names]
    right = {at for at, name in enumerate(names) if types[name] not in _TEXTS}
    return Grid(header, lines, right, total)


def _cells(name: str, kind: str, rows: Sequence[Mapping[str, Json]], *, short: bool) -> list[str]:
    """A column as texts."""
    said = [row.get(name) for row in rows]
    if name.endswith("_usd"):
        marked = [row.get("api_equivalent_usd") is not None and name == "cost_usd" for row in rows]
        amounts = [None if value is None else Decimal(str(value)) for value in said]
        return show_costs(list(zip(amounts, marked, strict=True)))
    if name == "unpriced":
        return [f"{value:,}" if value else "" for value in said]
    return [_cell(name, kind, value, short=short) for value in said]


def _cell(name: str, kind: str, value: Json, *, short: bool) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        if name.endswith("_at"):
            return value[: len("2026-01-31T12:00")].replace("T", " ")
        return shortened(value, LABEL_MAX) if short else value
    if isinstance(value, int | float) and name.endswith("_s"):
        return show_duration(value)
    if isinstance(value, int | float) and name.endswith("_percent"):
        return f"{value:.1f} %"
    if isinstance(value, int | float):
        return show_count(round(value)) if short else f"{round(value):,}"
    return str(value)


def _plain_name(name: str) -> str:
    for unit in ("_s", "_usd", "_percent", "_tokens"):
        name = name.removesuffix(unit)
    return name.replace("_", " ")
