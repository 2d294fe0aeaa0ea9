"""AWS Bedrock's invocation log: gzipped lines, input without the cache, models behind profiles."""

from pathlib import Path

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Usage
from spanledger.instrumentation.replay.sources.bedrock import SOURCE
from tests.replaying import ABSENT, SHARED_LOGS, ledger_of, read, totals

NAME = "20260501T120000000Z_0a1b.json.gz"
FIXTURE = Path(__file__).parent / "logs" / "bedrock" / NAME
SHARED = SHARED_LOGS / "bedrock" / "shape" / NAME


def calls(path: Path, log: Log | None = None) -> list[Call]:
    return [record for record in read(SOURCE, path, log) if isinstance(record, Call)]


def test_input_is_made_to_contain_the_cache() -> None:
    call = calls(FIXTURE)[0]
    assert call.usage == Usage(
        input_tokens=1235, cache_read_tokens=1000, cache_write_tokens=200, output_tokens=446
    )  # fmt: skip
    assert (call.request_id, call.provider, call.region) == ("915a6a04-0001", "aws.bedrock", "us-west-2")
    assert call.ended_ns - call.started_ns == 3_640_000_000


def test_tags_of_the_request_say_for_whom_it_was() -> None:
    session = calls(FIXTURE)[0].session
    assert (session.application, session.team) == ("shop", "payments")
    assert session.user == "arn:aws:sts::123456789012:assumed-role/app/session"


def test_the_model_behind_an_applications_profile_is_told_by_the_answer() -> None:
    call = calls(FIXTURE)[1]
    assert call.model == "claude-3-haiku-20240307"
    assert call.asked_model is not None
    assert call.asked_model.endswith("application-inference-profile/abc123")
    # The stream's first event says one token.
    assert call.usage.output_tokens == 77


def test_a_throttled_request_is_a_call_that_used_nothing() -> None:
    call = calls(FIXTURE)[2]
    assert (call.error, call.usage) == ("ThrottlingException", Usage())


def test_another_record_is_counted_as_left_out() -> None:
    log = Log(FIXTURE)
    assert len(calls(FIXTURE, log)) == 3
    assert log.skipped == {"not a model invocation": 1}
    assert SOURCE.recognises(FIXTURE, log.head())


def test_a_ledger_prices_them(tmp_path: Path) -> None:
    rows = ledger_of(tmp_path, (SOURCE, FIXTURE), (SOURCE, FIXTURE))
    assert [row["price_status"] for row in rows] == ["priced", "priced", "missing_usage"]


@pytest.mark.skipif(not SHARED.is_file(), reason=ABSENT)
def test_two_calls_and_an_error() -> None:
    records = read(SOURCE, SHARED)
    found = totals(records)
    assert [record.error for record in records if isinstance(record, Call)] == [None, None, "ThrottlingException"]
    assert (found["uncached"], found["output_tokens"]) == (606, 523)
    assert (found["cache_read_tokens"], found["cache_write_tokens"]) == (1000, 200)
