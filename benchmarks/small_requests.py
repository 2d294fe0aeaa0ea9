"""Many clients with one span each: how many requests a second, and how long each waits for its commit."""

import time
from typing import Final

from benchmarks.figure import Figure, Session, calls, complete
from benchmarks.load import Plan, finished, started
from benchmarks.server import Server
from benchmarks.workload import Workload

REQUESTS: Final = 60_000
CONNECTIONS: Final = 20
CLIENTS: Final = 200
REQUESTS_PER_S: Final = 1_500
ACK_P99_MS: Final = 250


def measure(session: Session) -> list[Figure]:
    """200 callers that each wait for their answer, on 20 connections."""
    requests = session.scaled(REQUESTS)
    with Server(session.folder / "small") as server:
        plan = Plan(
            target=server.target,
            workload=Workload(1, from_ns=time.time_ns(), spacing_ns=500_000),
            numbers=range(requests),
            connections=CONNECTIONS,
            in_flight=CLIENTS // CONNECTIONS,
        )
        outcome = complete(finished(started(plan)), requests)
        stored = calls(server)
    session.say(f"small requests {outcome}")
    if stored != requests:
        raise RuntimeError(f"{requests} spans were acknowledged, {stored} calls are in the ledger")
    return [
        Figure(
            "1-span requests, 200 concurrent clients",
            f"{REQUESTS_PER_S:,} requests/s, p99 ≤ {ACK_P99_MS} ms",
            f"{outcome.requests_per_s:,.0f} requests/s, p99 {outcome.ack_p99_ms:.0f} ms",
            outcome.requests_per_s >= REQUESTS_PER_S and outcome.ack_p99_ms <= ACK_P99_MS,
            f"{requests:,} requests, {CLIENTS} callers on {CONNECTIONS} connections; p50 {outcome.ack_p50_ms:.0f} ms; "
            f"generator {outcome.generator_cpu_share:.2f} of 2 processors",
        )
    ]
