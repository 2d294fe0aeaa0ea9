"""A report as a table for people and as CSV for spreadsheets."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, cast

from rich.console import Console

from spanledger.dashboards.csv_text import csv
from spanledger.dashboards.documents import TOKENS, Column, Json, Measures, Report
from spanledger.dashboards.tables import Grid, printable, show, show_usd

_HEADINGS: Final = {
    "input_tokens": "input",
    "cache_read_tokens": "cache read",
    "cache_write_tokens": "cache write",
    "output_tokens": "output",
    "reasoning_tokens": "reasoning",
}

_REASONS: Final = {
    "unknown_provider": "the provider is not in the price list",
    "unknown_model": "the model is not in the price list",
    "missing_usage": "the emitter did not say how many tokens were used",
    "bad_usage": "the token counts contradict each other",
    "unpriced_unit": "the price list has no price for what was used",
}


def show_report(report: Report, console: Console) -> None:
    """Write a report as a table with its total, and below how much of it is priced."""
    every = [*(cast(Measures, group) for group in report["groups"]), report["total"]]
    # A column that no call says anything of only takes room; the cost always stands there.
    tokens = [name for name in TOKENS if any(_count(one, name) for one in every)]
    costs = show_usd([None if one["cost_usd"] is None else Decimal(one["cost_usd"]) for one in every])
    cells = [
        [f"{one['calls']:,}", *(_number(_count(one, name)) for name in tokens), cost, _unpriced(one), _errors(one)]
        for one, cost in zip(every, costs, strict=True)
    ]
    labels = [[_label(group[name]) for name in report["by"]] for group in report["groups"]]
    header = [*report["by"], "calls", *(_HEADINGS[name] for name in tokens), "cost (USD)", "unpriced", "errors"]
    rows = [[*label, *line] for label, line in zip(labels, cells[:-1], strict=True)]
    total = ["total", *[""] * (len(report["by"]) - 1), *cells[-1]]
    numbers = set(range(len(report["by"]), len(header))) - {len(header) - 2}
    show(Grid(header, rows, numbers, total), console)
    for sentence in coverage(report):
        console.file.write(f"{sentence}\n")


def coverage(report: Report) -> Iterator[str]:
    """What is known and what is not, in sentences."""
    total = report["total"]
    if not total["calls"]:
        yield "There are no calls in this time."
        return
    whole = total["priced"] + total["unpriced"]
    if report["priced_percent"] is not None:
        yield f"Priced: {report['priced_percent']:g} % ({total['priced']:,} of {whole:,} calls)."
    if failed := total["calls"] - whole:
        yield f"Nothing to price: {_calls(failed)} that failed, without a token count."
    if not total["unpriced"]:
        return
    for one in report["unpriced_models"]:
        name = f"{one['provider'] or 'unknown provider'}/{one['model'] or 'unknown model'}"
        why = _REASONS.get(one["why"] or "", one["why"] or "no reason was stored")
        yield f"  not priced: {printable(name)}, {_calls(one['calls'])}: {why}"
    yield "The cost is without these calls. To see all of them: spanledger report --by provider,model,price_status"


def report_csv(report: Report) -> str:
    """One line per group, and no total: a spreadsheet makes its own."""
    measures = ("calls", *TOKENS, "cost_usd", "priced", "unpriced", "errors")
    columns = [Column(name=name, type="VARCHAR") for name in report["by"]]
    columns += [Column(name=name, type="DECIMAL" if name == "cost_usd" else "BIGINT") for name in measures]
    return csv(columns, report["groups"])


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count:,} calls"


def _label(key: Json) -> str:
    return "-" if key is None else str(key)


def _count(measures: Measures, name: str) -> int | None:
    count: int | None = measures[name]  # type: ignore[literal-required]
    return count


def _number(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def _errors(measures: Measures) -> str:
    return f"{measures['errors']:,}" if measures["errors"] else ""


def _unpriced(measures: Measures) -> str:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in measures["unpriced_why"].items())
    return reasons if measures["unpriced"] else ""
