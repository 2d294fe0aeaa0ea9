"""Metric requests for the tests, built by hand, and a ledger that takes them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)

from spanledger.processors.normalise import Sender
from spanledger.processors.pipeline import Group, Processed, process
from spanledger.storage.ledger import Ledger
from spanledger.storage.schema import Arrivals, Ranks
from tests.otlp_requests import STARTED_NS, pairs

SECOND_NS = 1_000_000_000
DELTA, CUMULATIVE = 1, 2
INGESTED_US = 1_795_000_900_000_000

CLAUDE = "claude_code.token.usage"
USAGE = "gen_ai.client.token.usage"


def number(
    value: float, attributes: Mapping[str, Any], *, start_s: float | None = 0, time_s: float = 60, **fields: Any
) -> NumberDataPoint:
    """A point of a sum; seconds are counted from the start of the tests' spans, None is a start that is not known."""
    said = {"as_int": value} if isinstance(value, int) else {"as_double": value}
    return NumberDataPoint(attributes=pairs(attributes.items()), **times(start_s, time_s), **said, **fields)


def measured(
    total: float, count: int, attributes: Mapping[str, Any], *, start_s: float | None = 0, time_s: float = 60
) -> HistogramDataPoint:
    """A point of a histogram."""
    return HistogramDataPoint(attributes=pairs(attributes.items()), sum=total, count=count, **times(start_s, time_s))


def times(start_s: float | None, time_s: float) -> dict[str, int]:
    start = 0 if start_s is None else STARTED_NS + int(start_s * SECOND_NS)
    return {"start_time_unix_nano": start, "time_unix_nano": STARTED_NS + int(time_s * SECOND_NS)}


def counter(name: str, *points: NumberDataPoint, temporality: int = DELTA, monotonic: bool = True) -> Metric:
    return Metric(name=name, sum=Sum(data_points=points, aggregation_temporality=temporality, is_monotonic=monotonic))


def histogram(name: str, *points: HistogramDataPoint, temporality: int = DELTA) -> Metric:
    return Metric(name=name, histogram=Histogram(data_points=points, aggregation_temporality=temporality))


def exponential(name: str, *points: ExponentialHistogramDataPoint, temporality: int = DELTA) -> Metric:
    data = ExponentialHistogram(data_points=points, aggregation_temporality=temporality)
    return Metric(name=name, exponential_histogram=data)


def metric_body(*metrics: Metric, scope: str = "", resource: Mapping[str, Any] | None = None) -> bytes:
    """A request with these metrics under one scope."""
    message = ExportMetricsServiceRequest()
    resource_metrics = message.resource_metrics.add()
    resource_metrics.resource.attributes.extend(pairs((resource or {"service.name": "app"}).items()))
    scope_metrics = resource_metrics.scope_metrics.add(metrics=metrics)
    scope_metrics.scope.name = scope
    return message.SerializeToString()


def processed(*bodies: bytes, tenants: Sequence[str] = ()) -> Processed:
    """What metric requests come to; they are the default tenant's but for those that `tenants` names."""
    senders = [Sender(tenant, "key-1") for tenant in tenants] or [Sender("default", "key-1")] * len(bodies)
    return process([Group("metrics", bodies, senders, np.arange(len(bodies)))], INGESTED_US, ())


def send(ledger: Ledger, *bodies: bytes) -> int:
    """Send metric requests to a ledger in one group; how many of their points it had already."""
    done = processed(*bodies)
    arrivals = Arrivals(done.calls, done.call_request, done.spans, done.span_request, done.points, done.point_request)
    return ledger.commit(ledger.plan(arrivals, price=lambda batch: batch, ranks=Ranks({}))).repeated


def asked(ledger: Ledger, sql: str) -> list[dict[str, Any]]:
    with ledger.reader() as reader:
        return reader.query(sql).to_pylist()


def in_all(ledger: Ledger, what: str = "added_tokens", groups: Iterable[str] = ()) -> Any:
    """All that the points add up to; by the values of `groups` if there are any."""
    names = list(groups)
    rows = asked(ledger, f"select {', '.join([*names, f'sum({what}) as added'])} from usage_points group by all")
    return {tuple(row[name] for name in names): row["added"] for row in rows} if names else rows[0]["added"]
