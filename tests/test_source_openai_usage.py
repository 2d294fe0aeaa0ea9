"""OpenAI's usage and costs: sums to reconcile with, never calls."""

from decimal import Decimal
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Bucket, Usage
from spanledger.instrumentation.replay.sources.openai_usage import SOURCE
from tests.replaying import ABSENT, SHARED_LOGS, read

FIXTURE = Path(__file__).parent / "logs" / "openai-usage"
SHARED = SHARED_LOGS / "openai-usage" / "shape" / "completions.json"


def buckets(path: Path, log: Log | None = None) -> list[Bucket]:
    records = read(SOURCE, path, log)
    assert all(isinstance(record, Bucket) for record in records)
    return [record for record in records if isinstance(record, Bucket)]


def test_a_result_of_a_bucket_is_a_sum_of_its_groups() -> None:
    first, batch = buckets(FIXTURE / "completions.json")
    assert first.usage == Usage(input_tokens=1000, cache_read_tokens=800, output_tokens=500)
    assert (first.model, first.requests, first.project, first.user) == ("gpt-5", 5, "proj_1", "key_1")
    assert first.ended_ns - first.started_ns == 86_400 * 10**9
    assert first.key != batch.key


def test_costs_are_dollars_by_the_line_of_the_bill() -> None:
    log = Log(FIXTURE / "costs.json")
    (cost,) = buckets(log.path, log)
    assert (cost.cost_usd, cost.model, cost.usage) == (Decimal("0.06"), "gpt-5", Usage())
    assert log.skipped == {"amount that is not in US dollars": 1}


@pytest.mark.parametrize("name", ["completions.json", "costs.json"])
def test_its_files_are_recognised(name: str) -> None:
    assert SOURCE.recognises(FIXTURE / name, Log(FIXTURE / name).head())


def test_a_document_of_others_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"data": [{"start_time": null}]}', encoding="utf-8")
    log = Log(path)
    assert buckets(path, log) == []
    assert log.skipped == {"not a bucket of usage or costs": 1}


@pytest.mark.skipif(not SHARED.is_file(), reason=ABSENT)
def test_the_documented_example() -> None:
    (bucket,) = buckets(SHARED)
    assert (bucket.requests, bucket.usage.output_tokens) == (5, 500)
    assert bucket.usage.cache_read_tokens == 800
    assert (bucket.usage.input_tokens or 0) - 800 == 200
