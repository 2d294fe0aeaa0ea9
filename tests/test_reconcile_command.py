"""`spanledger reconcile` and GET /api/v1/reconcile, on what the SDK's own exporters sent to a real server."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from benchmarks.server import Server
from spanledger.storage.ledger import Ledger
from tests.running import Done

DELTA, CUMULATIVE = AggregationTemporality.DELTA, AggregationTemporality.CUMULATIVE
NEVER_MS = 3_600_000
CALLS = [(100, 10), (250, 25), (7, 3)]
"""Input and output tokens of the calls that are made."""
TOTALS = {"input": 357, "output": 38}


@dataclass(frozen=True)
class App:
    """An app of one service, instrumented with the SDK: its calls as spans, their usage as a histogram and counters."""

    service: str
    server: Server
    exporter: type
    temporality: AggregationTemporality
    exponential: bool = False

    def works(self) -> None:
        resource = Resource({"service.name": self.service})
        meters = MeterProvider([self._reader()], resource, views=self._views())
        spans = TracerProvider(resource=resource)
        spans.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"http://{self.server.target}", insecure=True)))
        tracer, meter = spans.get_tracer("my.app"), meters.get_meter("my.app")
        usage = meter.create_histogram("gen_ai.client.token.usage", "{token}")
        requests = meter.create_counter("http.client.requests")
        for count, (given, answered) in enumerate(CALLS):
            said = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5"}
            with tracer.start_as_current_span("chat gpt-5", attributes=said) as span:
                span.set_attributes({"gen_ai.usage.input_tokens": given, "gen_ai.usage.output_tokens": answered})
                usage.record(given, said | {"gen_ai.token.type": "input"})
                usage.record(answered, said | {"gen_ai.token.type": "output"})
                requests.add(1)
            if count == 1:
                meters.force_flush()  # an export between the calls, and the rest at the end
        spans.shutdown()
        meters.shutdown()

    def _reader(self) -> PeriodicExportingMetricReader:
        preferred = {Counter: self.temporality, Histogram: self.temporality}
        if self.exporter is GrpcExporter:
            exporter: Any = GrpcExporter(f"http://{self.server.target}", insecure=True, preferred_temporality=preferred)
        else:
            url = f"http://127.0.0.1:{self.server.ports.http}/v1/metrics"
            exporter = HttpExporter(url, preferred_temporality=preferred)
        return PeriodicExportingMetricReader(exporter, export_interval_millis=NEVER_MS)

    def _views(self) -> list[View]:
        shape = ExponentialBucketHistogramAggregation()
        return [View(instrument_type=Histogram, aggregation=shape)] if self.exponential else []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("reconcile") / "data") as running:
        for app in (
            App("delta-grpc", running, GrpcExporter, DELTA),
            App("delta-http", running, HttpExporter, DELTA),
            App("cumulative-grpc", running, GrpcExporter, CUMULATIVE),
            App("cumulative-http", running, HttpExporter, CUMULATIVE),
            App("exponential-grpc", running, GrpcExporter, CUMULATIVE, exponential=True),
            App("exponential-http", running, HttpExporter, DELTA, exponential=True),
        ):
            app.works()
        yield running


SERVICES = ["cumulative-grpc", "cumulative-http", "delta-grpc", "delta-http", "exponential-grpc", "exponential-http"]


def told(made: dict[str, Any]) -> dict[tuple[str, str], tuple[int, int]]:
    return {(group["service"], group["kind"]): (group["in_metrics"], group["in_calls"]) for group in made["groups"]}


def test_what_the_exporters_of_the_sdk_send_equals_the_calls(server: Server, run: Callable[..., Done]) -> None:
    done = run("reconcile", "--data", server.data, "--json", "--by", "service")
    assert (done.code, done.err) == (0, "")
    expected = {(service, kind): (total, total) for service in SERVICES for kind, total in TOTALS.items()}
    assert told(json.loads(done.out)) == expected


def test_the_api_answers_what_the_command_prints(server: Server, run: Callable[..., Done]) -> None:
    url = f"http://127.0.0.1:{server.ports.http}"
    with urlopen(f"{url}/api/v1/reconcile?by=session,model&since=1d") as answer:
        by_api = json.load(answer)
    by_command = json.loads(run("reconcile", "--url", url, "--json", "--by", "session,model", "--since", "1d").out)
    assert by_api == by_command
    assert by_api["by"] == ["session", "model"]
    assert by_api["since"] is not None
    assert {group["model"] for group in by_api["groups"]} == {"gpt-5"}


def test_the_table_and_csv(server: Server, run: Callable[..., Done]) -> None:
    table = run("reconcile", "--data", server.data, "--by", "day")
    assert table.code == 0
    total = len(SERVICES) * TOTALS["input"]
    assert f"input: {total:,} in metrics, 100 % explained by calls." in table.out.splitlines()
    lines = run("reconcile", "--data", server.data, "--csv").out.splitlines()
    assert lines[0] == "service,model,metrics,kind,in_metrics,in_calls,only_in_metrics,only_in_calls"
    assert lines[1] == "cumulative-grpc,gpt-5,gen_ai.client.token.usage,input,357,357,0,0"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--by", "team"], 2, "A reconciliation cannot be grouped by 'team': name day, service, session, model.\n"),
        (["--json", "--csv"], 2, "--json and --csv exclude each other.\n"),
    ],
)
def test_a_mistake_is_one_sentence_with_and_without_a_server(
    arguments: list[str], code: int, sentence: str, server: Server, tmp_path: Path, run: Callable[..., Done]
) -> None:
    Ledger.open(tmp_path).close()
    for data in (server.data, tmp_path):
        assert run("reconcile", "--data", data, *arguments) == Done(code, "", sentence)


def test_a_ledger_without_a_server_answers_by_itself(tmp_path: Path, run: Callable[..., Done]) -> None:
    Ledger.open(tmp_path).close()
    done = run("reconcile", "--data", tmp_path)
    assert done == Done(0, "No metrics tell of tokens or cost in this time: there is nothing to compare.\n", "")
