"""Random kill -9 under load: what the crash test does 25 times, for longer."""

from typing import Final

from benchmarks.figure import Figure, Session
from tests.crash import survive

KILLS: Final = 500
SEED: Final = 500


def measure(session: Session) -> list[Figure]:
    """500 kills on one ledger's life (50 in a quick run)."""
    kills = session.scaled(KILLS)
    survival = survive(kills, SEED, session.folder / "kills", session.say)
    found = (survival.after_kills, survival.after_resend)
    lost, duplicated, torn, unknown = (
        sum(getattr(one, name) for one in found) for name in ("lost", "duplicated", "torn", "unknown")
    )
    starts = sorted(survival.start_s)
    return [
        Figure(
            "random kill -9 under load",
            "0 acknowledged spans lost, 0 duplicated",
            f"{lost} lost, {duplicated} duplicated",
            not (lost or duplicated or torn or unknown),
            f"{kills} kills, {survival.acknowledged_requests:,} requests acknowledged, {survival.resent_requests} sent "
            f"again after a kill, all sent again at the end; {torn} torn, {unknown} unknown; "
            f"start p50 {starts[len(starts) // 2]:.2f} s, max {starts[-1]:.2f} s",
        )
    ]
