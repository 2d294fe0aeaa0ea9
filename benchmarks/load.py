"""Send a workload over OTLP/gRPC from a process of its own, and say how fast it was acknowledged.

    python -m benchmarks.load --target 127.0.0.1:4317 --requests 1000 --spans 512 --connections 16

prints one line of JSON, the fields of `Outcome`. It shares its processors with the server under test, so it reports its
own processor time, too. Failed requests are sent again as OTLP wants it: after UNAVAILABLE, or after RESOURCE_EXHAUSTED
that carries a RetryInfo, waiting as long as the RetryInfo says.
"""

import argparse
import json
import queue
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import grpc
import numpy as np
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from benchmarks.dialect_mix import Mix
from benchmarks.workload import Workload

EXPORT: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
TIMEOUT_S: Final = 60.0
RETRY_S: Final = 0.1  # after UNAVAILABLE without RetryInfo: the server is starting or going down
STATUS_KEY: Final = "grpc-status-details-bin"

WORKLOADS: Final = {"calls": Workload, "mix": Mix}


@dataclass(frozen=True)
class Plan:
    """What to send: the requests of a workload that have these numbers, in this order."""

    target: str
    workload: Workload
    numbers: range | tuple[int, ...]
    connections: int = 16
    in_flight: int = 1  # callers on each connection, each waiting for its answer before it sends again
    spans_per_s: float = 0.0  # 0: as fast as answers come
    retried: bool = True  # False: a failed request is left alone and its caller stops


@dataclass(frozen=True)
class Outcome:
    """What became of a plan. Latency runs from the moment a request was due, so a server that falls behind is seen."""

    requests: int
    spans: int
    seconds: float
    spans_per_s: float
    requests_per_s: float
    ack_p50_ms: float
    ack_p99_ms: float
    ack_max_ms: float
    retries: int
    failed_requests: int
    rejected_spans: int
    generator_cpu_share: float  # of one processor
    errors: dict[str, int]


@dataclass
class Progress:
    """What the callers have done so far."""

    acknowledged: list[int] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    unacknowledged: list[int] = field(default_factory=list)
    retries: int = 0
    rejected_spans: int = 0
    errors: dict[str, int] = field(default_factory=dict)


def retry_delay_s(error: grpc.RpcError) -> float | None:
    """How long OTLP lets a client wait before sending again; None: never send this again."""
    said = dict(error.trailing_metadata() or ()).get(STATUS_KEY)
    if said is not None:
        for detail in status_pb2.Status.FromString(said).details:
            info = error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                return float(info.retry_delay.ToTimedelta().total_seconds())
    return RETRY_S if error.code() is grpc.StatusCode.UNAVAILABLE else None


class Sender:
    """Carries out one plan; `progress` may be read while it runs and after `stop`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.progress = Progress()
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.block: list[bytes] = []
        self.block_number = -1
        self.position = 0
        self.started_s = 0.0

    def taken(self) -> tuple[int, int, bytes] | None:
        """Place in the plan, number and body of the next request to send; None when all are under way."""
        with self.lock:
            place, workload = self.position, self.plan.workload
            if place == len(self.plan.numbers) or self.stopping.is_set():
                return None
            self.position += 1
            number = self.plan.numbers[place]
            block_number, offset = divmod(number, workload.block_requests)
            if block_number != self.block_number:
                self.block, self.block_number = workload.block(block_number), block_number
            return place, number, self.block[offset]

    def due_s(self, place: int) -> float:
        """When the request at this place should leave; waits until then."""
        if not self.plan.spans_per_s:
            return time.perf_counter()
        due = self.started_s + place * self.plan.workload.spans / self.plan.spans_per_s
        self.stopping.wait(max(0.0, due - time.perf_counter()))
        return due

    def caller(self, channel: grpc.Channel) -> None:
        """Send one request after the other until none is left."""
        export = channel.unary_unary(EXPORT)
        while (request := self.taken()) is not None:
            place, number, body = request
            if not self.sent(export, number, body, self.due_s(place)):
                return

    def sent(self, export: grpc.UnaryUnaryMultiCallable, number: int, body: bytes, due_s: float) -> bool:
        """Send until acknowledged; False when the caller should give up."""
        while True:
            try:
                answer = export(body, timeout=TIMEOUT_S)
            except grpc.RpcError as error:
                delay = retry_delay_s(error) if self.plan.retried and not self.stopping.is_set() else None
                with self.lock:
                    said = f"{error.code().name}: {error.details()}"
                    self.progress.errors[said] = self.progress.errors.get(said, 0) + 1
                    if delay is None:
                        self.progress.unacknowledged.append(number)
                        return self.plan.retried
                    self.progress.retries += 1
                self.stopping.wait(delay)
            else:
                taken_s = time.perf_counter() - due_s
                with self.lock:
                    self.progress.acknowledged.append(number)
                    self.progress.latencies_s.append(taken_s)
                    if answer:
                        partial = ExportTraceServiceResponse.FromString(answer).partial_success
                        self.progress.rejected_spans += partial.rejected_spans
                        if partial.error_message:
                            said = f"partial success: {partial.error_message}"
                            self.progress.errors[said] = self.progress.errors.get(said, 0) + 1
                return True

    def stop(self) -> None:
        """Take no further request; `run` returns when those under way are answered."""
        self.stopping.set()

    def run(self) -> Outcome:
        """Send everything and wait for the answers."""
        plan, failures = self.plan, queue.SimpleQueue[BaseException]()
        channels = [
            # Channels with equal options would share one connection.
            grpc.insecure_channel(
                plan.target, [("grpc.use_local_subchannel_pool", 1), ("spanledger.connection", number)]
            )
            for number in range(plan.connections)
        ]

        def call(channel: grpc.Channel) -> None:
            try:
                self.caller(channel)
            except BaseException as error:
                failures.put(error)
                raise

        _ = plan.workload.templates  # built before the clock starts
        callers = [
            threading.Thread(target=call, args=(channel,), daemon=True)
            for _ in range(plan.in_flight)
            for channel in channels
        ]
        cpu_s, self.started_s = time.process_time(), time.perf_counter()
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        seconds, cpu_s = time.perf_counter() - self.started_s, time.process_time() - cpu_s
        for channel in channels:
            channel.close()
        if not failures.empty():
            raise failures.get()
        return self.outcome(seconds, cpu_s)

    def outcome(self, seconds: float, cpu_s: float) -> Outcome:
        """Sum up what was done in a span of time."""
        progress = self.progress
        latencies = np.array(progress.latencies_s or [0.0]) * 1e3
        requests = len(progress.acknowledged)
        spans = requests * self.plan.workload.spans
        return Outcome(
            requests=requests,
            spans=spans,
            seconds=round(seconds, 3),
            spans_per_s=round(spans / seconds, 1),
            requests_per_s=round(requests / seconds, 1),
            ack_p50_ms=round(float(np.percentile(latencies, 50)), 2),
            ack_p99_ms=round(float(np.percentile(latencies, 99)), 2),
            ack_max_ms=round(float(latencies.max()), 2),
            retries=progress.retries,
            failed_requests=len(progress.unacknowledged),
            rejected_spans=progress.rejected_spans,
            generator_cpu_share=round(cpu_s / seconds, 3),
            errors=progress.errors,
        )


REPOSITORY: Final = Path(__file__).resolve().parent.parent


def started(plan: Plan) -> "subprocess.Popen[str]":
    """The generator at work on a plan of consecutive requests in a process of its own; `finished` gives its outcome."""
    workload = plan.workload
    options = {
        "target": plan.target,
        "first": plan.numbers[0],
        "requests": len(plan.numbers),
        "spans": workload.spans,
        "from-ns": workload.from_ns,
        "spacing-ns": workload.spacing_ns,
        "seed": workload.seed,
        "workload": next(name for name, kind in WORKLOADS.items() if kind is type(workload)),
        "connections": plan.connections,
        "in-flight": plan.in_flight,
        "spans-per-s": plan.spans_per_s,
    }
    command = [sys.executable, "-m", "benchmarks.load", *(f"--{name}={value}" for name, value in options.items())]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


def finished(generator: "subprocess.Popen[str]", timeout_s: float = 900.0) -> Outcome:
    """Wait for a generator and read its outcome."""
    try:
        said, _ = generator.communicate(timeout=timeout_s)
    finally:
        generator.kill()
        generator.wait()
    if generator.returncode:
        raise RuntimeError(f"the load generator ended with exit code {generator.returncode}")
    return Outcome(**json.loads(said))


def main() -> None:
    """Command line of the generator."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--target", required=True, help="HOST:PORT of an OTLP/gRPC receiver")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first request")
    parser.add_argument("--spans", type=int, default=512, help="spans in a request")
    parser.add_argument("--from-ns", type=int, default=time.time_ns(), help="Unix time of the first span")
    parser.add_argument("--spacing-ns", type=int, default=10_000, help="time between the starts of two spans")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workload", choices=WORKLOADS, default="calls", help="what kind of spans (calls)")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--in-flight", type=int, default=1, help="callers on each connection")
    parser.add_argument("--spans-per-s", type=float, default=0.0, help="0: as fast as answers come")
    chosen = parser.parse_args()
    workload = WORKLOADS[chosen.workload](chosen.spans, chosen.from_ns, chosen.spacing_ns, chosen.seed)
    plan = Plan(
        target=chosen.target,
        workload=workload,
        numbers=range(chosen.first, chosen.first + chosen.requests),
        connections=chosen.connections,
        in_flight=chosen.in_flight,
        spans_per_s=chosen.spans_per_s,
    )
    print(json.dumps(asdict(Sender(plan).run())))


if __name__ == "__main__":
    main()
