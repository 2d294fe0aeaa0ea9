"""Sustained intake, the same spans again, the Collector on the same requests, and what the rows take on disk."""

import time
from pathlib import Path
from typing import Final

from benchmarks.collector import Collector
from benchmarks.figure import SPANS, Figure, Session, calls, complete
from benchmarks.load import Outcome, Plan, finished, started
from benchmarks.server import MIB, Server
from benchmarks.workload import NANOSECONDS_PER_S, Workload

SPANS_SENT: Final = 5_000_000
COLLECTOR_SPANS: Final = 1_000_000  # its file grows by more than a kilobyte a span
CONNECTIONS: Final = 16
IN_FLIGHT: Final = 4  # requests of a connection that wait for their answers; a Collector's queue has ten such senders
LOCKSTEP_SPANS: Final = 1_000_000  # with one request in flight, as an SDK's exporter sends
PACE_SPANS_PER_S: Final = 100_000  # the traffic whose start times the spans have

INTAKE_SPANS_PER_S: Final = 100_000
INTAKE_RSS_MB: Final = 700
RESEND_SPANS_PER_S: Final = 150_000
DISK_MB_PER_MILLION: Final = 300


def workload(spans: int) -> Workload:
    """Spans that ended just now, at the pace they are to be sent."""
    spacing_ns = NANOSECONDS_PER_S // PACE_SPANS_PER_S
    return Workload(SPANS, from_ns=time.time_ns() - spans * spacing_ns, spacing_ns=spacing_ns)


def sent(target: str, work: Workload, requests: int, in_flight: int = IN_FLIGHT) -> Outcome:
    """Send requests 0 … `requests` - 1 and return when all are acknowledged."""
    plan = Plan(target=target, workload=work, numbers=range(requests), connections=CONNECTIONS, in_flight=in_flight)
    return complete(finished(started(plan)), requests)


def folder_mb(folder: Path) -> float:
    """Everything in a folder, in MB of a million bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def measure(session: Session) -> list[Figure]:
    """Fill a ledger; it is left for the measurements that need a full one."""
    requests = session.scaled(SPANS_SENT) // SPANS
    work = workload(requests * SPANS)
    data = session.folder / "intake"
    with Server(data) as server:
        idle_cpu_s = server.cpu_s()
        first = sent(server.target, work, requests)
        cpu_s, rss, peak = server.cpu_s() - idle_cpu_s, server.rss_mb(), server.peak_rss_mb()
        session.say(f"intake {first}")
        stored = calls(server)
        second = sent(server.target, work, requests)
        session.say(f"again {second}")
        after = calls(server)
        stop_s = server.stop()
    if stored != requests * SPANS:
        raise RuntimeError(f"{requests * SPANS} spans were acknowledged, {stored} calls are in the ledger")
    session.ledgers["intake"] = data
    session.rates["intake"] = first.spans_per_s
    disk_mb = folder_mb(data) / stored * 1e6
    how = (
        f"{first.spans:,} spans in {first.seconds:.0f} s, {IN_FLIGHT} requests in flight on each connection; ack p50 "
        f"{first.ack_p50_ms:.0f} ms, p99 {first.ack_p99_ms:.0f} ms; processors: server {cpu_s / first.seconds:.2f} "
        f"({cpu_s / first.spans * 1e6:.1f} µs a span), generator {first.generator_cpu_share:.2f} of 2"
    )
    return [
        Figure(
            "sustained intake, 512-span requests of 17 attributes, 16 gRPC connections",
            f"{INTAKE_SPANS_PER_S:,} spans/s",
            f"{first.spans_per_s:,.0f} spans/s",
            first.spans_per_s >= INTAKE_SPANS_PER_S,
            how,
        ),
        Figure(
            "memory of the server after it",
            f"RSS ≤ {INTAKE_RSS_MB} MB",
            f"{rss * MIB / 1e6:,.0f} MB, at most {peak * MIB / 1e6:,.0f} MB",
            peak * MIB / 1e6 <= INTAKE_RSS_MB,
            "VmRSS and VmHWM of /proc",
        ),
        in_lockstep(session),
        against_collector(session, work, first.spans_per_s),
        Figure(
            "the same spans sent again",
            f"{RESEND_SPANS_PER_S:,} spans/s, 0 new rows",
            f"{second.spans_per_s:,.0f} spans/s, {after - stored} new rows",
            second.spans_per_s >= RESEND_SPANS_PER_S and after == stored,
            f"count(*) before and after; generator {second.generator_cpu_share:.2f} of 2 processors",
        ),
        Figure(
            "disk per million calls, 17 attributes",
            f"≤ {DISK_MB_PER_MILLION} MB",
            f"{disk_mb:,.0f} MB",
            disk_mb <= DISK_MB_PER_MILLION,
            f"the whole data folder after SIGTERM, which took {stop_s:.1f} s",
        ),
    ]


def in_lockstep(session: Session) -> Figure:
    """The same with one request in flight on each connection: nobody sends while the commit that he waits for runs."""
    requests = session.scaled(LOCKSTEP_SPANS) // SPANS
    with Server(session.folder / "lockstep") as server:
        outcome = sent(server.target, workload(requests * SPANS), requests, in_flight=1)
    return Figure(
        "the same with one request in flight on each connection",
        "(reported)",
        f"{outcome.spans_per_s:,.0f} spans/s",
        None,
        f"{outcome.spans:,} spans; ack p50 {outcome.ack_p50_ms:.0f} ms, p99 {outcome.ack_p99_ms:.0f} ms",
    )


def against_collector(session: Session, work: Workload, spans_per_s: float) -> Figure:
    """The same requests to an OpenTelemetry Collector that writes them to a file."""
    what = "ratio to the Collector (otlp receiver → file exporter), same requests, same run"
    requests = session.scaled(COLLECTOR_SPANS) // SPANS
    try:
        collector = Collector(session.folder / "collector")
    except FileNotFoundError as missing:
        return Figure(what, "(reported)", "not measured", None, str(missing))
    with collector:
        outcome = sent(collector.target, work, requests)
        cpu_s = collector.cpu_s()
    session.say(f"collector {outcome}")
    return Figure(
        what,
        "(reported)",
        f"{spans_per_s / outcome.spans_per_s:.2f} (Collector {outcome.spans_per_s:,.0f} spans/s)",
        None,
        f"the first {outcome.spans:,} spans; processors: Collector {cpu_s / outcome.seconds:.2f}, generator "
        f"{outcome.generator_cpu_share:.2f} of 2; the Collector neither prices, nor de-duplicates, nor fsyncs",
    )
