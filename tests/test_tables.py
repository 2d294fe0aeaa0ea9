"""Tables as text: aligned, whole, and harmless whatever the cells hold."""

import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from spanledger.dashboards.tables import (
    Grid,
    printable,
    shortened,
    show,
    show_costs,
    show_count,
    show_duration,
    show_usd,
)


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


def test_of_narrower_tables_the_first_that_fits_is_shown_and_a_pipe_gets_the_whole() -> None:
    wide, medium, narrow = (Grid(["a"], [["x" * length]], set()) for length in (50, 30, 10))
    for width, length in ((80, 50), (40, 30), (20, 10)):
        file = io.StringIO()
        show(wide, Console(file=file, force_terminal=True, width=width, color_system=None), medium, narrow)
        assert file.getvalue().count("x") == length
    file = io.StringIO()
    show(wide, Console(file=file, force_terminal=False, width=20), medium, narrow)
    assert file.getvalue().count("x") == 50


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


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (9_999, "9,999"), (10_000, "10.0k"), (123_456, "123.5k"), (999_949, "999.9k"), (999_950, "1.0M"),
     (4_500_000, "4.5M"), (2_000_000_000, "2.0B"), (7_000_000_000_000, "7.0T"), (-12_345, "-12.3k")],
)  # fmt: skip
def test_counts_that_take_little_room(count: int, text: str) -> None:
    assert show_count(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.123, "0.12 s"), (9.99, "9.99 s"), (34.5, "34.5 s"), (59.96, "1 min 00 s"), (754, "12 min 34 s"),
     (3_599.6, "1 h 00 min"), (3_600, "1 h 00 min"), (18_360, "5 h 06 min"), (275_000, "3 d 04 h")],
)  # fmt: skip
def test_durations_are_in_units_that_people_read(seconds: float, text: str) -> None:
    assert show_duration(seconds) == text


def test_marked_amounts_have_a_star_and_stay_aligned() -> None:
    assert show_costs([(Decimal(1), True), (None, False), (Decimal("2.5"), False)]) == ["1.00*", "- ", "2.50 "]
    assert show_costs([(Decimal(1), False)]) == ["1.00"]


def test_a_name_is_cut_to_its_length_with_the_ellipsis() -> None:
    assert (shortened("abcdef", 6), shortened("abcdefg", 6)) == ("abcdef", "abcde…")
