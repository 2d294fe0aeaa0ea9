"""Anthropic's usage and cost reports, as pages and as the Console's CSV: sums to reconcile with, never calls."""

from decimal import Decimal
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Bucket, Usage
from spanledger.instrumentation.replay.sources.anthropic_usage import SOURCE
from tests.replaying import ABSENT, SHARED_LOGS, read

FIXTURE = Path(__file__).parent / "logs" / "anthropic-usage"
SHARED = SHARED_LOGS / "anthropic-usage" / "shape" / "messages.json"


def buckets(path: Path, log: Log | None = None) -> list[Bucket]:
    records = read(SOURCE, path, log)
    assert all(isinstance(record, Bucket) for record in records)
    return [record for record in records if isinstance(record, Bucket)]


@pytest.mark.parametrize("path", [FIXTURE / "messages.json", SHARED], ids=["ours", "documented"])
def test_all_of_the_prompt_is_its_five_parts(path: Path) -> None:
    if not path.is_file():
        pytest.skip(ABSENT)
    (bucket,) = buckets(path)
    assert bucket.usage == Usage(
        input_tokens=1500 + 200 + 1000 + 500, cache_read_tokens=200, cache_write_tokens=1500,
        cache_write_5m_tokens=500, cache_write_1h_tokens=1000, output_tokens=500, web_searches=10,
    )  # fmt: skip
    assert (bucket.project, bucket.user) == ("wrkspc_1", "apikey_1")


def test_a_cost_report_is_in_cents() -> None:
    (bucket,) = buckets(FIXTURE / "cost_report.json")
    assert (bucket.cost_usd, bucket.model, bucket.usage) == (
        Decimal("1.2378912"), "claude-sonnet-4-5-20250929", Usage(),
    )  # fmt: skip


def test_a_report_of_claude_code_is_by_person_and_model() -> None:
    (bucket,) = buckets(FIXTURE / "claude_code.json")
    assert (bucket.user, bucket.cost_usd) == ("dev@example.com", Decimal("10.25"))
    assert (bucket.usage.input_tokens, bucket.usage.cache_write_tokens) == (115_000, 5000)


def test_a_row_of_the_consoles_csv_is_a_day() -> None:
    log = Log(FIXTURE / "usage.csv")
    (bucket,) = buckets(log.path, log)
    assert (bucket.usage.input_tokens, bucket.usage.output_tokens) == (46_981 + 15_969 + 10 + 100, 16_932)
    assert bucket.ended_ns - bucket.started_ns == 86_400 * 10**9
    assert log.skipped == {"row without a day": 1}


@pytest.mark.parametrize("path", sorted(FIXTURE.iterdir()), ids=lambda path: path.name)
def test_its_files_are_recognised(path: Path) -> None:
    assert SOURCE.recognises(path, Log(path).head())


def test_a_document_of_others_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"data": [{"starting_at": null}]}', encoding="utf-8")
    log = Log(path)
    assert buckets(path, log) == []
    assert log.skipped == {"neither usage nor costs": 1}
