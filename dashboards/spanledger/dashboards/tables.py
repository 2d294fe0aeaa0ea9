"""Tables as text: drawn on a terminal, plain and aligned anywhere else, so that a pipe gets every cell whole."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

DECIMALS_MAX: Final = 6
"""A millionth of a dollar; the rest is in --json."""

LABEL_MAX: Final = 16
"""Characters of a name that tell one from another well enough on a narrow terminal."""

COUNT_MAX: Final = 10_000
"""From here on a count is shortened where room is scarce."""

SHORT_S: Final = 59.95
"""From here on a duration has minutes."""

_GAP: Final = "  "
_GAP_DRAWN: Final = 3
"""Cells between two columns of a drawn table."""


@dataclass(frozen=True)
class Grid:
    """A table of texts: `right` names the columns that are aligned to the right, `total` the line below the others."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Collection[int]
    total: Sequence[str] | None = None


def show(grid: Grid, console: Console, *narrower: Grid) -> None:
    """Write a table; if it is wider than the terminal the first of `narrower` that fits, else a list of records."""
    if not console.is_terminal:
        safe, widths = _measured(grid)
        for line in safe:
            console.file.write(_plain_line(line, widths, grid.right) + "\n")
        return
    for candidate in (grid, *narrower):
        safe, widths = _measured(candidate)
        if not grid.rows or sum(widths) + _GAP_DRAWN * len(widths) <= console.width:
            console.print(_drawn(safe, candidate))
            return
    _show_records(_measured(grid)[0], console)


def show_count(count: int) -> str:
    """A number that takes little room: 9,999, then 12.3k, 4.5M, 6.7B, with three digits at least."""
    if abs(count) < COUNT_MAX:
        return f"{count:,}"
    for unit, size in (("k", 10**3), ("M", 10**6), ("B", 10**9)):
        # What rounds up to 1,000 of a unit is 1.0 of the next.
        if abs(count) < size * 999.95:
            return f"{count / size:.1f}{unit}"
    return f"{count / 10**12:,.1f}T"


def show_duration(seconds: float) -> str:
    """How long: 0 s, 0.12 s, 34.5 s, 12 min 34 s, 5 h 06 min, 3 d 04 h."""
    if not seconds:
        return "0 s"
    if seconds < SHORT_S:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    if (whole := round(seconds)) < 3_600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    hours = round(seconds / 3_600)
    return f"{hours // 24} d {hours % 24:02} h"


def shortened(text: str, cells_max: int) -> str:
    """The text, cut and with an ellipsis where it is longer."""
    return text if len(text) <= cells_max else f"{text[: cells_max - 1]}…"


def show_costs(amounts: Sequence[tuple[Decimal | None, bool]]) -> list[str]:
    """Amounts as `show_usd` writes them, with a star behind those that are marked."""
    texts = show_usd([amount for amount, _ in amounts])
    if not any(marked for _, marked in amounts):
        return texts
    return [f"{text}{'*' if marked else ' '}" for text, (_, marked) in zip(texts, amounts, strict=True)]


def _measured(grid: Grid) -> tuple[list[list[str]], list[int]]:
    """The lines of a table as they can be shown, and how wide its columns are."""
    lines = [grid.header, *grid.rows, *([grid.total] if grid.total else [])]
    safe = [[printable(cell) for cell in line] for line in lines]
    return safe, [max(cell_len(line[at]) for line in safe) for at in range(len(grid.header))]


def printable(text: str) -> str:
    """The text with what would move the cursor or start a new line written out: names of models are not ours."""
    return "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in text)


def show_usd(amounts: Sequence[Decimal | None]) -> list[str]:
    """Amounts with as many decimals as the smallest needs to be seen, at least two, so that they align at the point.

    What is smaller than can be shown is `<0.000001` and not 0; None, unknown, is a dash.
    """
    known = [abs(amount) for amount in amounts if amount]
    # Two digits of the smallest amount: 0.00042 needs five decimals.
    needed = max((1 - amount.adjusted() for amount in known), default=2)
    places = min(max(2, needed), DECIMALS_MAX)
    step = Decimal(1).scaleb(-places)
    texts = []
    for amount in amounts:
        if amount is None:
            texts.append("-")
        elif amount and abs(amount) < step:
            texts.append(f"<{step:f}" if amount > 0 else f">-{step:f}")
        else:
            texts.append(f"{amount.quantize(step, ROUND_HALF_EVEN):,f}")
    return texts


def _plain_line(line: Sequence[str], widths: Sequence[int], right: Collection[int]) -> str:
    cells = []
    for at, (cell, width) in enumerate(zip(line, widths, strict=True)):
        padding = " " * (width - cell_len(cell))
        cells.append(padding + cell if at in right else cell + padding)
    return _GAP.join(cells).rstrip()


def _drawn(lines: Sequence[Sequence[str]], grid: Grid) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False, show_footer=grid.total is not None)
    end = len(lines) - 1 if grid.total else len(lines)
    for at, name in enumerate(lines[0]):
        table.add_column(
            Text(name),
            Text(lines[-1][at]) if grid.total else "",
            justify="right" if at in grid.right else "left",
            no_wrap=True,
        )
    for line in lines[1:end]:
        table.add_row(*map(Text, line))
    return table


def _show_records(lines: Sequence[Sequence[str]], console: Console) -> None:
    names = lines[0]
    width = max(map(cell_len, names))
    for number, line in enumerate(lines[1:], 1):
        console.print(Text(f"── {number} ──", style="dim"))
        for name, cell in zip(names, line, strict=True):
            console.print(Text.assemble((name.ljust(width), "bold"), f"  {cell}"), soft_wrap=True)
