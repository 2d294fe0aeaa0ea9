"""`spanledger report`: every report by its name, from a ledger and from the server that holds it."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.server import Server
from spanledger.cli.report import WATCH_S, show_again_and_again
from spanledger.dashboards.report_names import NAMES, VIEWS
from tests.ledger_rows import NOON, fill
from tests.running import Done

ROWS: list[dict[str, object]] = [
    {"service_name": "claude-code", "session_id": "s", "project": "web", "provider": "anthropic", "machine": "laptop",
     "response_model": "claude-sonnet-4-5", "input_tokens": 100, "cost_usd": Decimal("0.5"), "price_status": "priced",
     "ended_at": NOON + timedelta(seconds=90)},
    {"service_name": "shop", "provider": "openai", "request_model": "gpt-5", "price_status": "unknown_model",
     "started_at": NOON + timedelta(days=3), "ended_at": NOON + timedelta(days=3)},
]  # fmt: skip


@pytest.fixture
def run(run: Callable[..., Done]) -> Callable[..., Done]:
    """Run `spanledger report` with these arguments, in this process."""
    return lambda *arguments: run("report", *arguments)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("ledger"), ROWS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(fill(tmp_path_factory.mktemp("served"), ROWS)) as server:
        yield server


def test_without_a_name_it_is_the_daily_one(run: Callable[..., Done], data: Path) -> None:
    assert run("--data", data) == run("daily", "--data", data)
    assert run("--data", data).out.splitlines()[1].split()[:2] == ["2026-01-15", "1"]


@pytest.mark.parametrize(("name", "column", "value"), [
    ("daily", "day", "2026-01-15"), ("weekly", "week", "2026-01-12"), ("monthly", "month", "2026-01"),
    ("models", "model", "claude-sonnet-4-5"), ("projects", "project", "web"), ("machines", "machine", "laptop"),
])  # fmt: skip
def test_what_was_spent_goes_by_what_the_name_says(
    name: str, column: str, value: str, run: Callable[..., Done], data: Path
) -> None:
    made = json.loads(run(name, "--data", data, "--json").out)
    assert made["groups"][0][column] == value
    assert made["total"]["cost_usd"] == "0.500000000000"


@pytest.mark.parametrize("name", NAMES)
def test_every_report_is_the_same_from_a_server(
    name: str, run: Callable[..., Done], data: Path, server: Server
) -> None:
    of_server = f"http://127.0.0.1:{server.ports.http}"
    read, asked = (run(name, *where, "--json", "--timezone", "Asia/Kolkata", "--week-begins", "sunday")
                   for where in (("--data", data), ("--url", of_server)))  # fmt: skip
    assert (read.code, read.err) == (0, "")
    one, other = json.loads(read.out), json.loads(asked.out)
    if name == "machines":
        assert one["total"] == other["total"]
    else:
        assert one == other


@pytest.mark.parametrize("name", NAMES)
def test_every_report_is_a_table_and_csv(name: str, run: Callable[..., Done], data: Path) -> None:
    table, csv = run(name, "--data", data), run(name, "--data", data, "--csv")
    assert (table.code, csv.code) == (0, 0)
    assert table.out
    assert "," in csv.out.splitlines()[0]


def test_columns_can_be_added_to_what_a_report_goes_by_or_replace_it(run: Callable[..., Done], data: Path) -> None:
    def by(*arguments: str) -> list[str]:
        return list(json.loads(run(*arguments, "--data", data, "--json").out)["by"])

    assert by("--group-by", "model") == ["day", "model"]
    assert by("weekly", "--group-by", "user,model") == ["week", "user", "model"]
    assert by("weekly", "--by", "user") == ["user"]
    assert by("blocks", "--group-by", "user") == ["service", "user"]
    assert by("blocks", "--by", "user") == ["user"]
    assert by("active", "--by", "project") == ["project"]
    assert by("tools", "--group-by", "project") == ["tool", "project"]
    assert by("quotas") == by("hours") == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("yearly",), "There is no report 'yearly': there are daily, weekly, monthly, models, projects, machines,"),
        (("--json", "--csv"), "--json and --csv exclude each other."),
        (("blocks", "--watch"), "--watch is for a terminal: leave out --json and --csv, and do not send it to a file."),
        (("quotas", "--by", "user"), "The report quotas is not grouped by anything."),
        (("tools", "--by", "nope"), "A report cannot be grouped by 'nope'"),
        (("active", "--by", "hour"), "Active time is grouped by one of day, week and month, and by other columns."),
        (("weekly", "--week-begins", "x"), "There is no weekday 'x'"),
        (("hours", "--timezone", "Nowhere"), "There is no time zone 'Nowhere'"),
    ],
)
def test_what_makes_no_sense_is_wrong_use(
    arguments: tuple[str, ...], sentence: str, run: Callable[..., Done], data: Path
) -> None:
    done = run(*arguments, "--data", data)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(sentence)


def test_a_server_refuses_the_same_with_the_same_words(run: Callable[..., Done], server: Server) -> None:
    done = run("active", "--by", "hour", "--url", f"http://127.0.0.1:{server.ports.http}")
    assert done.code == 2
    assert done.err == "Active time is grouped by one of day, week and month, and by other columns.\n"


def test_watching_shows_it_again_until_it_is_interrupted() -> None:
    file = io.StringIO()
    waits: list[float] = []
    shown: list[int] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    def show(console: Console) -> None:
        shown.append(console.width)
        console.print(f"number {len(shown)}")

    console = Console(file=file, force_terminal=True, width=77, legacy_windows=False)
    show_again_and_again(show, console, wait)
    assert waits == [WATCH_S] * 3
    assert shown == [77] * 3
    assert file.getvalue().count("\x1b[2J") == 3
    assert "number" in file.getvalue().rsplit("\x1b[2J", 1)[1]


def test_the_names_of_views_are_those_of_the_program() -> None:
    assert set(VIEWS) < set(NAMES)
