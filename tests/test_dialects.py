"""Dialects: which scope speaks which, and tables that say one thing only once."""

import pytest

from spanledger.processors import dialects
from spanledger.processors.dialects import DIALECTS, PROVIDERS, UNKNOWN, dialect_of
from spanledger.storage.schema import COLUMNS, COUNT, LABEL

KEYED = {
    "resource": dialects.RESOURCE,
    "who": dialects.WHO,
    "labels": dialects.LABELS,
    "texts": dialects.TEXTS,
    "counts": dialects.COUNTS,
    "numbers": dialects.NUMBERS,
}


@pytest.mark.parametrize(
    ("scope", "name", "cache_excluded"),
    [
        ("com.anthropic.sdk.python", "anthropic-sdk", False),
        ("com.anthropic.sdk.typescript", "anthropic-sdk", False),
        ("opentelemetry.instrumentation.genai.openai", "otel-genai-openai", False),
        ("opentelemetry.instrumentation.genai.anthropic", "otel-genai-anthropic", False),
        ("opentelemetry.instrumentation.google_genai", "otel-google-genai", False),
        ("opentelemetry.instrumentation.genai.bedrock", "otel-genai-bedrock", True),
        ("opentelemetry.instrumentation.botocore.bedrock-runtime", "otel-botocore", True),
        ("opentelemetry.instrumentation.openai_v2", "otel-openai-v2", False),
        ("opentelemetry.instrumentation.vertexai", "otel-vertexai", False),
        ("opentelemetry.util.genai.handler", "otel-util-genai", False),
        ("opentelemetry.instrumentation.genai.langchain", "otel-genai", False),
        ("opentelemetry.instrumentation.genai.openai.more", "otel-genai", False),
        ("opentelemetry.instrumentation.openai", "unknown", False),
        ("opentelemetry.instrumentation.botocore", "unknown", False),
        ("OpenTelemetry.Instrumentation.OpenAI_v2", "unknown", False),
        ("my.app", "unknown", False),
        ("", "unknown", False),
        (None, "unknown", False),
    ],
)
def test_a_scope_speaks_one_dialect(scope, name, cache_excluded):
    dialect = dialect_of(scope)
    assert dialect.name == name
    assert dialect.cache_excluded == cache_excluded


def test_every_dialect_is_reached_by_its_own_scopes():
    for dialect in DIALECTS:
        for scope in dialect.scopes:
            assert dialect_of(f"{scope}x" if scope.endswith(".") else scope) is dialect


def test_names_are_said_once_and_fit_into_a_list_joined_by_commas():
    names = [dialect.name for dialect in (*DIALECTS, UNKNOWN)]
    assert len(set(names)) == len(names)
    assert not any("," in name for name in names)


def test_the_vendor_ranks_before_instrumentations_and_those_before_the_unknown():
    assert (
        dialect_of("com.anthropic.sdk.python").rank < dialect_of("opentelemetry.instrumentation.genai.anthropic").rank
    )
    assert max(dialect.rank for dialect in DIALECTS) < UNKNOWN.rank


def test_every_table_fills_columns_of_its_kind_and_no_column_twice():
    columns = [column for table in KEYED.values() for column in table]
    assert len(set(columns)) == len(columns)
    assert set(columns) <= set(COLUMNS)
    assert all(COLUMNS[column] is COUNT for column in dialects.COUNTS)
    assert all(COLUMNS[column] is LABEL for column in (*dialects.LABELS, *dialects.RESOURCE))


def test_no_key_of_a_span_fills_two_columns():
    keys = [key for name, table in KEYED.items() if name != "resource" for keys in table.values() for key in keys]
    assert len(set(keys)) == len(keys)


def test_aliases_of_providers_lead_to_a_name_that_is_no_alias():
    for alias, name in PROVIDERS.items():
        assert alias == alias.lower()
        assert name not in PROVIDERS
