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

_GAP: Final = "  "


@dataclass(frozen=True)
class Grid:
    """A table of texts: `right` names the columns that are aligned to the right, `total` the line below the others."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Collection[int]
    total: Sequence[str] | None = None


def show(grid: Grid, console: Console) -> None:
    """Write a table; one that is wider than the terminal becomes a list of records."""
    lines = [grid.header, *grid.rows, *([grid.total] if grid.total else [])]
    safe = [[printable(cell) for cell in line] for line in lines]
    widths = [max(cell_len(line[at]) for line in safe) for at in range(len(grid.header))]
    if not console.is_terminal:
        for line in safe:
            console.file.write(_plain_line(line, widths, grid.right) + "\n")
    elif grid.rows and sum(widths) + 3 * len(widths) > console.width:
        _show_records(safe, console)
    else:
        console.print(_drawn(safe, grid))


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
            console.print(Text(name.ljust(width), style="bold") + Text(f"  {cell}"), soft_wrap=True)
