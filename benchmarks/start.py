"""From `spanledger up` to its word that it is ready, on a ledger of a million calls."""

import statistics
import time
from typing import Final

from benchmarks.figure import SPANS, Figure, Session
from benchmarks.load import Plan, Sender
from benchmarks.readers import month_of_calls
from benchmarks.server import Server
from benchmarks.workload import Workload

STARTS: Final = 5
START_S: Final = 2.0
UNCLEAN_REQUESTS: Final = 200


def measure(session: Session) -> list[Figure]:
    """Clean starts, then one after a kill -9 with a log to replay."""
    data = month_of_calls(session)
    taken = []
    for _ in range(STARTS):
        with Server(data) as server:
            taken.append(server.start_s)
    with Server(data) as server:
        work = Workload(SPANS, from_ns=time.time_ns(), seed=4)
        Sender(Plan(target=server.target, workload=work, numbers=range(UNCLEAN_REQUESTS))).run()
        server.kill()
    with Server(data) as server:
        unclean_s = server.start_s
    median = statistics.median(taken)
    return [
        Figure(
            "start to ready with a 1 M row ledger",
            f"≤ {START_S:.0f} s",
            f"{median:.2f} s",
            median <= START_S,
            f"median of {STARTS} starts (slowest {max(taken):.2f} s), from the process's birth to its ready line; "
            f"{unclean_s:.2f} s after a kill -9 with {UNCLEAN_REQUESTS * SPANS:,} calls in the log",
        )
    ]
