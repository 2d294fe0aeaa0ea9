"""The hours of the week as a map: the darker, the more was spent, or called where nothing has a price."""

from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.text import Text

from spanledger.dashboards.documents import Json, View
from spanledger.dashboards.tables import show_usd

SHADES: Final = " ░▒▓█"
"""None, and four levels, by which it can be read without colours."""

COLOURS: Final = ("", "color(22)", "color(28)", "color(34)", "color(46)")
"""Of the 256 that nearly all terminals have: from dark to light green."""

_NAME_WIDTH: Final = 4
_CELL_WIDTHS: Final = (3, 2, 1)


def show_heat_map(view: View, console: Console) -> None:
    """Write the map, with what the darkest shade stands for."""
    measure = "cost_usd" if view["total"] and view["total"]["cost_usd"] is not None else "calls"
    amounts = [_amount(row[measure]) for row in view["rows"]]
    most = max(amounts, default=Decimal(0))
    if not most:
        return
    width = next((width for width in _CELL_WIDTHS if _NAME_WIDTH + 24 * width <= console.width), 1)
    drawn = width if console.is_terminal else _CELL_WIDTHS[0]
    _write(console, Text(" " * _NAME_WIDTH + "".join(f"{hour:<{drawn * 3}}" for hour in range(0, 24, 3)).rstrip()))
    for start in range(0, len(amounts), 24):
        line = Text(f"{str(view['rows'][start]['weekday'])[:3]:<{_NAME_WIDTH}}")
        for amount in amounts[start : start + 24]:
            level = _level(amount, most)
            line.append(SHADES[level] * drawn, COLOURS[level])
        _write(console, line)
    peak = view["rows"][amounts.index(most)]
    shown = f"{show_usd([most])[0]} USD" if measure == "cost_usd" else f"{most:,} calls"
    when = f"{str(peak['weekday']).capitalize()} from {peak['hour']}:00"
    console.file.write(f"{SHADES[1:]}  up to {shown}, on {when}; the hours are those of {view['timezone']}.\n")


def _write(console: Console, line: Text) -> None:
    """On a terminal with colours; a pipe gets the line whole, whatever its width."""
    if console.is_terminal:
        console.print(line, no_wrap=True, overflow="crop")
    else:
        console.file.write(line.plain.rstrip() + "\n")


def _level(amount: Decimal, most: Decimal) -> int:
    """0 for nothing, else 1 to 4, each a quarter of the most."""
    return 0 if not amount else min(1 + int(4 * amount / most), len(SHADES) - 1)


def _amount(value: Json) -> Decimal:
    return Decimal(0) if value is None else Decimal(str(value))
