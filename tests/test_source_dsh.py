"""DeepSeek Harness: the assistant's message is the call, whatever said its usage before."""

from pathlib import Path

import pytest
import zstandard

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Prompt, Tool, Usage
from spanledger.instrumentation.replay.sources.dsh import SOURCE
from tests.replaying import ABSENT, SHARED_LOGS, read

FIXTURE = Path(__file__).parent / "logs" / "dsh" / "sessions" / "home-dev-shop" / "s-1" / "session.jsonl"
SHARED = SHARED_LOGS / "dsh" / "codeburn" / "dsh" / "bash-tool-turn.jsonl"


def calls(path: Path, log: Log | None = None) -> list[Call]:
    return [record for record in read(SOURCE, path, log) if isinstance(record, Call)]


def test_a_message_is_a_call_and_the_chunk_before_it_is_none() -> None:
    (call,) = calls(FIXTURE)
    assert call.usage == Usage(
        input_tokens=2984, cache_read_tokens=2816, output_tokens=25, reasoning_tokens=22
    )  # fmt: skip
    assert (call.model, call.provider, call.session.project) == ("deepseek-v4-flash", "deepseek", "shop")
    assert call.ended_ns - call.started_ns == 2 * 10**9


def test_a_fork_of_the_session_repeats_the_name_of_the_call(tmp_path: Path) -> None:
    fork = tmp_path / "session.jsonl"
    fork.write_bytes(FIXTURE.read_bytes().replace(b"e128dda9-0001", b"e128dda9-0002"))
    (call,), (copy,) = calls(FIXTURE), calls(fork)
    assert copy.session.id != call.session.id
    assert (copy.key, copy.request_id, copy.vendor_ids) == (call.key, call.key, False)


def test_people_ask_and_tools_run() -> None:
    records = read(SOURCE, FIXTURE)
    assert [record.characters for record in records if isinstance(record, Prompt)] == [11]
    (tool,) = [record for record in records if isinstance(record, Tool)]
    assert (tool.name, tool.ended_ns - tool.started_ns) == ("bash", 2 * 10**9)


def test_a_log_is_compressed_frame_by_frame(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl.zstd"
    compressor = zstandard.ZstdCompressor()
    path.write_bytes(b"".join(compressor.compress(line) for line in FIXTURE.read_bytes().splitlines(keepends=True)))
    log = Log(path)
    assert calls(path, log) == calls(FIXTURE)
    assert log.skipped == {"event without a time": 1}
    assert SOURCE.recognises(path, log.head())


@pytest.mark.skipif(not SHARED.is_file(), reason=ABSENT)
def test_a_recorded_turn_of_two_steps() -> None:
    assert [call.usage for call in calls(SHARED)] == [
        Usage(input_tokens=2877, cache_read_tokens=0, output_tokens=90, reasoning_tokens=18),
        Usage(input_tokens=168 + 2816, cache_read_tokens=2816, output_tokens=25, reasoning_tokens=22),
    ]
