"""What the status line shows of the ledger, with and without a server, and what it tells the server."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchmarks.server import Server
from spanledger.cli import statusline_figures
from spanledger.cli.source import SERVER_FILE
from spanledger.cli.statusline import FIGURES_FILE, SAMPLES_FILE, keep_samples
from tests.asking import ask
from tests.ledger_rows import fill

NOW = datetime.now(UTC)
CALL: dict[str, object] = {
    "service_name": "claude-code", "started_at": NOW - timedelta(seconds=90), "ended_at": NOW - timedelta(seconds=30),
    "ingested_at": NOW, "cost_usd": Decimal("1.5"), "input_tokens": 500, "output_tokens": 100,
}  # fmt: skip
OTHER = CALL | {"service_name": "codex", "cost_usd": Decimal("0.25")}
PLAN = {
    "session_id": "s-1",
    "rate_limits": {"five_hour": {"used_percentage": 23.5, "resets_at": NOW.timestamp() + 3600}},
}


@pytest.fixture
def find_out(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """What is found out of the ledger in a folder, with these transcripts at hand."""
    monkeypatch.delenv("SPANLEDGER_API_KEY", raising=False)

    def find_out(folder: Path, *transcripts: Path) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", ["statusline_figures", str(folder), *map(str, transcripts)])
        statusline_figures.main()
        found: dict[str, Any] = json.loads((folder / FIGURES_FILE).read_text())
        return found

    return find_out


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(fill(tmp_path, [CALL, OTHER])) as server:
        yield server


def check(found: dict[str, Any]) -> None:
    today_began = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    if today_began <= CALL["started_at"]:  # type: ignore[operator]
        assert found["today_usd"] == 1.75
    assert 0 < found["today_ends_s"] - NOW.timestamp() <= 25 * 3600
    block = found["block"]
    assert (block["cost_usd"], block["cost_per_hour_usd"]) == (1.5, 90.0)
    assert block["tokens_per_minute"] == 600.0
    assert 4 * 3600 <= block["ends_s"] - (NOW.timestamp() - 90) <= 5 * 3600


def test_without_a_server_the_ledger_is_read(tmp_path: Path, find_out: Callable[..., dict[str, Any]]) -> None:
    fill(tmp_path, [CALL, OTHER])
    check(find_out(tmp_path))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(FIGURES_FILE + ".")]


def test_a_server_is_asked_and_told_of_the_plan(
    tmp_path: Path, server: Server, find_out: Callable[..., dict[str, Any]]
) -> None:
    assert (tmp_path / SERVER_FILE).exists()
    keep_samples(tmp_path, PLAN, NOW.timestamp())
    check(find_out(tmp_path))
    check(find_out(tmp_path))
    rows = ask(tmp_path, "SELECT service_name, session_id, quota_window, used_percent FROM quota_samples")
    assert rows == [
        {"service_name": "claude-code", "session_id": "s-1", "quota_window": "five_hour", "used_percent": 23.5}
    ], "told twice, it is one"


def test_the_transcripts_at_hand_are_replayed_first(tmp_path: Path, find_out: Callable[..., dict[str, Any]]) -> None:
    data = fill(tmp_path / "data", [])
    transcript = tmp_path / "projects" / "-app" / "s-1.jsonl"
    transcript.parent.mkdir(parents=True)
    usage = {"input_tokens": 1000, "output_tokens": 500}
    message = {"id": "msg_1", "model": "claude-sonnet-4-5", "role": "assistant", "type": "message", "usage": usage}
    said = {"type": "assistant", "sessionId": "s-1", "requestId": "req_1", "uuid": "u", "message": message,
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")}  # fmt: skip
    transcript.write_text(json.dumps(said) + "\n")
    found = find_out(data, transcript)
    assert found["today_usd"] == pytest.approx(0.0105)
    assert found["block"]["cost_usd"] == pytest.approx(0.0105)


def test_a_ledger_that_is_not_there_is_a_problem_and_no_failure(
    tmp_path: Path, find_out: Callable[..., dict[str, Any]]
) -> None:
    found = find_out(tmp_path)
    assert found["problem"].startswith("There is no ledger in")
    assert "today_usd" not in found


def test_a_day_without_calls_has_cost_nothing_and_one_without_prices_is_not_known(
    tmp_path: Path, find_out: Callable[..., dict[str, Any]]
) -> None:
    fill(tmp_path, [])
    assert find_out(tmp_path)["today_usd"] == 0.0
    other = fill(tmp_path / "other", [CALL | {"cost_usd": None, "started_at": NOW, "ended_at": NOW}])
    found = find_out(other)
    assert found["today_usd"] is None
    assert found["block"]["cost_usd"] is None


def test_figures_are_written_in_one_go(tmp_path: Path) -> None:
    statusline_figures.write(tmp_path, {"today_usd": 1.0})
    statusline_figures.write(tmp_path, {"today_usd": 2.0})
    assert os.listdir(tmp_path) == [FIGURES_FILE]  # noqa: PTH208
    assert json.loads((tmp_path / FIGURES_FILE).read_text()) == {"today_usd": 2.0}
    assert not (tmp_path / SAMPLES_FILE).exists()
