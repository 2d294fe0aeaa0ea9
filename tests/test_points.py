"""Points: which data points tell of usage, as plain protobuf reads them; what is left out or refused has a reason."""

import json
import math
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    Gauge,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Summary,
    SummaryDataPoint,
)

from spanledger.processors.pipeline import Rejection
from spanledger.processors.points import FAULTS
from tests.metric_oracle import expected, in_order
from tests.otlp_metrics import (
    CLAUDE,
    CUMULATIVE,
    DELTA,
    USAGE,
    counter,
    exponential,
    histogram,
    measured,
    metric_body,
    number,
    processed,
    times,
)

INPUT = {"type": "input", "model": "claude-x"}
FIXTURES = Path(__file__).resolve().parents[2] / "shared" / "fixtures"
RECORDED = sorted([*FIXTURES.rglob("*-metrics-*.binpb"), *FIXTURES.rglob("*-metrics-*.json")])
NO_RECORDINGS = "the recordings lie beside the repository, in ../shared/fixtures, and are not there"


def body_of(recording: Path) -> bytes:
    if recording.suffix == ".binpb":
        return recording.read_bytes()
    return ParseDict(json.loads(recording.read_text()), ExportMetricsServiceRequest()).SerializeToString()


@pytest.mark.skipif(not RECORDED, reason=NO_RECORDINGS)
def test_every_recorded_request_is_read_as_by_plain_protobuf() -> None:
    bodies = [body_of(path) for path in RECORDED]
    done = processed(*bodies)
    assert not done.rejections
    assert in_order(done) == expected(bodies)
    assert done.points.num_rows > 100, "they do tell of usage"


numbers = st.one_of(
    st.integers(0, 10**6), st.integers(-(2**63), 2**63 - 1), st.floats(), st.integers(0, 10**6).map(float),
    st.sampled_from([10**15, 10**15 + 1, 1e15, 900_000.0, 900_000.1, -0.0]),
)  # fmt: skip
attributes = st.dictionaries(
    st.sampled_from(["type", "gen_ai.token.type", "model", "session.id", "gen_ai.provider.name", "note"]),
    st.one_of(st.none(), st.sampled_from(["input", "output", "cacheRead", "tool", "", "anthropic"]), st.integers(0, 3)),
    max_size=4,
)
starts = st.one_of(st.none(), st.sampled_from([0.0, 59.0, 60.0, 61.0]))
numbered = st.builds(
    lambda value, said, start, time, flags: number(value, said, start_s=start, time_s=time, flags=flags),
    numbers, attributes, starts, st.sampled_from([60.0, 60.000000001, -1e9, 6e9]), st.sampled_from([0, 0, 0, 1, 2]),
)  # fmt: skip
names = st.sampled_from([CLAUDE, USAGE, "claude_code.cost.usage", "codex.turn.cost_microusd", "http.server.duration"])
temporalities = st.sampled_from([DELTA, CUMULATIVE, CUMULATIVE, 0])
metrics = st.one_of(
    st.builds(
        lambda name, points, temporality, monotonic: counter(
            name, *points, temporality=temporality, monotonic=monotonic
        ),
        names, st.lists(numbered, max_size=3), temporalities, st.sampled_from([True, True, True, False]),
    ),
    st.builds(
        lambda name, total, count, said, start, temporality: histogram(
            name, measured(total, count, said, start_s=start), temporality=temporality
        ),
        names, st.floats(), st.integers(0, 2**64 - 1), attributes, starts, temporalities,
    ),
    st.builds(
        lambda name, temporality: exponential(
            name,
            ExponentialHistogramDataPoint(sum=3.0, count=2, **times(0, 60)),
            ExponentialHistogramDataPoint(count=2, **times(0, 60)),
            temporality=temporality,
        ),
        names, temporalities,
    ),
    st.builds(lambda name, point: Metric(name=name, gauge=Gauge(data_points=[point])), names, numbered),
    st.builds(lambda name: Metric(name=name, summary=Summary(data_points=[SummaryDataPoint()])), names),
    st.builds(lambda name: Metric(name=name), names),
)  # fmt: skip
scopes = st.sampled_from(["", "gemini-cli", "openlit.otel.metrics", "com.anthropic.claude_code"])
bodies_at_random = st.builds(lambda said, scope: metric_body(*said, scope=scope), st.lists(metrics, max_size=4), scopes)


@settings(deadline=None, max_examples=60)
@given(st.lists(bodies_at_random, max_size=3))
def test_any_group_of_requests_is_read_as_by_plain_protobuf(bodies: list[bytes]) -> None:
    assert in_order(processed(*bodies)) == expected(bodies)


def test_metrics_of_other_things_are_counted_and_left_out() -> None:
    others = [
        counter("http.server.requests", number(1, {}), number(2, {})),
        histogram("http.duration", measured(1, 1, {})),
    ]
    done = processed(metric_body(*others, counter(CLAUDE, number(3, INPUT))))
    assert done.points.num_rows == 1
    assert dict(done.left_out) == {"other_metric": 3}


def test_what_does_not_count_upwards_is_left_out() -> None:
    gauge = Metric(name=USAGE, gauge=Gauge(data_points=[number(1, {})]))
    summary = Metric(name=USAGE, summary=Summary(data_points=[SummaryDataPoint()]))
    up_and_down = counter(USAGE, number(1, {}), monotonic=False)
    done = processed(metric_body(gauge, summary, up_and_down))
    assert done.points.num_rows == 0
    assert dict(done.left_out) == {"no_counter": 3}


def test_a_point_that_says_that_its_series_has_ended_says_nothing_else() -> None:
    done = processed(metric_body(counter(CLAUDE, number(7, INPUT, flags=1), number(5, INPUT, flags=2))))
    assert done.points.column("tokens").to_pylist() == [5]
    assert dict(done.left_out) == {"no_recorded_value": 1}


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        (counter(CLAUDE, number(1, INPUT), temporality=0), FAULTS[0]),
        (counter(CLAUDE, number(1, INPUT), temporality=3), FAULTS[0]),
        (counter(CLAUDE, number(1, INPUT, start_s=None, time_s=-1.795e9)), FAULTS[1]),
        (counter(CLAUDE, number(1, INPUT, time_s=6e9)), FAULTS[1]),
        (counter(CLAUDE, NumberDataPoint(**times(0, 60))), FAULTS[2]),
        (histogram(USAGE, HistogramDataPoint(count=3, **times(0, 60))), FAULTS[2]),
        (counter(CLAUDE, number(math.nan, INPUT)), FAULTS[2]),
        (counter(CLAUDE, number(-math.inf, INPUT)), FAULTS[2]),
        (counter(CLAUDE, number(-1, INPUT)), FAULTS[3]),
        (counter("claude_code.cost.usage", number(-1e-9, INPUT)), FAULTS[3]),
        (counter(CLAUDE, number(2**63 - 1, INPUT)), FAULTS[4]),
        (counter("claude_code.cost.usage", number(900_001.0, INPUT)), FAULTS[4]),
    ],
)
def test_a_bad_point_is_refused_and_the_good_one_beside_it_stored(metric: Metric, sentence: str) -> None:
    done = processed(metric_body(counter(CLAUDE, number(3, INPUT))), metric_body(metric))
    assert list(done.rejections) == [Rejection(1, sentence, 1)]
    assert done.points.column("tokens").to_pylist() == [3]
    assert done.point_request.tolist() == [0]


@pytest.mark.parametrize("start_s", [None, 61.0, -1.795e9, -1e9])
def test_a_start_that_cannot_be_is_not_known_and_the_value_is_kept(start_s: float | None) -> None:
    done = processed(metric_body(counter(CLAUDE, number(3, INPUT, start_s=start_s))))
    assert done.points.select(["started_at", "tokens"]).to_pylist() == [{"started_at": None, "tokens": 3}]


def test_ten_thousand_attributes_are_no_harm() -> None:
    many = INPUT | {f"key.{n}": n for n in range(10_000)}
    (row,) = processed(metric_body(counter(CLAUDE, number(3, many)))).points.to_pylist()
    assert row["tokens"] == 3
    assert json.loads(row["attributes"])["spanledger.dropped_attributes"] == 10_000 - 128


def test_a_body_that_is_no_request_fails_alone() -> None:
    done = processed(metric_body(counter(CLAUDE, number(3, INPUT))), b"\xff\xff")
    assert list(done.failures) == [1]
    assert "no ExportMetricsServiceRequest" in done.failures[1]
    assert done.points.num_rows == 1


def test_nothing_comes_of_nothing() -> None:
    done = processed(b"", metric_body())
    assert (done.points.num_rows, done.left_out, list(done.rejections)) == (0, {}, [])


def test_metrics_never_make_a_call() -> None:
    done = processed(metric_body(counter(CLAUDE, number(3, INPUT))))
    assert (done.calls.num_rows, done.spans.num_rows) == (0, 0)
