"""Dialects: who is recognised by what, and tables that say one thing only once."""

import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from spanledger.processors.dialects import columns
from spanledger.processors.dialects.dialect import EXCLUSIVE, FIRST_CHUNK_MS, INCLUSIVE, NOISE, STARTED_MS_AGO
from spanledger.processors.dialects.operations import BILLABLE, SAYING
from spanledger.processors.dialects.providers import (
    MAKERS,
    NO_PROVIDERS,
    PROVIDERS,
    WELL_KNOWN,
    maker_of,
    provider_said,
)
from spanledger.processors.dialects.registry import (
    DIALECTS,
    EVERY,
    FAMILIES,
    UNKNOWN,
    UNKNOWN_DETAILS,
    UNKNOWN_EVENT,
    dialect_of,
    named,
)
from spanledger.processors.said_in_texts import TOTAL_COLUMN, column_of
from spanledger.storage.schema import COLUMNS, COUNT, LABEL
from tests.oracle import processed
from tests.otlp_requests import body, log_body, span

KEYED = {
    "resource": columns.RESOURCE,
    "who": columns.WHO,
    "labels": columns.LABELS,
    "texts": columns.TEXTS,
    "counts": columns.COUNTS,
    "numbers": columns.NUMBERS,
}
DETAILS = "gen_ai.client.inference.operation.details"
CHAT = {"gen_ai.operation.name": "chat"}


def speaker(attributes: dict[str, object], scope: str = "", service: str | None = None, name: str = "") -> str:
    """The dialect of the row of a span."""
    resource = {} if service is None else {"service.name": service}
    (row,) = processed([body(span(CHAT | attributes, name=name), scope=scope, resource=resource)]).calls.to_pylist()
    return row["dialect"]


@pytest.mark.parametrize(
    ("scope", "name", "reading"),
    [
        ("com.anthropic.sdk.python", "anthropic-sdk", INCLUSIVE),
        ("com.anthropic.sdk.typescript", "anthropic-sdk", INCLUSIVE),
        ("opentelemetry.instrumentation.genai.openai", "otel-genai-openai", INCLUSIVE),
        ("opentelemetry.instrumentation.google_genai", "otel-google-genai", INCLUSIVE),
        ("opentelemetry.instrumentation.genai.bedrock", "otel-genai-bedrock", EXCLUSIVE),
        ("opentelemetry.instrumentation.botocore.bedrock-runtime", "otel-botocore", EXCLUSIVE),
        ("opentelemetry.instrumentation.openai_v2", "otel-openai-v2", INCLUSIVE),
        ("opentelemetry.util.genai.handler", "otel-util-genai", ""),
        ("opentelemetry.instrumentation.genai.langchain", "otel-genai", ""),
        ("opentelemetry.instrumentation.openai.v1", "openllmetry-openai", INCLUSIVE),
        ("opentelemetry.instrumentation.anthropic", "openllmetry-anthropic", INCLUSIVE),
        ("opentelemetry.instrumentation.bedrock", "openllmetry-bedrock", EXCLUSIVE),
        ("openlit.instrumentation.anthropic", "openlit-anthropic", EXCLUSIVE),
        ("openlit.otel.tracing", "openlit", frozenset({"anthropic", "aws.bedrock"})),
        ("openinference.instrumentation.bedrock", "openinference", ""),
        ("opentelemetry.instrumentation.botocore", "unknown", ""),
        ("OpenTelemetry.Instrumentation.OpenAI_v2", "unknown", ""),
        ("my.app", "unknown", ""),
        ("", "unknown", ""),
        (None, "unknown", ""),
    ],
)
def test_a_scope_speaks_one_dialect(scope, name, reading):
    assert dialect_of(scope).name == name
    assert dialect_of(scope).reading == reading


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_dialect_is_recognised_by_each_of_its_signs(dialect):
    event = dialect.events[0] if dialect.events else ""
    scopes = [scope.rstrip("*") + ("x" if scope.endswith((".", "*", "/")) else "") for scope in dialect.scopes]
    found = [(scope, None, {}) for scope in scopes]
    found += [("", service, {}) for service in dialect.services]
    found += [("my.app", "my-app", {mark: "1"}) for mark in dialect.marks]
    used = {"gen_ai.usage.input_tokens": 1, "gen_ai.operation.name": "chat"}
    for scope, service, marks in found or [("", None, {})]:
        resource = {"service.name": service or "app"}
        if dialect.signal == "logs":
            if not event:
                continue  # its events are told apart by `operations`: tests/test_agent_traps.py
            made = processed([log_body(event, used | marks, scope=scope, resource=resource)], signal="logs")
        else:
            request = body(span(used | marks, name=event), scope=scope, resource=resource)
            made = processed([request])
        rows = made.calls.to_pylist() + made.spans.to_pylist()
        assert [row["dialect"] for row in rows] == [dialect.name], (scope, service, marks)


def test_a_scope_goes_before_a_service_and_that_before_a_mark():
    assert speaker({"litellm.call_id": "1"}, "pydantic-ai", "openrouter") == "pydantic-ai"
    assert speaker({"litellm.call_id": "1"}, "my.app", "openrouter") == "openrouter"
    assert speaker({"litellm.call_id": "1"}, "my.app", "my-app") == "litellm"
    assert speaker({}, "my.app", "my-app") == "unknown"


def test_the_name_of_a_record_goes_before_all_where_a_row_asks_for_it():
    assert speaker({"llm.openai.usage": "{}"}, "litellm", name="raw_gen_ai_request") == "litellm-raw-openai"
    assert speaker({"llm.openai.usage": "{}"}, "litellm", name="litellm_request") == "litellm"
    assert speaker({}, "litellm", name="raw_gen_ai_request") == "litellm"


def test_spans_and_events_of_one_package_are_two_dialects():
    for scope in ("opentelemetry.instrumentation.genai.openai", "openlit.instrumentation.openai", "gcp.vertex.agent"):
        request = log_body(DETAILS, {"gen_ai.usage.input_tokens": 1}, scope=scope)
        (row,) = processed([request], signal="logs").calls.to_pylist()
        assert row["dialect"] != dialect_of(scope).name
        assert row["dialect"].startswith(dialect_of(scope).name)


def test_dialects_do_not_mix_within_a_batch():
    scopes = ["litellm", "my.app", "pydantic-ai", "", "openlit.instrumentation.openai"] * 3
    rows = processed([body(span(CHAT), scope=scope) for scope in scopes]).calls.to_pylist()
    assert [row["dialect"] for row in rows] == [dialect_of(scope).name for scope in scopes]
    assert [row["sources"] for row in rows] == [row["dialect"] for row in rows]


def test_names_are_said_once_and_fit_into_a_list_joined_by_commas():
    names = [dialect.name for dialect in EVERY]
    assert len(set(names)) == len(names)
    assert not any("," in name for name in names)
    assert all(named(name).name == name for name in names)
    assert named("who is that") is UNKNOWN


@pytest.mark.parametrize("dialect", EVERY, ids=lambda dialect: dialect.name)
def test_every_row_says_where_it_is_from_and_what_it_says_can_be_read(dialect):
    assert dialect.source
    assert dialect.signal in (None, "traces", "logs")
    assert 0 <= dialect.rank <= 9
    assert 0 <= dialect.who_rank <= 9
    assert dialect.reading in ("", INCLUSIVE, EXCLUSIVE) or dialect.reading <= WELL_KNOWN
    assert dialect.provider is None or dialect.provider in WELL_KNOWN | NO_PROVIDERS
    targets = columns.COLUMN_OF.keys() | columns.HELPERS | SAYING.keys() | {STARTED_MS_AGO, FIRST_CHUNK_MS}
    targets |= {*columns.TOOL_NAME, *columns.TOOL_CALL_ID}
    assert set(dialect.words.values()) <= targets
    for _, pattern, key in dialect.texts:
        assert re.compile(pattern).groups == 1
        assert column_of(key) in {*COLUMNS, TOTAL_COLUMN}
        pc.match_substring_regex(pa.array([""]), pattern)
    pc.match_substring_regex(pa.array([""]), dialect.content_names or ".")
    for sign in (*dialect.guesses, *dialect.hides_cache, *dialect.unfinished, *dialect.repeats):
        pc.match_substring_regex(pa.array([""]), sign.pattern)


def test_what_is_recognised_by_nothing_is_not_in_the_tables():
    for dialect in DIALECTS:
        assert dialect.scopes or dialect.services or dialect.events or dialect.marks, dialect.name
    for dialect in (UNKNOWN, UNKNOWN_EVENT, UNKNOWN_DETAILS):
        assert not (*dialect.scopes, *dialect.services, *dialect.marks)


def test_the_vendor_ranks_before_instrumentations_those_before_frameworks_and_a_span_before_its_event():
    rank = {dialect.name: dialect.rank for dialect in EVERY}
    order = ["anthropic-sdk", "otel-genai-anthropic", "openllmetry-anthropic", "openinference-langchain", "unknown"]
    assert [rank[name] for name in order] == sorted({rank[name] for name in order})
    for name in rank:
        if f"{name}-event" in rank and name in {one.name for one in FAMILIES["Official instrumentations and vendors"]}:
            assert rank[name] < rank[f"{name}-event"]


def test_every_table_fills_columns_of_its_kind_and_no_column_twice():
    filled = [column for table in KEYED.values() for column in table]
    assert len(set(filled)) == len(filled)
    assert set(filled) <= set(COLUMNS)
    assert all(COLUMNS[column] is COUNT for column in columns.COUNTS)
    assert all(COLUMNS[column] is LABEL for column in (*columns.LABELS, *columns.RESOURCE))


def test_no_key_of_a_record_fills_two_columns():
    keys = [key for name, table in KEYED.items() if name != "resource" for keys in table.values() for key in keys]
    keys += [*columns.REPORTED_COST, *columns.TOTAL, *columns.UNCACHED, *SAYING]
    assert len(set(keys)) == len(keys)


def test_the_values_of_an_operation_are_written_in_lower_case_and_mean_something():
    for values in SAYING.values():
        assert all(value == value.lower() for value in values)
        assert all(means == NOISE or means == means.lower() for means in values.values())
    assert {means for values in SAYING.values() for means in values.values()} & BILLABLE


def test_aliases_of_providers_lead_to_a_name_of_the_conventions():
    for alias, name in PROVIDERS.items():
        assert alias == alias.lower()
        assert name in WELL_KNOWN
    assert not NO_PROVIDERS & (PROVIDERS.keys() | WELL_KNOWN)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("OpenAI", "openai"), ("xai", "x_ai"), ("x_ai", "x_ai"), ("xai.chat", "x_ai"), ("openai.chat", "openai"),
        ("openai.responses", "openai"), ("anthropic.messages", "anthropic"), ("amazon-bedrock", "aws.bedrock"),
        ("google.generative-ai", "gcp.gemini"), ("google.vertex.chat", "gcp.vertex_ai"), ("AWS", "aws.bedrock"),
        ("azure-openai.chat", "azure.ai.openai"), ("aws.anthropic", "aws.bedrock"), ("gcp.gen_ai", "gcp.gen_ai"),
        ("mistral.chat", "mistral_ai"), ("My-Gateway", "My-Gateway"), ("my.openai", "my.openai"),
        ("strands-agents", None), ("langchain", None), ("CrewAI", None), ("github", None),
    ],
)  # fmt: skip
def test_a_provider_is_called_by_the_name_of_the_conventions(said, name):
    assert provider_said(said) == name


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-5-mini", "openai"), ("o3-pro", "openai"), ("o1", "openai"), ("Claude-sonnet-4-5", "anthropic"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock"), ("amazon.nova-pro-v1:0", "aws.bedrock"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/x", "aws.bedrock"), ("gemini-2.5-pro", "gcp.gemini"),
        ("anthropic/claude-sonnet-4-5", "anthropic"), ("xai/grok-4", "x_ai"), ("grok-4", "x_ai"),
        ("mistral-large-latest", "mistral_ai"), ("deepseek-chat", "deepseek"), ("my-model", None), ("o2x", None),
        ("unknown/gpt-5", None), ("", None),
    ],
)  # fmt: skip
def test_a_models_name_tells_who_sells_it(model, provider):
    assert maker_of(model) == provider
    assert provider is None or provider in WELL_KNOWN
    assert {name for _, name in MAKERS} <= WELL_KNOWN
