"""Reconciliation: metrics beside calls, each read as the other means it; what only one of them saw is unexplained."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spanledger.dashboards.reconcile import Asked, Reconciliation, asked, compute
from spanledger.dashboards.report import ReportError
from spanledger.instrumentation.replay.otlp_metrics import metrics_body
from spanledger.instrumentation.replay.records import Bucket, Usage
from spanledger.instrumentation.replay.sources.openai_usage import SOURCE as OPENAI_USAGE
from spanledger.storage.ledger import Ledger
from spanledger.storage.schema import Ranks
from tests.ledger_rows import calls
from tests.otlp_metrics import CLAUDE, CUMULATIVE, USAGE, counter, histogram, measured, metric_body, number, send
from tests.otlp_requests import STARTED_NS

STARTED = datetime.fromtimestamp(STARTED_NS // 10**9, UTC)
CALL = {
    "started_at": STARTED, "service_name": "app", "session_id": "s-1", "request_model": "m",
    "input_tokens": 100, "cache_read_tokens": 30, "cache_write_tokens": 20, "output_tokens": 10, "reasoning_tokens": 4,
}  # fmt: skip
INPUT = {"gen_ai.token.type": "input", "gen_ai.request.model": "m"}
OUTPUT = {"gen_ai.token.type": "output", "gen_ai.request.model": "m"}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    one = Ledger.open(tmp_path)
    yield one
    one.close()


@pytest.fixture
def take(ledger: Ledger) -> Callable[..., None]:
    """Puts calls and metric requests into the ledger."""

    def take(*said: bytes | Mapping[str, object]) -> None:
        rows = [one for one in said if not isinstance(one, bytes)]
        if rows:
            ledger.merge(calls(rows), price=lambda batch: batch, ranks=Ranks({}))
        send(ledger, *(one for one in said if isinstance(one, bytes)))

    return take


@pytest.fixture
def made(ledger: Ledger) -> Callable[..., Reconciliation]:
    def made(wanted: Asked | None = None, **how: Any) -> Reconciliation:
        with ledger.reader() as reader:
            return compute(reader, wanted or asked(**how))

    return made


@pytest.fixture
def rows(made: Callable[..., Reconciliation]) -> Callable[..., list[tuple[Any, ...]]]:
    """(names of the group …, kind, in metrics, in calls) of each group."""

    def rows(by: str = "model") -> list[tuple[Any, ...]]:
        names = [*by.split(","), "kind", "in_metrics", "in_calls"]
        return [tuple(group[name] for name in names) for group in made(by=by)["groups"]]

    return rows


def usage(total: float, said: Mapping[str, Any] = INPUT, *, scope: str = "app", service: str = "app",
          count: int = 1, **when: Any) -> bytes:  # fmt: skip
    """One export of the conventions' histogram."""
    point = measured(total, count, said, **when)
    return metric_body(histogram(USAGE, point), scope=scope, resource={"service.name": service})


def test_what_both_tell_of_is_explained(take, made) -> None:
    take(CALL, usage(100), usage(10, OUTPUT))
    answer = made()
    assert answer["groups"] == [
        {"service": "app", "model": "m", "metrics": USAGE, "kind": "input", "in_metrics": 100, "in_calls": 100,
         "only_in_metrics": 0, "only_in_calls": 0, "explained_percent": 100.0},
        {"service": "app", "model": "m", "metrics": USAGE, "kind": "output", "in_metrics": 10, "in_calls": 10,
         "only_in_metrics": 0, "only_in_calls": 0, "explained_percent": 100.0},
    ]  # fmt: skip
    assert (answer["calls"], answer["calls_without_metrics"]) == (1, 0)


def test_what_only_metrics_saw_and_what_only_calls_tell_of_are_both_shown(take, made) -> None:
    take(CALL, usage(130), usage(7, OUTPUT))
    saw, told = made()["total"]
    assert (saw["only_in_metrics"], saw["only_in_calls"], saw["explained_percent"]) == (30, 0, 76.9)
    assert (told["only_in_metrics"], told["only_in_calls"], told["explained_percent"]) == (0, 3, 100.0)


def test_one_model_too_many_makes_up_for_no_other_that_is_missing(take, made) -> None:
    take(CALL, usage(100, INPUT | {"gen_ai.request.model": "other"}))
    (total,) = made()["total"]
    assert (total["in_metrics"], total["in_calls"]) == (100, 100)
    assert (total["only_in_metrics"], total["only_in_calls"], total["explained_percent"]) == (100, 100, 0.0)


def test_calls_are_read_as_the_metric_means_its_numbers(take, rows) -> None:
    kinds = {"input": 50, "cacheRead": 30, "cacheCreation": 20, "output": 10}
    points = [number(value, {"type": kind, "model": "m", "session.id": "s-1"}) for kind, value in kinds.items()]
    take(CALL, metric_body(counter(CLAUDE, *points)))
    assert rows() == [
        ("m", "uncached_input", 50, 50), ("m", "cache_read", 30, 30), ("m", "cache_write", 20, 20),
        ("m", "output", 10, 10),
    ]  # fmt: skip


def test_thoughts_beside_the_output_are_compared_apart(take, rows) -> None:
    points = [number(value, {"type": kind, "model": "m"}) for kind, value in {"output": 6, "thought": 4}.items()]
    take(CALL, metric_body(counter("gemini_cli.token.usage", *points)))
    assert rows() == [("m", "output_without_reasoning", 6, 6), ("m", "reasoning", 4, 4)]


def test_cost_is_compared_with_what_the_emitter_reported_else_with_ours(take, made) -> None:
    cost = {"reported_cost_usd": "0.25", "cost_usd": "0.5"}
    decimals = {name: Decimal(text) for name, text in cost.items()}
    take(
        CALL | decimals,
        CALL | {"cost_usd": decimals["cost_usd"]},
        metric_body(counter("claude_code.cost.usage", number(0.75, {"model": "m"}))),
    )
    (group,) = made()["groups"]
    assert (group["in_metrics"], group["in_calls"]) == ("0.750000000000", "0.750000000000")


def test_a_model_is_the_same_with_its_date_its_vendor_and_its_region(take, rows) -> None:
    names = ["m-2026-01-31", "us.anthropic.m-20250929-v1:0", "openai/M", "m@20250929", "m-latest", "m[1m]", "m-0613"]
    take(*(CALL | {"response_model": name, "input_tokens": 1} for name in names), usage(len(names)))
    assert rows() == [("m", "input", len(names), len(names))]


def test_sessions_are_compared_where_metrics_name_them(take, rows) -> None:
    for session, tokens in (("s-1", 100), ("s-2", 40)):
        take(usage(tokens, INPUT | {"session.id": session}))
    take(CALL, CALL | {"session_id": "s-3"})
    assert rows("session") == [("s-1", "input", 100, 100), ("s-2", "input", 40, 0), ("s-3", "input", 0, 100)]


def test_a_metric_without_sessions_tells_of_all_calls_of_its_service(take, rows) -> None:
    take(CALL, CALL | {"session_id": "s-2"}, usage(200, count=2))
    assert rows("session") == [(None, "input", 200, 200)]


def test_a_metric_that_names_some_sessions_tells_of_the_others_without_a_name(take, rows) -> None:
    take(CALL, CALL | {"session_id": "s-2"}, usage(100, INPUT | {"session.id": "s-1"}), usage(100))
    assert rows("session") == [("s-1", "input", 100, 100), (None, "input", 100, 100)]


def test_a_metric_without_models_tells_of_all_models(take, rows) -> None:
    body = metric_body(histogram("strands.event_loop.input.tokens", measured(200, 2, {})))
    take(CALL, CALL | {"request_model": "other"}, body)
    assert rows() == [(None, "input", 200, 200)]


def test_two_metrics_of_the_same_usage_are_not_added_up(take, made) -> None:
    own = number(100, {"type": "input", "model": "m"})
    take(CALL, metric_body(counter("gemini_cli.token.usage", own), scope="gemini-cli"), usage(99, scope="gemini-cli"))
    (group,) = made()["groups"]
    assert (group["metrics"], group["in_metrics"], group["in_calls"]) == ("gemini_cli.token.usage", 100, 100)


def test_two_instrumentations_of_one_service_are_not_added_up(take, rows) -> None:
    take(CALL, usage(100, scope="framework"), usage(100, scope="sdk"))
    assert rows() == [("m", "input", 100, 100)]


def test_a_vendors_export_is_compared_with_all_calls_of_the_vendor(take, made) -> None:
    export = metrics_body([(OPENAI_USAGE, Bucket(
        "k", STARTED_NS, STARTED_NS + 86_400 * 10**9, Usage(input_tokens=250, output_tokens=20), model="m",
        provider="openai",
    ))], "a-machine")  # fmt: skip
    openai = CALL | {"provider": "openai"}
    take(openai, openai | {"service_name": "another"}, CALL | {"provider": "anthropic", "service_name": "third"})
    take(export)
    answer = made(by="service")
    fields = ("service", "kind", "in_metrics", "in_calls")
    assert [tuple(group[field] for field in fields) for group in answer["groups"]] == [
        ("openai-usage", "input", 250, 200), ("openai-usage", "output", 20, 20),
    ]  # fmt: skip
    assert (answer["calls"], answer["calls_without_metrics"]) == (3, 1)


def test_services_that_send_no_metrics_are_not_compared_but_counted(take, made) -> None:
    take(CALL, CALL | {"service_name": "other"}, CALL | {"service_name": None}, usage(100))
    answer = made()
    assert [group["service"] for group in answer["groups"]] == ["app"]
    assert (answer["calls"], answer["calls_without_metrics"]) == (3, 2)


def test_input_is_never_compared_twice_because_two_metrics_mean_it_differently(take, rows) -> None:
    other = CALL | {"request_model": "claude-x"}
    said = {"gen_ai.token.type": "input", "gen_ai.request.model": "claude-x", "gen_ai.provider.name": "anthropic"}
    take(
        CALL,
        other,
        CALL | {"request_model": "third"},
        usage(100, scope="openlit.x"),
        usage(50, said, scope="openlit.x"),
    )
    assert rows() == [
        ("claude-x", "uncached_input", 50, 50), ("m", "input", 100, 100), ("third", "input", 0, 100),
    ]  # fmt: skip


def test_a_call_that_a_gateway_saw_too_is_compared_with_the_metrics_of_both(ledger, take, rows) -> None:
    same = {"response_hash": 7, "response_id": "chatcmpl-1", "call_id": 7}
    by_app = CALL | same | {"dialect": "app", "sources": "app", "record_hash": 1}
    by_gateway = CALL | same | {"dialect": "gate", "sources": "gate", "record_hash": 2, "service_name": "gateway"}
    ledger.merge(calls([by_app, by_gateway]), price=lambda batch: batch, ranks=Ranks({"gate": 0, "app": 1}))
    take(usage(100), usage(100, service="gateway"))
    assert rows("service") == [("app", "input", 100, 100), ("gateway", "input", 100, 100)]


def test_tenants_are_never_mixed(take, made) -> None:
    take(CALL | {"tenant": "acme"}, usage(100))
    (total,) = made()["total"]
    assert (total["only_in_metrics"], total["only_in_calls"]) == (100, 0)


def test_days_are_compared_one_by_one_only_where_they_are_asked_for(take, made) -> None:
    take(CALL, usage(100, time_s=86_400))
    assert [group["only_in_metrics"] for group in made(by="service")["groups"]] == [0]
    days = [(group["day"], group["in_metrics"], group["in_calls"]) for group in made(by="day")["groups"]]
    first, second = (f"{STARTED + timedelta(days=more):%Y-%m-%d}" for more in (0, 1))
    assert days == [(first, 0, 100), (second, 100, 0)]


def test_the_time_between_is_what_is_compared(take, made) -> None:
    for day in (0, 1, 2):
        take(CALL | {"started_at": STARTED + timedelta(days=day)})
    points = [number(100 * day, INPUT, time_s=60 + 86_400 * (day - 1)) for day in (1, 2, 3)]
    take(metric_body(counter(USAGE, *points, temporality=CUMULATIVE)))
    second = STARTED + timedelta(days=1)
    (total,) = made(since=f"{second:%Y-%m-%d}", until=f"{second:%Y-%m-%d}")["total"]
    assert (total["in_metrics"], total["in_calls"]) == (100, 100), "what was added on that day, not all there was"


def test_an_empty_ledger_is_no_error(made) -> None:
    answer = made()
    assert (answer["groups"], answer["total"], answer["calls"]) == ([], [], 0)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"by": "provider"}, "A reconciliation cannot be grouped by 'provider': name day, service, session, model."),
        ({"by": "day,day"}, "A reconciliation is grouped by different columns."),
        ({"since": "soon"}, "'soon' is no time: write a date (2026-01-31), a month (2026-01), a time "
         "(2026-01-31T12:00), or how long ago (24h, 7d, 2w)."),
        ({"since": "2026-02", "until": "2026-01"}, "The reconciliation would be empty: it ends before it begins."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said_in_one_sentence(parameters: dict[str, str], sentence: str) -> None:
    with pytest.raises(ReportError) as refused:
        asked(**parameters)
    assert str(refused.value) == sentence


def test_the_parameters_are_read_as_those_of_a_report() -> None:
    wanted = asked("session, model", "2026-01", "2026-01-31", datetime(2026, 6, 1, tzinfo=UTC))
    assert wanted == Asked(("session", "model"), datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
