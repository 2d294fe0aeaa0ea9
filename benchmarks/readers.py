"""A dashboard polling while spans arrive: how long the clients wait for commits, and the dashboard for its answers."""

import http.client
import json
import threading
import time
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.figure import SPANS, Figure, Session, complete
from benchmarks.load import Plan, finished, started
from benchmarks.server import SQL_PATH, SQL_TIMEOUT_S, Server
from benchmarks.workload import NANOSECONDS_PER_S, Workload

ROWS: Final = 1_000_000
DAYS: Final = 30
SPANS_PER_S: Final = 20_000
SECONDS: Final = 30
SECONDS_MIN: Final = 10  # fewer answers would make no percentile
CONNECTIONS: Final = 16
POLL_S: Final = 0.5  # between two refreshes of all three panels; dashboards refresh every 5 s at most
ACK_P99_MS: Final = 250
READER_P95_MS: Final = 200

QUERIES: Final = {
    "by day": "select started_on as day, sum(cost_usd) as cost from calls group by all",
    "by model": "select response_model, sum(cost_usd) as cost, sum(input_tokens) as input from calls group by all",
    "by user": "select user_id, sum(cost_usd) as cost from calls group by all order by cost desc limit 20",
}


def month_of_calls(session: Session) -> Path:
    """The folder of a ledger of a million calls of the last 30 days; filled once in a run."""
    if "month" not in session.ledgers:
        data = session.folder / "month"
        spacing_ns = DAYS * 86_400 * NANOSECONDS_PER_S // ROWS
        work = Workload(SPANS, from_ns=time.time_ns() - ROWS * spacing_ns, spacing_ns=spacing_ns, seed=2)
        requests = -(-ROWS // SPANS)
        with Server(data) as server:
            complete(finished(started(Plan(target=server.target, workload=work, numbers=range(requests)))), requests)
        session.ledgers["month"] = data
    return session.ledgers["month"]


class Dashboard:
    """Asks the three questions over HTTP, one after the other, until stopped; keeps how long each took."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.taken_ms: dict[str, list[float]] = {name: [] for name in QUERIES}
        self.stopping = threading.Event()
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        """Poll; the first failure ends it and is kept for `stop`."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.server.ports.http, timeout=SQL_TIMEOUT_S)
            while not self.stopping.is_set():
                for name, sql in QUERIES.items():
                    self.taken_ms[name].append(answered_ms(connection, sql))
                self.stopping.wait(POLL_S)
        except BaseException as error:
            self.failure = error
            raise

    def stop(self) -> None:
        """End the polling; raise what went wrong."""
        self.stopping.set()
        self.thread.join()
        if self.failure is not None:
            raise self.failure


def answered_ms(connection: http.client.HTTPConnection, sql: str) -> float:
    """Ask one question and read the answer; how long that took."""
    began = time.perf_counter()
    connection.request("POST", SQL_PATH, json.dumps({"sql": sql}), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != http.client.OK:
        raise RuntimeError(f"{sql}: {answer.status} {text.decode(errors='replace')[:500]}")
    return (time.perf_counter() - began) * 1e3


def measure(session: Session) -> list[Figure]:
    """Half a minute of 20,000 spans a second on a ledger of a million calls."""
    data = month_of_calls(session)
    requests = max(session.scaled(SECONDS), SECONDS_MIN) * SPANS_PER_S // SPANS
    work = Workload(SPANS, from_ns=time.time_ns(), spacing_ns=NANOSECONDS_PER_S // SPANS_PER_S, seed=3)
    with Server(data) as server:
        dashboard = Dashboard(server)
        dashboard.thread.start()
        plan = Plan(
            target=server.target,
            workload=work,
            numbers=range(requests),
            connections=CONNECTIONS,
            spans_per_s=SPANS_PER_S,
        )
        outcome = complete(finished(started(plan)), requests)
        dashboard.stop()
    session.say(f"readers {outcome}")
    p95 = {name: float(np.percentile(taken, 95)) for name, taken in dashboard.taken_ms.items()}
    every = [one for taken in dashboard.taken_ms.values() for one in taken]
    whole = float(np.percentile(every, 95))
    kept_pace = outcome.spans_per_s >= 0.95 * SPANS_PER_S
    return [
        Figure(
            "intake at 20,000 spans/s while a reader polls three group-bys, 1 M rows",
            f"ack p99 ≤ {ACK_P99_MS} ms, reader p95 ≤ {READER_P95_MS} ms",
            f"ack p99 {outcome.ack_p99_ms:.0f} ms, reader p95 {whole:.0f} ms",
            kept_pace and outcome.ack_p99_ms <= ACK_P99_MS and whole <= READER_P95_MS,
            f"{outcome.spans_per_s:,.0f} spans/s for {outcome.seconds:.0f} s; {len(every)} queries over HTTP, p95 "
            + ", ".join(f"{name} {taken:.0f}" for name, taken in p95.items())
            + f" ms; {POLL_S} s between refreshes; ack p50 {outcome.ack_p50_ms:.0f}, max {outcome.ack_max_ms:.0f} ms",
        )
    ]
