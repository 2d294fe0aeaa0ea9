"""What a report says of its amounts, and how it fits the terminal."""

import io
from decimal import Decimal

import pytest
from rich.console import Console

from spanledger.dashboards.documents import Report
from spanledger.dashboards.report import asked, compute
from spanledger.dashboards.report_text import bases, report_csv, show_report
from tests.span_rows import InMemory

CALL: dict[str, object] = {
    "provider": "anthropic", "response_model": "claude-sonnet-4-5-20250929", "input_tokens": 1_234_567,
    "cache_read_tokens": 1_000_000, "cache_write_tokens": 50_000, "output_tokens": 98_765, "reasoning_tokens": 4_321,
    "price_status": "priced",
}  # fmt: skip
ROWS = [
    CALL | {"cost_usd": Decimal("3.2"), "cost_basis": "api_equivalent"},
    CALL | {"cost_usd": Decimal("0.8"), "cost_basis": "estimated", "provider": "openai"},
    CALL | {"price_status": "unknown_model", "provider": "acme", "response_model": "a-model-with-quite-a-long-name"},
]


def report(rows: list[dict[str, object]], by: str = "provider") -> Report:
    return compute(InMemory(rows), asked(by))


def shown(made: Report, width: int | None = None) -> list[str]:
    file = io.StringIO()
    terminal = width is not None
    console = Console(file=file, force_terminal=terminal, width=width, color_system=None, legacy_windows=False)
    show_report(made, console)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_what_a_plan_has_paid_for_is_marked_and_told_apart() -> None:
    lines = shown(report(ROWS))
    assert [line.split()[7] for line in lines[1:5]] == ["3.20*", "0.80", "-", "4.00*"]
    assert "Of the cost, 0.80 USD is estimated from the price list." in lines
    assert "Of the cost, 3.20 USD is what calls that a plan has paid for would have cost at list price (*)." in lines


@pytest.mark.parametrize(
    ("basis", "sentence"),
    [
        ("billed", "The cost is what was billed."),
        ("estimated", "The cost is estimated from the price list."),
        ("api_equivalent", "The cost is what calls that a plan has paid for would have cost at list price (*)."),
    ],
)
def test_one_kind_of_amounts_is_one_sentence(basis: str, sentence: str) -> None:
    assert list(bases({basis: "1.5"})) == [sentence]


def test_the_amounts_by_basis_add_up_to_the_cost() -> None:
    total = report(ROWS)["total"]
    assert total["cost_by_basis"] == {"estimated": "0.800000000000", "api_equivalent": "3.200000000000"}
    assert sum(map(Decimal, total["cost_by_basis"].values())) == Decimal(str(total["cost_usd"]))


def test_csv_says_of_which_kind_the_amounts_are() -> None:
    assert [line.rsplit(",", 1)[1] for line in report_csv(report(ROWS)).splitlines()] == [
        "cost_basis", "api_equivalent", "estimated", "",
    ]  # fmt: skip


@pytest.mark.parametrize(("width", "columns"), [
    (140, ["calls", "input", "cache", "read", "cache", "write", "output", "reasoning", "cost", "(USD)", "unpriced",
           "errors"]),
    (100, ["calls", "input", "cache", "read", "output", "cost", "(USD)", "unpriced", "errors"]),
    (72, ["calls", "input", "output", "cost", "(USD)", "unpriced", "errors"]),
    (60, ["calls", "cost", "(USD)", "unpriced", "errors"]),
])  # fmt: skip
def test_the_narrower_the_terminal_the_fewer_columns(width: int, columns: list[str]) -> None:
    lines = shown(report(ROWS), width)
    (header,) = (line for line in lines if "calls" in line and "cost (USD)" in line)
    assert header.split() == ["provider", *columns]
    assert len(header) <= width


def test_at_last_names_are_shortened() -> None:
    lines = shown(report(ROWS, "provider,model"), 60)
    assert any("claude-sonnet-4…" in line for line in lines)
    assert not any("── 1 ──" in line for line in lines)


def test_numbers_are_short_where_room_is_scarce_and_whole_in_a_pipe() -> None:
    assert any("1.2M" in line for line in shown(report(ROWS), 80))
    assert any("1,234,567" in line for line in shown(report(ROWS)))


@pytest.mark.parametrize(
    ("provider", "why"),
    [(None, "the emitter did not say whose model it is"), ("acme", "the provider is not in the price list")],
)
def test_a_provider_that_nobody_said_is_not_one_that_the_price_list_lacks(provider: str | None, why: str) -> None:
    lines = shown(report([CALL | {"price_status": "unknown_provider", "provider": provider}]))
    assert f"  not priced: {provider or 'unknown provider'}/claude-sonnet-4-5-20250929, 1 call: {why}" in lines
