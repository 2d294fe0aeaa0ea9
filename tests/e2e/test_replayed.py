"""Recorded programs, replayed into a ledger: what real SDKs sent, without the SDKs and without a server.

`python -m tests.e2e.record` renews the recordings.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanledger.cli.wiring import wire
from spanledger.receiver.contract import Request, Stored
from spanledger.storage.ledger import Ledger
from tests.e2e.truth import QUESTION, check, read_truth
from tests.e2e.vendor_wire import COMPLETION_CANARY, PROMPT_CANARY

RECORDINGS = Path(__file__).resolve().parents[1] / "data" / "otlp"
CASES = sorted(path.name for path in RECORDINGS.iterdir())
PROGRAMS = [case for case in CASES if not case.endswith("-content")]
WITH_CONTENT = [case for case in CASES if case.endswith("-content")]

SHARED = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "emitters"
SHARED_CASES = ("otel-genai-openai", "otel-genai-anthropic")
"""The same packages against another stand-in, recorded independently; not part of the repository."""

Replay: TypeAlias = Callable[[Sequence[bytes]], list[dict[str, Any]]]
"""Takes request bodies, one group each, into a ledger; answers with its rows afterwards."""


@contextmanager
def ledger_at(folder: Path, *, keep_content: bool = False) -> Iterator[Replay]:
    """A ledger with the whole path into it, as the server wires it."""
    ledger = Ledger.open(folder)
    prepare, store = wire(ledger, keep_content=keep_content)

    def replay(requests: Sequence[bytes]) -> list[dict[str, Any]]:
        for body in requests:
            assert list(store(prepare([Request(body, "default")]))) == [Stored()], "everything is accepted"
        with ledger.reader() as reader:
            return reader.query(QUESTION).to_pylist()

    try:
        yield replay
    finally:
        ledger.close()


@pytest.fixture
def replay(tmp_path: Path) -> Iterator[Replay]:
    """A replay into a fresh ledger."""
    with ledger_at(tmp_path / "ledger") as into:
        yield into


def bodies(folder: Path) -> list[bytes]:
    """The export requests of a recording, in order of arrival."""
    return [path.read_bytes() for path in sorted(folder.glob("*-traces*.binpb"))]


def single_spans(requests: Sequence[bytes]) -> list[bytes]:
    """The same spans, each in a request of its own."""
    singles = []
    for body in requests:
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in group.scope_spans:
                for span in scope.spans:
                    single = ExportTraceServiceRequest()
                    alone = single.resource_spans.add(resource=group.resource, schema_url=group.schema_url)
                    alone.scope_spans.add(scope=scope.scope, schema_url=scope.schema_url, spans=[span])
                    singles.append(single.SerializeToString())
    return singles


def without_history(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without what tells of the way they came about."""
    return [{name: value for name, value in row.items() if name != "revision"} for row in rows]


@pytest.mark.parametrize("case", CASES)
def test_a_recorded_program_is_counted_and_priced_as_its_vendor_did(replay: Replay, case: str):
    rows = replay(bodies(RECORDINGS / case))

    check(rows, read_truth(RECORDINGS / case / "truth.jsonl"))


@pytest.mark.parametrize("case", PROGRAMS)
def test_sent_again_whole_or_span_by_span_nothing_changes(replay: Replay, case: str):
    recorded = bodies(RECORDINGS / case)
    first = replay(recorded)

    assert replay(recorded) == first
    assert replay(list(reversed(single_spans(recorded)))) == first


@pytest.mark.parametrize("case", PROGRAMS)
def test_the_order_of_arrival_does_not_matter(replay: Replay, case: str, tmp_path: Path):
    recorded = bodies(RECORDINGS / case)
    together = replay(recorded)
    with ledger_at(tmp_path / "backwards") as replay_backwards:
        backwards = replay_backwards(list(reversed(single_spans(recorded))))

    assert without_history(backwards) == without_history(together)


@pytest.mark.parametrize("case", WITH_CONTENT)
@pytest.mark.parametrize("keep_content", [False, True])
def test_recorded_content_is_stored_only_when_the_operator_says_so(tmp_path: Path, case: str, keep_content: bool):
    with ledger_at(tmp_path / "ledger", keep_content=keep_content) as replay:
        replay(bodies(RECORDINGS / case))
    ledger = Ledger.open_readonly(tmp_path / "ledger")
    with ledger.reader() as reader:
        stored = str(reader.query("SELECT * FROM calls").to_pylist())
    ledger.close()

    assert [canary in stored for canary in (PROMPT_CANARY, COMPLETION_CANARY)] == [keep_content, keep_content]


@pytest.mark.parametrize("case", SHARED_CASES)
def test_an_independent_recording_agrees(replay: Replay, case: str):
    folder = SHARED / case
    if not folder.exists():
        pytest.skip(f"the shared recordings are not beside this repository: {case}")

    check(replay(bodies(folder)), read_truth(folder / "truth.jsonl"))
