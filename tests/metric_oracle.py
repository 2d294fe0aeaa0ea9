"""Metric requests → what becomes of each data point a second time: plain protobuf and plain loops.

It shares with the product the table of metrics and the limits, and nothing that computes.
"""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanledger.processors import points_metrics
from spanledger.processors.dialects.providers import provider_said
from spanledger.processors.pipeline import Processed
from spanledger.processors.points import FAULTS

COLUMNS = (
    "metric", "temporality", "kind", "token_type", "started_at", "ended_at", "tokens", "cost_usd", "measurements",
    "session_id", "provider", "request_model", "response_model", "service_name", "scope_name", "tenant", "api_key_id",
)  # fmt: skip

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST_NS, LATEST_NS = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 10**9 for year in (2000, 2200))
LIMITS = {"tokens": 10**15, "usd": 900_000, "micro_usd": 900_000 * 10**6}

Read = tuple[list[tuple[Any, ...]], dict[str, int], Counter[tuple[int, str]]]
"""Rows, how many points were left out by reason, and how many were refused by request and reason."""


def expected(bodies: Sequence[bytes]) -> Read:
    """What requests come to, the rows in the order of their texts."""
    rows: list[tuple[Any, ...]] = []
    left_out: Counter[str] = Counter()
    refused: Counter[tuple[int, str]] = Counter()
    for at, body in enumerate(bodies):
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            about = {pair.key: pair.value for pair in resource.resource.attributes}
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    kind = metric.WhichOneof("data")
                    data = getattr(metric, kind) if kind else None
                    for point in data.data_points if data is not None else ():
                        if metric.name not in points_metrics.UNITS:
                            left_out["other_metric"] += 1
                        elif kind in ("gauge", "summary") or (kind == "sum" and not data.is_monotonic):
                            left_out["no_counter"] += 1
                        elif point.flags & 1:
                            left_out["no_recorded_value"] += 1
                        elif fault := _fault(metric.name, data.aggregation_temporality, point):
                            refused[at, fault] += 1
                        else:
                            rows.append(_row(metric.name, data.aggregation_temporality, point, about, scope.scope.name))
    return sorted(rows, key=repr), dict(left_out), refused


def in_order(done: Processed) -> Read:
    """The same of what the pipeline says."""
    rows = [tuple(row[name] for name in COLUMNS) for row in done.points.to_pylist()]
    refused = Counter({(one.request, one.reason): one.spans for one in done.rejections})
    return sorted(rows, key=repr), dict(done.left_out), refused


def _value(point: Any) -> float | None:
    if hasattr(point, "as_int"):
        kind = point.WhichOneof("value")
        return float(getattr(point, kind)) if kind else None
    return point.sum if point.HasField("sum") else None


def _fault(name: str, temporality: int, point: Any) -> str | None:
    value = _value(point)
    if temporality not in (1, 2):
        return FAULTS[0]
    if not EARLIEST_NS <= point.time_unix_nano < LATEST_NS:
        return FAULTS[1]
    if value is None or not math.isfinite(value):
        return FAULTS[2]
    if value < 0:
        return FAULTS[3]
    return FAULTS[4] if value > LIMITS[points_metrics.UNITS[name]] else None


def _row(name: str, temporality: int, point: Any, about: dict[str, Any], scope: str) -> tuple[Any, ...]:
    said = {pair.key: pair.value for pair in point.attributes}
    value, unit = _value(point), points_metrics.UNITS[name]
    assert value is not None

    def first(keys: Sequence[str]) -> str | None:
        present = [key for key in keys if key in said]
        return as_text(said[present[0]]) if present else None

    token_type, seller = first(points_metrics.TOKEN_TYPE), first(points_metrics.PROVIDER)
    provider = provider_said(seller) if seller else None
    start = point.start_time_unix_nano
    known = EARLIEST_NS <= start <= point.time_unix_nano
    session = first(["gen_ai.conversation.id", "session.id"]) or as_text(about.get("session.id"))
    row = {
        "metric": name,
        "temporality": "cumulative" if temporality == 2 else "delta",
        "kind": points_metrics.reading(name, scope, provider, token_type)[0],
        "token_type": token_type,
        "started_at": _time(start) if known else None,
        "ended_at": _time(point.time_unix_nano),
        "tokens": round(value) if unit == "tokens" else None,
        "cost_usd": _dollars(value, unit),
        "measurements": point.count if hasattr(point, "count") and point.count <= 10**15 else None,
        "session_id": session,
        "provider": provider,
        "request_model": first(points_metrics.REQUEST_MODEL),
        "response_model": first(points_metrics.RESPONSE_MODEL),
        "service_name": as_text(about.get("service.name")),
        "scope_name": scope or None,
        "tenant": "default",
        "api_key_id": "key-1",
    }
    return tuple(row[name] for name in COLUMNS)


def as_text(value: AnyValue | None) -> str | None:
    """A text or a whole number for a column of text; the tests send nothing else."""
    match value.WhichOneof("value") if value is not None else None:
        case "string_value":
            return value.string_value or None
        case "int_value":
            return str(value.int_value)
        case _:
            return None


def _dollars(value: float, unit: str) -> Decimal | None:
    if unit == "tokens":
        return None
    return Decimal(round(value * (1e12 if unit == "usd" else 1e6))).scaleb(-12)


def _time(nanoseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=nanoseconds // 1000)
