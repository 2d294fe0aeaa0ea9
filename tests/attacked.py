"""A server under attack, and the good requests sent to it in between."""

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from benchmarks.server import Server
from benchmarks.workload import NANOSECONDS_PER_S, Workload
from tests.otlp_client import GrpcClient, HttpClient

OK, INVALID = grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT
GOOD = Workload(spans=3, from_ns=time.time_ns() - 600 * NANOSECONDS_PER_S, seed=11)
VICTIMS = Workload(spans=3, from_ns=time.time_ns() - 600 * NANOSECONDS_PER_S, seed=12)
CLIENTS = 32


class Target:
    """The server under attack, and the good requests sent to it in between."""

    def __init__(self, server: Server):
        self.server = server
        self.grpc = GrpcClient(server.target)
        self.http = HttpClient(server)
        self.good = itertools.count()
        self.taken: list[int] = []  # the good requests that were acknowledged
        self.victims = itertools.count()

    def check(self):
        """The service goes on: it says so, and it takes a good request."""
        assert self.http.request("GET", "/healthz").status == 200
        number = next(self.good)
        answer = self.grpc.export(GOOD.request(number))
        assert answer.code is OK, answer
        assert answer.rejected_spans == 0, answer
        self.taken.append(number)

    def check_stored(self):
        """Every good request that was taken is in the ledger, exactly once."""
        trace_ids = GOOD.ids(sorted(self.taken)).column("trace_id").to_pylist()
        assert len(trace_ids) == len(set(trace_ids))
        assert self.count(trace_ids) == len(trace_ids)

    def stored(self, victim: int) -> list[dict[str, Any]]:
        """What the ledger says of the spans of one victim, in the order of the request (less what is missing)."""
        spans = VICTIMS.ids([victim]).to_pylist()
        wanted = ", ".join(f"('{span['span_id']}', {place})" for place, span in enumerate(spans))
        return self.server.sql(
            f"""select place, user_id, input_tokens, cost_usd, price_status
                from calls join (values {wanted}) as wanted (span_id, place) using (span_id) order by place""",
        )

    def count(self, trace_ids: list[str]) -> int:
        """How many calls have one of these trace ids."""
        wanted = ", ".join(f"'{trace_id}'" for trace_id in trace_ids)
        return int(self.server.sql(f"select count(*) as n from calls where trace_id in ({wanted})")[0]["n"])


@contextmanager
def under_attack(folder: Path) -> Iterator[Target]:
    """A server on a folder of its own; at the end it must have survived, with every good request stored once."""
    with Server(folder / "data") as server:
        attacked = Target(server)
        with attacked.grpc, attacked.http:
            yield attacked
            attacked.check_stored()
            assert server.process is not None
            assert server.process.poll() is None, f"the server died: {server.last_words()}"


def in_parallel(work: Callable[[int], None]):
    """Let CLIENTS clients, numbered from 0, work at the same time; the first failure is raised."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        for done in [clients.submit(work, client) for client in range(CLIENTS)]:
            done.result()


def places(calls: list[dict[str, Any]]) -> list[int]:
    return [int(call["place"]) for call in calls]
