"""The map of the week on a terminal, without colours, and in a pipe."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from rich.console import Console

from spanledger.dashboards.heat_map_text import COLOURS, SHADES, show_heat_map
from spanledger.dashboards.views import asked_of, compute
from tests.span_rows import InMemory

MONDAY = datetime(2026, 1, 12, tzinfo=UTC)


def drawn(rows: list[dict[str, object]], width: int | None = None, **more: object) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=width is not None, width=width, legacy_windows=False, **more)  # type: ignore[arg-type]
    show_heat_map(compute(InMemory(rows), "hours", asked_of("hours")), console)
    return file.getvalue()


def call(hour: int, usd: str | None) -> dict[str, object]:
    return {"started_at": MONDAY + timedelta(hours=hour), "cost_usd": None if usd is None else Decimal(usd)}


def test_the_darkest_shade_is_the_hour_that_cost_most() -> None:
    lines = drawn([call(0, "4"), call(1, "1"), call(26, "0.01")]).splitlines()
    assert lines[0] == "    0        3        6        9        12       15       18       21"
    assert lines[1] == "Mon ███▒▒▒".replace("Mon", "mon")
    assert lines[2] == "tue       ░░░"
    assert lines[8] == "░▒▓█  up to 4.00 USD, on Monday from 0:00; the hours are those of UTC."


def test_without_prices_it_shows_calls() -> None:
    assert "up to 2 calls, on Monday from 3:00" in drawn([call(3, None), call(3, None)])


def test_it_fits_a_narrow_terminal() -> None:
    for width in (100, 60, 30):
        assert max(len(line) for line in drawn([call(0, "1")], width, color_system=None).splitlines()[:8]) <= width


def test_on_a_terminal_it_is_coloured() -> None:
    assert "38;5;46m" in drawn([call(0, "1")], 100, color_system="256")
    assert len(COLOURS) == len(SHADES)


def test_nothing_is_drawn_of_nothing() -> None:
    assert drawn([]) == ""
