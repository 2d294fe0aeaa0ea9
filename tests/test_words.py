"""Words: an emitter's own keys stand for the conventions', on its own records and no others."""

import pytest

from spanledger.processors.dialects.registry import named
from tests.oracle import calls, processed
from tests.otlp_requests import body, span

TTFT, AGGREGATED = "gen_ai.server.time_to_first_token", "gen_ai.aggregated_usage.input_tokens"
STRANDS, PYDANTIC = "strands.telemetry.tracer", "pydantic-ai"
CHAT = {"gen_ai.operation.name": "chat"}


def test_a_word_is_understood_of_its_own_emitter_only():
    rows = calls(*[body(span(CHAT | {TTFT: 634}), scope=scope) for scope in (STRANDS, "my.app", STRANDS)])
    assert [row["time_to_first_chunk_s"] for row in rows] == [0.634, 634.0, 0.634]


@pytest.mark.parametrize("first", [True, False])
def test_the_conventions_own_key_goes_before_a_word_and_the_word_is_kept(first):
    said = [(AGGREGATED, 99), ("gen_ai.usage.input_tokens", 10)]
    request = body(span([*CHAT.items(), *(said if first else said[::-1])]), scope=PYDANTIC)
    (row,) = calls(request)
    assert row["input_tokens"] == 10
    assert row["attributes"] == f'{{"{AGGREGATED}":99}}'


def test_the_first_of_two_words_for_one_meaning_counts():
    words = named("litellm-raw-openai").words
    assert list(words)[:2] == ["llm.openai.id", "llm.openai.model"]
    said = {"llm.None.id": "second", "llm.openai.id": "the first", "llm.openai.usage": "{}"}
    (row,) = calls(body(span(said, name="raw_gen_ai_request"), scope="litellm"))
    assert row["response_id"] == "the first"


def test_spans_of_one_layout_are_read_each_in_its_own_words():
    said = {"gen_ai.operation.name": "invoke_agent", AGGREGATED: 7}
    result = processed([body(span(said), scope=scope) for scope in (PYDANTIC, "my.app", STRANDS, PYDANTIC)])
    assert result.spans.column("input_tokens").to_pylist() == [7, None, None, 7]
    assert [text is None for text in result.spans.column("attributes").to_pylist()] == [True, False, False, True]
