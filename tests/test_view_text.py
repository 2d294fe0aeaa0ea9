"""Views as tables: aligned, in units that people read, narrower where the terminal is; and as CSV."""

import io
from datetime import timedelta
from decimal import Decimal

from rich.console import Console

from spanledger.dashboards.documents import View
from spanledger.dashboards.view_text import show_view, view_csv
from spanledger.dashboards.views import asked_of, compute
from tests.ledger_rows import NOON
from tests.span_rows import InMemory

CALLS: list[dict[str, object]] = [
    {"session_id": "0123456789abcdef0123", "service_name": "claude-code", "input_tokens": 123_456, "output_tokens": 7,
     "ended_at": NOON + timedelta(minutes=2), "cost_usd": Decimal("1.25"), "cost_basis": "api_equivalent"},
    {"session_id": "t", "service_name": "codex", "started_at": NOON + timedelta(hours=1),
     "ended_at": NOON + timedelta(hours=1, seconds=90), "input_tokens": 5},
]  # fmt: skip
TOOLS = [{"tool_name": "Bash", "ended_at": NOON + timedelta(seconds=1), "session_id": "t"}]


def view(name: str, *, by: str | None = None) -> View:
    return compute(InMemory(CALLS, TOOLS), name, asked_of(name, by, now=NOON + timedelta(hours=2)))


def shown(made: View, width: int | None = None) -> list[str]:
    file = io.StringIO()
    terminal = width is not None
    console = Console(file=file, force_terminal=terminal, width=width, color_system=None, legacy_windows=False)
    show_view(made, console)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_pipe_gets_every_column_and_the_total() -> None:
    assert shown(view("sessions")) == [
        "session               service      last call         calls    input  output  cost (USD)  unpriced  errors",
        "0123456789abcdef0123  claude-code  2026-01-15 12:02      1  123,456       7       1.25*                 0",
        "t                     codex        2026-01-15 13:01      1        5       -          -          1       0",
        "total                                                    2  123,461       7       1.25*         1       0",
        "The cost is without 1 of 2 calls, which have no price: spanledger report models",
        "* Contains calls that a plan has paid for, at list price.",
    ]


def test_a_narrow_terminal_gets_short_numbers_and_names_and_fewer_columns() -> None:
    for width in (100, 72, 60):
        lines = shown(view("sessions"), width)
        assert max(map(len, lines[:-2])) <= width
        assert not any(line.startswith("── 1 ──") for line in lines), width
    assert any("0123456789abcde…" in line and "123.5k" in line for line in shown(view("sessions"), 95))


def test_a_terminal_too_narrow_for_any_table_gets_records_with_all() -> None:
    assert shown(view("sessions"), 20)[:3] == ["── 1 ──", "session     0123456789abcdef0123", "service     claude-code"]


def test_times_are_in_units_that_people_read_and_none_is_no_column() -> None:
    assert shown(view("active", by="service")) == [
        "service      sessions      active       model    tool     compute",
        "claude-code         1  2 min 00 s  2 min 00 s     0 s  2 min 00 s",
        "codex               1  1 min 30 s  1 min 30 s     0 s  1 min 30 s",
        "-                   1      1.00 s         0 s  1.00 s      1.00 s",
        "total               2  3 min 30 s  3 min 30 s  1.00 s  3 min 31 s",
        "active counts every moment once; model, tool, user and agents add up what ran side by side.",
        "No emitter told of prompts, so that the time of people is not known.",
    ]


def test_percents_and_seconds_of_tools() -> None:
    assert shown(view("tools"))[:2] == [
        "tool   runs  errors  failed   total  median    95 %  longest",
        "Bash      1       0   0.0 %  1.00 s  1.00 s  1.00 s   1.00 s",
    ]


def test_blocks_end_with_what_goes_on() -> None:
    lines = shown(view("blocks"))
    assert lines[0].split()[:5] == ["service", "from", "to", "calls", "input"]
    assert lines[-3].startswith("claude-code: 3 h 00 min left, until 17:00; ")
    assert lines[-2] == "codex: 4 h 00 min left, until 18:00; 3 tokens a minute lead to 805 tokens."


def test_hours_are_a_map() -> None:
    assert shown(view("hours"))[4] == "thu " + " " * 36 + "███"


def test_an_empty_view_is_its_note() -> None:
    assert shown(view("quotas")) == ["No tool told of a plan's windows in this time."]


def test_a_name_cannot_write_to_the_terminal() -> None:
    evil = compute(InMemory((), [TOOLS[0] | {"tool_name": "\x1b[2Jx\n"}]), "tools", asked_of("tools"))
    assert "\\x1b[2Jx\\n" in shown(evil)[1]


def test_csv_has_every_column_exactly() -> None:
    lines = view_csv(view("sessions")).splitlines()
    assert lines[0].startswith("session,service_name,project,models,started_at,ended_at,calls,input_tokens,")
    assert "1.250000000000" in lines[1]
    assert len(lines) == 3
