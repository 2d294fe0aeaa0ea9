"""Sustained intake of a mix of ten dialects with duplicates."""

import time
from typing import Final

from benchmarks.dialect_mix import ROUND, SPEAKERS, Mix, distinct_calls
from benchmarks.figure import SPANS, Figure, Session, calls
from benchmarks.intake import CONNECTIONS, IN_FLIGHT, PACE_SPANS_PER_S, sent
from benchmarks.server import MIB, Server
from benchmarks.workload import NANOSECONDS_PER_S

AHEAD_NS: Final = 10 * 10**9
"""Steady traffic: who starts before the server has seen any nameless record is looked up, for the first few seconds."""

SPANS_SENT: Final = 2_000_000
SPANS_PER_S: Final = 80_000


def measure(session: Session) -> list[Figure]:
    """Send the mix as `intake` sends its spans, and count what became of it."""
    requests = session.scaled(SPANS_SENT) // SPANS // ROUND * ROUND
    spacing_ns = NANOSECONDS_PER_S // PACE_SPANS_PER_S
    with Server(session.folder / "mix") as server:
        work = Mix(SPANS, from_ns=time.time_ns() + AHEAD_NS, spacing_ns=spacing_ns)
        outcome = sent(server.target, work, requests)
        cpu_s, peak, stored = server.cpu_s(), server.peak_rss_mb(), calls(server)
    session.say(f"mix {outcome}")
    expected = distinct_calls(requests) * SPANS
    return [
        Figure(
            f"a mix of {len(SPEAKERS)} dialects with 20 % duplicates",
            f"{SPANS_PER_S:,} spans/s, each call once",
            f"{outcome.spans_per_s:,.0f} spans/s, {stored - expected:+,} calls",
            outcome.spans_per_s >= SPANS_PER_S and stored == expected,
            f"{outcome.spans:,} spans, a tenth of them sent again and a tenth told in another dialect, {CONNECTIONS}"
            f" connections with {IN_FLIGHT} requests in flight on each; server {cpu_s / outcome.spans * 1e6:.1f} µs a"
            f" span and at most {peak * MIB / 1e6:,.0f} MB; ack p99 {outcome.ack_p99_ms:.0f} ms",
        )
    ]
