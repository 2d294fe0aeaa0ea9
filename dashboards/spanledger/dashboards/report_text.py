"""A report as a table for people and as CSV for spreadsheets."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, cast

from rich.console import Console

from spanledger.dashboards.csv_text import csv
from spanledger.dashboards.documents import COST_BASES, TOKENS, Column, Json, Measures, Report
from spanledger.dashboards.tables import LABEL_MAX, Grid, printable, shortened, show, show_costs, show_count, show_usd

_HEADINGS: Final = {
    "input_tokens": "input",
    "cache_read_tokens": "cache read",
    "cache_write_tokens": "cache write",
    "output_tokens": "output",
    "reasoning_tokens": "reasoning",
}

PLAN_BASIS: Final = "api_equivalent"

_BASES: Final = {
    "billed": "what was billed",
    "estimated": "estimated from the price list",
    "api_equivalent": "what calls that a plan has paid for would have cost at list price (*)",
}

_REASONS: Final = {
    "unknown_provider": "the provider is not in the price list",
    "unknown_model": "the model is not in the price list",
    "missing_usage": "the emitter did not say how many tokens were used",
    "bad_usage": "the token counts contradict each other",
    "unpriced_unit": "the price list has no price for what was used",
}


def show_report(report: Report, console: Console) -> None:
    """Write a report as a table with its total, and below how much of it is priced, and what kind of amounts these are.

    On a narrow terminal numbers are shortened first, then the less important columns are left out.
    """
    every = [*(cast(Measures, group) for group in report["groups"]), report["total"]]
    # A column that no call says anything of only takes room; the cost always stands there.
    tokens = [name for name in TOKENS if any(_count(one, name) is not None for one in every)]
    narrower = [
        _grid(report, every, [name for name in tokens if name in kept], short=True, cut=cut)
        for cut in (False, True)
        for kept in (
            TOKENS,
            ("input_tokens", "cache_read_tokens", "output_tokens"),
            ("input_tokens", "output_tokens"),
            (),
        )
    ]
    show(_grid(report, every, tokens, short=False), console, *narrower)
    for sentence in coverage(report):
        console.file.write(f"{sentence}\n")


def _grid(report: Report, every: Sequence[Measures], tokens: Sequence[str], *, short: bool, cut: bool = False) -> Grid:
    """The table; `short` has shortened numbers, and of the unpriced calls only how many; `cut` has shortened names."""
    number = _short if short else _number
    costs = show_costs(
        [
            (_dollars(one["cost"] if "currency" in report else one["cost_usd"]), PLAN_BASIS in one["cost_by_basis"])
            for one in every
        ]
    )
    columns = [
        ("calls", [number(one["calls"]) for one in every]),
        *((_HEADINGS[name], [number(_count(one, name)) for one in every]) for name in tokens),
        (f"cost ({report.get('currency', 'USD')})", costs),
    ]
    right = set(range(len(report["by"]), len(report["by"]) + len(columns)))
    if short and not cut:
        right |= {max(right) + 1, max(right) + 2}
        columns.append(("unpriced", [number(one["unpriced"]) if one["unpriced"] else "" for one in every]))
    elif not short:
        right.add(max(right) + 2)
        columns.append(("unpriced", [_unpriced(one) for one in every]))
    if not cut:
        columns.append(("errors", [_errors(one) for one in every]))
    lines = [list(line) for line in zip(*(cells for _, cells in columns), strict=True)]
    labels = [
        [shortened(_label(group[name]), LABEL_MAX) if cut else _label(group[name]) for name in report["by"]]
        for group in report["groups"]
    ]
    rows = [[*label, *line] for label, line in zip(labels, lines[:-1], strict=True)]
    total = ["total", *[""] * (len(report["by"]) - 1), *lines[-1]]
    return Grid([*report["by"], *(heading for heading, _ in columns)], rows, right, total)


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
    yield from bases(total["cost_by_basis"])
    if not total["unpriced"]:
        return
    for one in report["unpriced_models"]:
        name = f"{one['provider'] or 'unknown provider'}/{one['model'] or 'unknown model'}"
        why = _REASONS.get(one["why"] or "", one["why"] or "no reason was stored")
        if one["why"] == "unknown_provider" and one["provider"] is None:
            why = "the emitter did not say whose model it is"
        yield f"  not priced: {printable(name)}, {_calls(one['calls'])}: {why}"
    yield "The cost is without these calls. To see all of them: spanledger report --by provider,model,price_status"


def bases(amounts: Mapping[str, str]) -> Iterator[str]:
    """What kinds of amounts a cost adds up, in sentences."""
    known = [basis for basis in COST_BASES if basis in amounts]
    if len(known) == 1:
        yield f"The cost is {_BASES[known[0]]}."
        return
    for basis, usd in zip(known, show_usd([Decimal(amounts[basis]) for basis in known]), strict=True):
        yield f"Of the cost, {usd} USD is {_BASES[basis]}."


def report_csv(report: Report) -> str:
    """One line per group, and no total: a spreadsheet makes its own."""
    measures = ("calls", *TOKENS, "cost_usd", "priced", "unpriced", "errors")
    columns = [Column(name=name, type="VARCHAR") for name in report["by"]]
    columns += [Column(name=name, type="DECIMAL" if name == "cost_usd" else "BIGINT") for name in measures]
    columns.append(Column(name="cost_basis", type="VARCHAR"))
    kinds: list[dict[str, Json]] = [
        {"cost_basis": ",".join(cast(Measures, group)["cost_by_basis"]) or None} for group in report["groups"]
    ]
    rows = [group | kind for group, kind in zip(report["groups"], kinds, strict=True)]
    if "currency" not in report:
        return csv(columns, rows)
    columns += [Column(name="cost", type="DECIMAL"), Column(name="currency", type="VARCHAR")]
    return csv(columns, [row | {"currency": report["currency"]} for row in rows])


def _dollars(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count:,} calls"


def _label(key: Json) -> str:
    return "-" if key is None else str(key)


def _count(measures: Measures, name: str) -> int | None:
    count: int | None = measures[name]  # type: ignore[literal-required]
    return count


def _number(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def _short(count: int | None) -> str:
    return "-" if count is None else show_count(count)


def _errors(measures: Measures) -> str:
    return f"{measures['errors']:,}" if measures["errors"] else ""


def _unpriced(measures: Measures) -> str:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in measures["unpriced_why"].items())
    return reasons if measures["unpriced"] else ""
