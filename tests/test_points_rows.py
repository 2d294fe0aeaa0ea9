"""Points as rows: for whom each counts, and which two are the same point, or of the same series."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from tests.otlp_metrics import (
    CLAUDE,
    CUMULATIVE,
    USAGE,
    counter,
    histogram,
    measured,
    metric_body,
    number,
    processed,
)

SAID = {"type": "input", "model": "claude-x", "session.id": "s-1", "query_source": "main"}


def row(value: float = 7, said: Mapping[str, Any] = SAID, *, tenant: str = "default", resource: Any = None,
        scope: str = "claude", name: str = CLAUDE, temporality: int = 1, **when: Any) -> dict[str, Any]:  # fmt: skip
    body = metric_body(
        counter(name, number(value, said, **when), temporality=temporality), scope=scope, resource=resource
    )
    (one,) = processed(body, tenants=[tenant]).points.to_pylist()
    return one


def test_a_point_says_what_was_used_by_whom_and_where() -> None:
    said = {"gen_ai.token.type": "output", "gen_ai.request.model": "gpt-5", "gen_ai.response.model": "gpt-5-2026-01-01",
            "gen_ai.provider.name": "openai", "gen_ai.operation.name": "chat", "user.id": "ann",
            "server.port": 443, "gen_ai.prompt": "secret"}  # fmt: skip
    resource = {"service.name": "shop", "deployment.environment.name": "live", "session.id": "s-9", "team": "ml"}
    body = metric_body(histogram(USAGE, measured(30.0, 2, said)), scope="my.app", resource=resource)
    (one,) = processed(body).points.to_pylist()
    known = {name: value for name, value in one.items() if value is not None and not name.endswith(("_hash", "_at"))}
    assert known == {
        "metric": USAGE, "temporality": "delta", "kind": "output", "token_type": "output", "precedence": 1,
        "tokens": 30, "measurements": 2, "operation": "chat", "provider": "openai", "request_model": "gpt-5",
        "response_model": "gpt-5-2026-01-01", "user_id": "ann", "session_id": "s-9", "team": "ml",
        "service_name": "shop", "environment": "live", "scope_name": "my.app", "tenant": "default",
        "api_key_id": "key-1", "attributes": '{"server.port":443}',
    }  # fmt: skip


def test_providers_bear_the_names_that_calls_have() -> None:
    said = {"gen_ai.token.type": "input", "gen_ai.system": "Anthropic"}
    one = row(said=said, name=USAGE, scope="openlit.otel.metrics")
    assert (one["provider"], one["kind"]) == ("anthropic", "uncached_input")
    assert row(said=said | {"gen_ai.system": "langchain"}, name=USAGE)["provider"] is None


def test_content_is_kept_only_where_it_is_wanted_and_secrets_never_reach_the_row() -> None:
    assert "secret" not in json.dumps(row(said=SAID | {"prompt": "secret"}), default=str)


def test_cost_is_exact_to_the_pico_dollar() -> None:
    assert row(0.1152756, name="claude_code.cost.usage")["cost_usd"] == Decimal("0.115275600000")
    assert row(0.0027830999999999997, name="operation.cost")["cost_usd"] == Decimal("0.002783100000")
    assert row(125, name="codex.turn.cost_microusd")["cost_usd"] == Decimal("0.000125000000")


@pytest.mark.parametrize(
    "other",
    [
        {"said": dict(reversed(SAID.items()))},
        {"resource": {"service.name": "app", "k8s.pod.name": "p-1", "host.name": "h-1"}},
        {"said": SAID | {"spanledger.requests": 3}},
    ],
    ids=["attributes in another order", "a Collector added to the resource", "an export says of how many requests"],
)
def test_the_same_point_by_another_route_is_the_same(other: dict[str, Any]) -> None:
    assert row(**other)["point_hash"] == row()["point_hash"]


@pytest.mark.parametrize(
    "other",
    [
        {"tenant": "acme"},
        {"scope": "other"},
        {"name": "qwen-code.token.usage"},
        {"temporality": CUMULATIVE},
        {"said": SAID | {"model": "claude-y"}},
        {"said": SAID | {"more": None}},
        {"said": {**SAID, "model": "main", "query_source": "claude-x"}},
        {"resource": {"service.name": "app", "service.instance.id": "2"}},
        {"resource": {"service.name": "app", "process.pid": 2}},
    ],
)
def test_what_differs_in_more_than_times_and_value_is_another_series(other: dict[str, Any]) -> None:
    assert row(**other)["series_hash"] != row()["series_hash"]


@pytest.mark.parametrize("other", [{"value": 8}, {"start_s": 1}, {"start_s": None}, {"time_s": 61}])
def test_another_time_or_value_is_another_point_of_the_same_series(other: dict[str, Any]) -> None:
    assert row(**other)["series_hash"] == row()["series_hash"]
    assert row(**other)["point_hash"] != row()["point_hash"]


def test_long_values_are_told_apart() -> None:
    long = "x" * 1000
    assert row(said=SAID | {"a": long + "1"})["series_hash"] != row(said=SAID | {"a": long + "2"})["series_hash"]
