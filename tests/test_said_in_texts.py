"""Values inside texts: read where the key itself is absent, of the dialects that have them, and of no other."""

import pytest

from tests.oracle import call, calls
from tests.otlp_requests import body, span

USAGE = "metadata.usage_object"
READ = "gen_ai.usage.cache_read.input_tokens"
LITELLM = {"gen_ai.operation.name": "chat", "litellm.call_id": "0123-4567"}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("{'cached_tokens': 256}", 256),
        ("{'cache_read_input_tokens': 0, 'cached_tokens': 256}", 0),
        ("{'cached_tokens': None}", None),
        ("{'cached_tokens': 99999999999999999999}", None),
        ("{'uncached_tokens': 5}", None),
        ("", None),
        (7, None),
        (["{'cached_tokens': 5}"], 5),
        (None, None),
    ],
)
def test_a_count_is_read_out_of_a_text(text, count):
    assert call(LITELLM | {USAGE: text}, scope="litellm")["cache_read_tokens"] == count


def test_the_key_itself_goes_before_the_text():
    assert call(LITELLM | {USAGE: "{'cached_tokens': 256}", READ: 1}, scope="litellm")["cache_read_tokens"] == 1


def test_the_first_rule_that_finds_something_counts():
    params = '{"x": {"llm_provider-x-request-id": "req_first", "request-id": "req_other"}}'
    assert call(LITELLM | {"hidden_params": params}, scope="litellm")["request_id"] == "req_first"
    assert call(LITELLM | {"hidden_params": "{}"}, scope="litellm")["request_id"] == "0123-4567"


def test_texts_of_other_emitters_are_not_looked_at():
    chat = {"gen_ai.operation.name": "chat", "hidden_params": '{"request-id": "req_1"}'}
    rows = calls(*[body(span(chat), scope=scope) for scope in ("my.app", "litellm", "pydantic-ai", "litellm")])
    assert [row["request_id"] for row in rows] == [None, "req_1", None, "req_1"]
