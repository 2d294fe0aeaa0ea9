"""Tables as text: aligned, whole, and harmless whatever the cells hold."""

import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from spanledger.dashboards.tables import Grid, printable, show, show_usd


def shown(grid: Grid, width: int | None = None) -> str:
    """What is written: to a terminal of that width, or to a pipe."""
    file = io.StringIO()
    terminal = width is not None
    show(grid, Console(file=file, force_terminal=terminal, width=width, color_system=None, legacy_windows=False))
    return file.getvalue()


GRID = Grid(["model", "usd"], [["gpt-4o", "1.50"], ["日本", "10.00"]], {1}, ["total", "11.50"])


def test_a_pipe_gets_aligned_lines_and_nothing_else() -> None:
    assert shown(GRID) == "model     usd\ngpt-4o   1.50\n日本    10.00\ntotal   11.50\n"


def test_a_terminal_gets_a_table_with_the_total_below_a_line() -> None:
    lines = shown(GRID, 80).splitlines()
    assert [line.split() for line in lines if "─" not in line and line.strip()] == [
        ["model", "usd"], ["gpt-4o", "1.50"], ["日本", "10.00"], ["total", "11.50"],
    ]  # fmt: skip
    assert sum("─" in line for line in lines) == 2


def test_a_table_wider_than_the_terminal_becomes_records() -> None:
    text = shown(Grid(["a", "longer"], [["x" * 30, "y" * 30]], set()), 40)
    assert text == "── 1 ──\na       " + "x" * 30 + "\nlonger  " + "y" * 30 + "\n"


def test_a_pipe_is_never_cut() -> None:
    assert "x" * 5_000 in shown(Grid(["a"], [["x" * 5_000]], set()))


def test_a_cell_cannot_write_to_the_terminal() -> None:
    evil = Grid(["m"], [["\x1b[2Jgpt\n[bold]x[/bold]"]], set())
    for text in (shown(evil), shown(evil, 80)):
        assert "\x1b" not in text
        assert r"\x1b[2Jgpt\n[bold]x[/bold]" in text


@given(st.text())
def test_what_is_printable_stays_on_its_line(text: str) -> None:
    assert printable(text).isprintable()


@pytest.mark.parametrize(
    ("amounts", "texts"),
    [
        (["1.5", "1234.567"], ["1.50", "1,234.57"]),
        (["0.00042", "12"], ["0.00042", "12.00000"]),
        (["0.000123", "0"], ["0.00012", "0.00000"]),
        (["0.0000001", "1"], ["<0.000001", "1.000000"]),
        (["-0.0000001"], [">-0.000001"]),
        (["0"], ["0.00"]),
        ([None, "0.01"], ["-", "0.010"]),
        ([], []),
    ],
)
def test_amounts_align_at_the_point_and_small_ones_are_not_nothing(amounts: list[str | None], texts: list[str]) -> None:
    assert show_usd([None if amount is None else Decimal(amount) for amount in amounts]) == texts


@given(st.lists(st.decimals("0.000000000001", 10**6, places=12), min_size=1))
def test_no_cost_looks_like_none(amounts: list[Decimal]) -> None:
    for text in show_usd(amounts):
        assert text.strip("<0.,"), "only noughts"
