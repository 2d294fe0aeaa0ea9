"""Kill a server under load, again and again, and see whether every acknowledged span is there exactly once.

The senders know what was acknowledged; the ids to look for are computed, so nothing that the server wrote is trusted.
"""

import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from benchmarks.load import Plan, Sender
from benchmarks.server import Server
from benchmarks.workload import Workload

SPANS: Final = 64
CONNECTIONS: Final = 6
KILL_AFTER_S: Final = (0.05, 1.5)
KILLED_WHILE_STARTING: Final = 5  # every fifth kill hits a start, so that recovery is interrupted, too
START_KILL_AFTER_S: Final = (0.05, 1.0)
NEVER_ENDING: Final = 100_000  # more requests than can be sent between two kills


@dataclass(frozen=True)
class Found:
    """What the ledger holds of the requests that were sent."""

    lost: int  # spans of acknowledged requests that are not there
    duplicated: int  # rows beyond the first of a span
    torn: int  # requests of which only a part is there
    unknown: int  # rows that nobody sent


CLEAN: Final = Found(lost=0, duplicated=0, torn=0, unknown=0)


@dataclass(frozen=True)
class Survival:
    """The story of a run: what was seen after the kills, and after everything had been sent again."""

    kills: int
    requests: int
    acknowledged_requests: int
    resent_requests: int
    after_kills: Found
    after_resend: Found
    start_s: tuple[float, ...]
    errors: dict[str, int]


def found(ledger: Path, workload: Workload, sent: Iterable[int], acknowledged: set[int]) -> Found:
    """Compare a closed ledger with what was sent."""
    numbers = sorted(sent)
    connection = duckdb.connect(str(ledger), read_only=True)
    try:
        connection.register("sent", workload.ids(numbers))
        by_request = connection.execute(
            """with stored as (select trace_id, span_id, count(*) as copies from calls group by all)
               select request, count(*) as spans, count(copies) as present, coalesce(sum(copies), 0)::bigint as copies
               from sent left join stored using (trace_id, span_id) group by request"""
        ).fetchall()
        (unknown,) = connection.execute(
            "select count(*) from calls anti join sent using (trace_id, span_id)"
        ).fetchall()[0]
    finally:
        connection.close()
    return Found(
        lost=sum(spans - present for request, spans, present, _ in by_request if request in acknowledged),
        duplicated=sum(copies - present for _, _, present, copies in by_request),
        torn=sum(present not in {0, spans} for _, spans, present, _ in by_request),
        unknown=unknown,
    )


def survive(kills: int, seed: int, folder: Path, say: Callable[[str], None] = lambda _: None) -> Survival:
    """Kill a server `kills` times at random moments of one ledger's life; then stop it properly and count.

    Requests that a kill left unanswered are sent again after the next start, as a client would; at the end everything
    is sent once more.
    """
    chance = random.Random(seed)
    workload = Workload(SPANS, from_ns=time.time_ns(), seed=seed)
    data = folder / "data"
    server = Server(data)
    acknowledged: set[int] = set()
    pending: list[int] = []
    following = resent = 0
    errors: dict[str, int] = {}
    starts: list[float] = []
    for kill in range(kills):
        if kill % KILLED_WHILE_STARTING == KILLED_WHILE_STARTING - 1:
            process = server.spawn()
            threading.Event().wait(chance.uniform(*START_KILL_AFTER_S))
            if process.poll() is not None:
                raise AssertionError(f"the server refused to start: {server.last_words()}")
            server.kill()
            continue
        starts.append(server.start().start_s)
        resent += len(pending)
        plan = Plan(
            target=server.target,
            workload=workload,
            numbers=(*pending, *range(following, following + NEVER_ENDING)),
            connections=CONNECTIONS,
            retried=False,
        )
        sender = Sender(plan)
        with ThreadPoolExecutor(1) as beside:
            sending = beside.submit(sender.run)
            threading.Event().wait(chance.uniform(*KILL_AFTER_S))
            server.kill()
            sender.stop()
            sending.result()
        acknowledged.update(sender.progress.acknowledged)
        begun = plan.numbers[: sender.position]
        following = max((*begun, following - 1)) + 1
        pending = sorted((set(pending) | set(begun)) - acknowledged)
        for message, count in sender.progress.errors.items():
            errors[message] = errors.get(message, 0) + count
        say(f"kill {kill + 1}: {len(acknowledged)} requests acknowledged, {len(pending)} open")
    starts.append(server.start().start_s)
    server.stop()
    ledger = data / "ledger.duckdb"
    after_kills = found(ledger, workload, range(following), acknowledged)
    server.start()
    outcome = Sender(
        Plan(target=server.target, workload=workload, numbers=range(following), connections=CONNECTIONS)
    ).run()
    server.stop()
    if outcome.failed_requests or outcome.requests != following:
        raise AssertionError(f"not everything was taken the second time: {outcome}")
    return Survival(
        kills=kills,
        requests=following,
        acknowledged_requests=len(acknowledged),
        resent_requests=resent,
        after_kills=after_kills,
        after_resend=found(ledger, workload, range(following), set(range(following))),
        start_s=tuple(starts),
        errors=errors,
    )


def survive_in_scratch(kills: int, seed: int, say: Callable[[str], None] = lambda _: None) -> Survival:
    """`survive` in a folder of its own that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="spanledger-kills-") as folder:
        return survive(kills, seed, Path(folder), say)
