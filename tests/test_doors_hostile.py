"""Whatever is posted at a JSON door is taken or refused in one sentence; no body is a defect, and none is content."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanledger.instrumentation.replay.doors.posting import Posting, Refusal
from spanledger.instrumentation.replay.doors.registry import DOORS
from tests.log_fixtures import LOGS

TAKES = {door.path: door.take for door in DOORS}
NOW_NS = 1_793_696_400 * 10**9
TRANSCRIPT = next((LOGS / "claude-code" / "projects").rglob("5f0c0a52*.jsonl"))
LINES = [json.loads(line) for line in TRANSCRIPT.read_bytes().splitlines() if line.endswith(b"}")]

GOOD: list[tuple[str, Any]] = [
    ("/usage", {
        "tenant_id": "acme", "provider": "gemini", "model": "gemini-2.5-pro", "prompt_tokens": 1, "latency_ms": 5,
        "completion_tokens": 2, "timestamp": "2026-03-01T10:00:00Z", "event_id": "e", "metadata": {"user_id": "ada"},
        "host": {"hostname": "h", "cloud_provider": "gcp", "instance_id": "i", "k8s": {"pod": "p", "namespace": "n"}},
    }),
    ("/api/ingest", {"client_hostname": "web-1", "records": [
        {"timestamp": "2026-03-01T10:00:00Z", "service": "openai", "model": "m", "input_tokens": 7, "cost_usd": 0.1},
    ]}),
    ("/api/ingest", {
        "machine": "m", "session_file": "s.jsonl", "cursor": {"last_line_num": 0}, "events": LINES,
    }),
    ("/api/usage", {"machine": "m", "usage": {"five_hour": {"utilization": 5, "resets_at": "2026-12-01T07:40:00Z"}}}),
]  # fmt: skip
HOSTILE: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, -1e-300, 2**63, 2**70, "", " ", "x" * 5000, "\x00\x1b[2J", "1e999", "\u202e", [], {},
    [[]], {"a": {}}, [None, {}, 3], "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00",
)  # fmt: skip


def posted(path: str, body: bytes, **parts: bytes) -> str:
    """Take a body; "taken", or why not. What is taken must be OTLP."""
    posting = Posting(body, parts, {}, "default", keyed=False, at_ns=NOW_NS)
    try:
        taken = TAKES[path](posting)
    except Refusal as error:
        said = str(error)
        assert said.endswith(".")
        assert len(said) < 1000
        assert "\n" not in said
        return said
    for export in taken.exports:
        ExportTraceServiceRequest.FromString(export.body)
    json.dumps(taken.answer(0, 0.0))
    return "taken"


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from places(member, (*path, name))


def changed(value: Any, path: tuple[Any, ...], hostile: Any) -> Any:
    if not path:
        return hostile
    found = copy.deepcopy(value)
    inner = found
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = hostile
    return found


@pytest.mark.parametrize(("path", "body"), GOOD)
def test_a_good_body_is_taken(path: str, body: Any) -> None:
    assert posted(path, json.dumps(body).encode()) == "taken"


@pytest.mark.parametrize(("path", "body"), GOOD)
def test_any_value_may_be_another(path: str, body: Any) -> None:
    for place in places(body):
        for hostile in HOSTILE:
            posted(path, json.dumps(changed(body, place, hostile)).encode())


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["records", "events", "machine", "usage", "client_hostname", "cursor", "model", "message"])
        | st.text(max_size=5), inner, max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(TAKES)), JSON_VALUES)
def test_any_json_is_taken_or_refused(path: str, body: Any) -> None:
    posted(path, json.dumps(body).encode())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(TAKES)), st.binary(max_size=100), st.booleans())
def test_any_bytes_are_taken_or_refused(path: str, body: bytes, torn: bool) -> None:
    if torn:
        good = json.dumps(GOOD[len(body) % len(GOOD)][1]).encode()
        body = good[: len(good) * len(body) // 100]
    assert posted(path, body) != ""


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_file_is_taken_or_refused(metadata: bytes, file: bytes) -> None:
    posted("/api/ingest", b"", metadata=metadata, file=file)
    posted("/api/ingest", b"", metadata=b'{"client_hostname": "w"}', file=file)


def test_a_deep_body_is_refused() -> None:
    deep = b'{"records":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for path in TAKES:
        assert posted(path, deep).startswith("The body is not JSON: ")


def test_the_fixture_holds_what_a_transcript_does() -> None:
    assert len(LINES) > 5
    assert Path(TRANSCRIPT).is_file()
