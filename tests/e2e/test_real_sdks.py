"""Real SDKs, the official instrumentations and the real OTLP exporters; read back with `spanledger sql`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from benchmarks.server import Server
from tests.asking import ask
from tests.e2e.environments import InstallerMissingError
from tests.e2e.programs import Run, run_program
from tests.e2e.truth import QUESTION, check
from tests.e2e.vendor_wire import COMPLETION_CANARY, PROMPT_CANARY

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Case:
    """One program, one exporter; `content` has the instrumentation send prompts and completions."""

    vendor: str
    protocol: str
    content: bool


CASES = {
    "openai over gRPC": Case("openai", "grpc", content=False),
    "openai over HTTP with content": Case("openai", "http/protobuf", content=True),
    "anthropic over gRPC with content": Case("anthropic", "grpc", content=True),
    "anthropic over HTTP": Case("anthropic", "http/protobuf", content=False),
}


@dataclass(frozen=True)
class Story:
    """A program that has run, and the ledger it left, after a clean stop of the server."""

    case: Case
    run: Run
    rows: list[dict[str, Any]]
    data: Path


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES.keys())
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Run a case's program against a server of its own, read the ledger, and stop the server."""
    case: Case = request.param
    folder = tmp_path_factory.mktemp("story")
    try:
        with Server(folder / "ledger") as server:
            endpoint = server.url if case.protocol == "http/protobuf" else f"http://{server.target}"
            run = run_program(
                case.vendor,
                endpoint=endpoint,
                protocol=case.protocol,
                content=case.content,
                truth_path=folder / "truth.jsonl",
            )
            rows = ask(server.data, QUESTION)
    except InstallerMissingError as missing:
        pytest.skip(str(missing))
    return Story(case, run, rows, server.data)


def test_each_served_call_is_one_row_with_its_tokens_and_its_dollars(story: Story):
    check(story.rows, story.run.truth)


def test_the_program_met_everything_that_is_claimed_of_it(story: Story):
    # cached, written and reasoned tokens, streams with and without usage, refusals: or the other tests prove little
    served = [truth for truth in story.run.truth if truth.status == 200]
    assert {truth.status for truth in story.run.truth} == {200, 400, 429, 500}
    assert {truth.streamed for truth in served} == {True, False}
    assert all(any(getattr(t, kind) for t in served) for kind in ("cache_read", "cache_write", "output", "reasoning"))
    assert any(truth.left_early for truth in served)
    if story.case.vendor == "openai":
        assert {truth.api for truth in served} == {"chat.completions", "responses", "embeddings"}
        assert any(truth.usage_sent == "none" and not truth.left_early for truth in served)
    else:
        assert any(truth.cache_write_5m and truth.cache_write_1h for truth in served)


def test_refused_calls_are_at_most_failed_rows(story: Story):
    failed = [row for row in story.rows if row["status"] == "error"]
    assert 0 < len(failed) <= story.run.failed_calls
    assert all(row["error_type"] for row in failed)


def test_a_call_that_the_sdk_and_the_instrumentation_both_told_is_one_row(story: Story):
    told_by = {row["sources"] for row in story.rows if row["status"] != "error"}
    assert len(told_by) == 1, told_by
    (sources,) = told_by
    expected = 2 if story.case.vendor == "anthropic" else 1
    assert len(sources.split(",")) == expected, sources


def test_the_row_says_which_program_made_the_call(story: Story):
    assert {(row["service_name"], row["environment"]) for row in story.rows} == {(f"{story.case.vendor}-app", "e2e")}


def test_no_prompt_and_no_completion_is_in_the_ledger(story: Story):
    # one span holds the prompt in any case: the vendor's refusal repeated it
    if story.case.content:
        assert story.run.with_content > story.run.spans / 2, "content was on the wire"
    else:
        assert story.run.with_content >= 1, "a refusal that repeats the prompt was on the wire"
    canaries = (PROMPT_CANARY, COMPLETION_CANARY)
    for path in (path for path in story.data.rglob("*") if path.is_file()):
        raw = path.read_bytes()
        assert not any(canary.encode() in raw for canary in canaries), f"content in {path.name}"
    with duckdb.connect(str(story.data / "ledger.duckdb"), read_only=True) as ledger:
        tables = [name for (name,) in ledger.execute("SHOW TABLES").fetchall()]
        assert "calls" in tables
        for table in tables:  # the pages of the file may be compressed, the values are not
            values = str(ledger.sql(f'FROM "{table}"').to_arrow_table().to_pylist())
            assert not any(canary in values for canary in canaries), f"content in {table}"
