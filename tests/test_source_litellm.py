"""LiteLLM's spend logs, as rows of its table and as payloads of its object stores."""

from decimal import Decimal
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Usage
from spanledger.instrumentation.replay.sources.litellm import SOURCE
from tests.replaying import ABSENT, SHARED_LOGS, ledger_of, read

FIXTURE = Path(__file__).parent / "logs" / "litellm"
ROWS = FIXTURE / "spend_logs.json"
PAYLOADS = FIXTURE / "payloads.jsonl"
SHARED = SHARED_LOGS / "litellm" / "shape" / "spend_logs.json"


def calls(path: Path, log: Log | None = None) -> list[Call]:
    return [record for record in read(SOURCE, path, log) if isinstance(record, Call)]


def test_a_row_has_the_details_that_its_metadata_holds() -> None:
    call = calls(ROWS)[0]
    assert call.usage == Usage(
        input_tokens=120, cache_read_tokens=70, cache_write_tokens=30, cache_write_5m_tokens=10,
        cache_write_1h_tokens=20, output_tokens=30, reasoning_tokens=12,
    )  # fmt: skip
    assert (call.cost_usd, call.first_chunk_s) == (Decimal("0.00123"), 0.4)
    assert (call.model, call.asked_model, call.provider) == ("claude-sonnet-4-5-20250929", "sonnet", "anthropic")
    assert (call.session.id, call.session.user, call.session.team) == ("sess-1", "alice", "payments")


def test_its_ids_are_names_but_not_the_vendors() -> None:
    call = calls(ROWS)[0]
    assert (call.key, call.response_id, call.vendor_ids) == ("chatcmpl-1", "chatcmpl-1", False)


def test_a_failure_is_a_call_that_used_nothing() -> None:
    call = calls(ROWS)[1]
    assert (call.error, call.usage) == ("429", Usage())


def test_metadata_may_be_the_text_of_an_object() -> None:
    call = calls(ROWS)[2]
    assert (call.operation, call.usage.input_tokens, call.cost_usd) == ("embeddings", 9, Decimal("1.8e-7"))


def test_what_is_no_call_of_a_vendor_is_counted() -> None:
    log = Log(ROWS)
    assert len(calls(ROWS, log)) == 3
    assert log.skipped == {
        "answered from the proxy's cache": 1, "not a call of a model": 1, "not a row of LiteLLM's spend logs": 1,
    }  # fmt: skip


def test_a_payload_says_the_same_in_other_words() -> None:
    (call,) = calls(PAYLOADS)
    assert (call.started_ns, call.ended_ns) == (1_777_636_800_250_000_000, 1_777_636_802_500_000_000)
    assert (call.cost_usd, call.first_chunk_s, call.session.id) == (Decimal("0.0005"), 0.5, "tr-1")
    assert call.usage == Usage(input_tokens=20, cache_read_tokens=4, output_tokens=5)
    assert call.request_id == "req_77"


@pytest.mark.parametrize("path", [ROWS, PAYLOADS], ids=lambda path: path.name)
def test_its_files_are_recognised(path: Path) -> None:
    assert SOURCE.recognises(path, Log(path).head())


def test_a_ledger_counts_each_row_once_however_often_it_comes(tmp_path: Path) -> None:
    rows = ledger_of(tmp_path, (SOURCE, ROWS), (SOURCE, PAYLOADS), (SOURCE, ROWS))
    assert [(row["output_tokens"], row["status"] == "error") for row in rows] == [
        (30, False), (None, True), (0, False), (5, False),
    ]  # fmt: skip


@pytest.mark.skipif(not SHARED.is_file(), reason=ABSENT)
def test_one_row_of_three_was_billed() -> None:
    log = Log(SHARED)
    found = calls(SHARED, log)
    assert [call.error for call in found] == [None, "429"]
    assert log.skipped == {"answered from the proxy's cache": 1}
    assert sum(call.cost_usd or 0 for call in found) == Decimal("0.00123")
