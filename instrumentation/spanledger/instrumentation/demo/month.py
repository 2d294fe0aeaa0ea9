"""A month of the invented company as real spans: planned day by day, made by the OpenTelemetry SDK.

A trace depends on the seed, the traffic and its date alone. So the same demo sent twice has the same span ids, and a
ledger counts it once; sent again tomorrow it adds a day.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Status, StatusCode, Tracer, set_span_in_context

from spanledger.instrumentation.demo.company import APPS, MARK, App
from spanledger.instrumentation.demo.plan import DAY, Planned
from spanledger.instrumentation.demo.scenes import SCENES

INSTANCES: Final = 2
"""Copies of each app that run side by side."""

SATURDAY: Final = 5

# A day's traffic differs from the next by up to this much.
DAY_SWING: Final = 0.15


@dataclass(frozen=True, slots=True)
class Story:
    """What to play: `days` days up to `until`, each working day of about `calls_per_day` model calls."""

    until: datetime
    days: int = 30
    calls_per_day: int = 600
    seed: int = 1

    def dates(self) -> list[date]:
        """The days of the story, the oldest first; the last is the day of `until`."""
        last = self.until.astimezone(UTC).date()
        return [last - timedelta(days=back) for back in reversed(range(self.days))]


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the story: its spans, finished, and how many of them are model calls."""

    date: date
    spans: list[ReadableSpan]
    calls: int


@dataclass(frozen=True, slots=True)
class Trace:
    """One planned trace: its app, its root span, and the name that its ids are drawn from."""

    app: App
    root: Planned
    name: str


def plan(story: Story, day: date) -> list[Trace]:
    """All traces of one day, in order of their start."""
    traces: list[Trace] = []
    for app in APPS:
        source = f"{story.seed}/{story.calls_per_day}/{day}/{app.service_name}"
        chance = random.Random(source)  # noqa: S311 - a story, not a secret
        rhythm = app.weekend if day.weekday() >= SATURDAY else 1.0
        wanted = round(story.calls_per_day * app.share * rhythm * chance.uniform(1 - DAY_SWING, 1 + DAY_SWING))
        calls = number = 0
        while calls < wanted:
            hour = chance.choices(range(24), app.hours)[0]
            started = hour * DAY // 24 + chance.randrange(DAY // 24)
            for root in SCENES[app.service_name](chance, started):
                number += 1
                calls += root.calls
                traces.append(Trace(app, root, f"{source}/{number}"))
    return sorted(traces, key=lambda trace: (trace.root.started, trace.name))


def play(story: Story) -> Iterator[Day]:
    """Make the spans of the story, day by day; what would end after `story.until` has not happened yet."""
    stage = _Stage()
    until_us = _microseconds(story.until)
    for day in story.dates():
        midnight_us = _microseconds(datetime.combine(day, time(), UTC))
        happened = [trace for trace in plan(story, day) if midnight_us + trace.root.ended <= until_us]
        for trace in happened:
            stage.perform(trace, midnight_us)
        yield Day(day, stage.finished(), sum(trace.root.calls for trace in happened))


class _Stage:
    """The SDK's side: a tracer provider for each app and instance, and the spans that ended."""

    def __init__(self) -> None:
        self._ended = _Ended()
        self._ids = _IdsByChance()
        self._providers = {(app.service_name, number): self._provider(app, number)
                           for app in APPS for number in range(INSTANCES)}  # fmt: skip

        self._tracers: dict[tuple[tuple[str, int], str], Tracer] = {}

    def _provider(self, app: App, number: int) -> TracerProvider:
        # Not Resource.create: the environment's own resource attributes have no place in the demo.
        resource = Resource({
            "service.name": app.service_name,
            "service.version": app.service_version,
            "service.namespace": "demo",
            "service.instance.id": f"{app.service_name}-{number}",
            "deployment.environment.name": "demo",
            "host.name": f"demo-node-{number}",
            "cloud.provider": "aws",
            "cloud.region": app.cloud_region,
            "k8s.namespace.name": "demo",
            "k8s.pod.name": f"{app.service_name}-{number}",
            MARK: True,
        })  # fmt: skip
        provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        provider.add_span_processor(self._ended)
        return provider

    def perform(self, trace: Trace, midnight_us: int) -> None:
        """Make the spans of a planned trace."""
        self._ids.chance = random.Random(trace.name)  # noqa: S311 - a story, not a secret
        instance = self._ids.chance.randrange(INSTANCES)
        self._make(trace.root, (trace.app.service_name, instance), Context(), midnight_us)

    def _tracer(self, maker: tuple[str, int], scope_name: str) -> Tracer:
        # Kept: asking the provider for each span was a quarter of the work.
        known = self._tracers.get((maker, scope_name))
        if known is None:
            known = self._tracers[maker, scope_name] = self._providers[maker].get_tracer(scope_name)
        return known

    def _make(self, planned: Planned, maker: tuple[str, int], context: Context, midnight_us: int) -> None:
        span = self._tracer(maker, planned.scope_name).start_span(
            planned.name,
            context=context,
            kind=planned.kind,
            attributes=planned.attributes,
            start_time=(midnight_us + planned.started) * 1_000,
        )
        inside = set_span_in_context(span, context)
        for inner in planned.inner:
            self._make(inner, maker, inside, midnight_us)
        if planned.error:
            span.set_status(Status(StatusCode.ERROR, planned.error))
        span.end((midnight_us + planned.ended) * 1_000)

    def finished(self) -> list[ReadableSpan]:
        """The spans that ended since the last time."""
        spans, self._ended.spans = self._ended.spans, []
        return spans


class _Ended(SpanProcessor):
    """Keeps the spans that ended; the SDK's batch processor would drop what does not fit its queue."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Keep it."""
        self.spans.append(span)


class _IdsByChance(IdGenerator):
    """Trace and span ids from a given source of chance."""

    def __init__(self) -> None:
        self.chance = random.Random(0)  # noqa: S311 - replaced before the first trace

    def generate_trace_id(self) -> int:
        """128 bits, never zero: zero means no trace."""
        return self.chance.getrandbits(128) or 1

    def generate_span_id(self) -> int:
        """64 bits, never zero."""
        return self.chance.getrandbits(64) or 1


def _microseconds(moment: datetime) -> int:
    """Microseconds since the epoch, exactly."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
