"""Azure's logs: a gateway's answers hold the usage, Azure OpenAI's own request log holds none."""

from pathlib import Path

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Usage
from spanledger.instrumentation.replay.sources.azure_gateway import SOURCE
from tests.replaying import ABSENT, SHARED_LOGS, read, totals

FIXTURE = Path(__file__).parent / "logs" / "azure" / "gateway.log"
SHARED = SHARED_LOGS / "azure-openai" / "apim-shape" / "gateway.log"


def calls(path: Path, log: Log | None = None) -> list[Call]:
    return [record for record in read(SOURCE, path, log) if isinstance(record, Call)]


def test_the_usage_stands_in_the_text_of_the_answer() -> None:
    call = calls(FIXTURE)[0]
    assert call.usage == Usage(input_tokens=14, cache_read_tokens=4, output_tokens=8, reasoning_tokens=3)
    assert (call.response_id, call.vendor_ids, call.model) == ("chatcmpl-9", True, "gpt-5-2025-08-07")
    assert (call.provider, call.session.application) == ("azure.ai.openai", "shop")
    assert call.ended_ns - call.started_ns == 176_000_000


def test_the_usage_of_a_stream_is_its_last_events_and_properties_may_be_text() -> None:
    call = calls(FIXTURE)[1]
    assert (call.response_id, call.usage) == ("chatcmpl-10", Usage(input_tokens=5, output_tokens=6))


def test_requests_without_counts_are_counted_and_are_no_calls() -> None:
    log = Log(FIXTURE)
    assert len(calls(FIXTURE, log)) == 2
    assert log.skipped == {
        "request without usage in its answer": 1,
        "request of Azure OpenAI: its log has no counts of tokens": 1,
        "not a record of a gateway": 1,
    }
    assert SOURCE.recognises(FIXTURE, log.head())


def test_records_may_stand_in_a_list(tmp_path: Path) -> None:
    path = tmp_path / "PT1H.json"
    lines = FIXTURE.read_text(encoding="utf-8").splitlines()
    path.write_text('{"records": [' + ",\n".join(lines) + "]}\n", encoding="utf-8")
    assert calls(path) == calls(FIXTURE)


@pytest.mark.skipif(not SHARED.is_file(), reason=ABSENT)
def test_one_call_of_two_requests() -> None:
    found = totals(read(SOURCE, SHARED))
    assert (found["calls"], found["input_tokens"], found["output_tokens"]) == (1, 14, 8)
