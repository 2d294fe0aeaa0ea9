"""OpenRouter: days are sums to reconcile with, generations are calls."""

from decimal import Decimal
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Bucket, Call, Usage
from spanledger.instrumentation.replay.sources.openrouter import SOURCE
from tests.replaying import ABSENT, SHARED_LOGS, read

FIXTURE = Path(__file__).parent / "logs" / "openrouter"
SHARED = SHARED_LOGS / "openrouter" / "shape" / "activity.json"


@pytest.mark.parametrize("path", [FIXTURE / "activity.json", SHARED], ids=["ours", "documented"])
def test_a_day_of_a_model_is_a_sum(path: Path) -> None:
    if not path.is_file():
        pytest.skip(ABSENT)
    (day,) = read(SOURCE, path)
    assert isinstance(day, Bucket)
    assert day.usage == Usage(input_tokens=50, output_tokens=125, reasoning_tokens=25)
    assert (day.requests, day.cost_usd, day.model) == (5, Decimal("0.015"), "openai/gpt-4.1-2025-04-14")


def test_a_row_of_the_activity_by_generation_is_a_call() -> None:
    first, cancelled = read(SOURCE, FIXTURE / "activity.csv")
    assert isinstance(first, Call)
    assert isinstance(cancelled, Call)
    assert first.usage == Usage(
        input_tokens=10_389, cache_read_tokens=9000, output_tokens=137, reasoning_tokens=20
    )  # fmt: skip
    assert (first.response_id, first.vendor_ids, first.cost_usd) == ("gen-1790000001-aaa", True, Decimal("0.0123"))
    assert (first.session.user, first.session.application, first.first_chunk_s) == ("alice", "shop", 0.5)
    assert first.ended_ns - first.started_ns == 2_500_000_000
    assert cancelled.error == "cancelled"


def test_a_generation_was_billed_by_the_models_own_tokens() -> None:
    (call,) = read(SOURCE, FIXTURE / "generation.json")
    assert isinstance(call, Call)
    assert call.usage == Usage(
        input_tokens=100, cache_read_tokens=60, output_tokens=50, reasoning_tokens=5
    )  # fmt: skip
    assert (call.key, call.cost_usd, call.error) == ("gen-1790000003-ccc", Decimal("0.0033"), None)


@pytest.mark.parametrize("path", sorted(FIXTURE.iterdir()), ids=lambda path: path.name)
def test_its_files_are_recognised(path: Path) -> None:
    assert SOURCE.recognises(path, Log(path).head())


def test_a_document_of_others_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"data": [{"id": "x"}]}', encoding="utf-8")
    log = Log(path)
    assert read(SOURCE, path, log) == []
    assert log.skipped == {"neither a day's activity nor a generation": 1}
