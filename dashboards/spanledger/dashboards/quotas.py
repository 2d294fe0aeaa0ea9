"""Quotas: how much of the windows of people's plans is used, and whether that goes faster than time does.

What is known was told by tools at some time. A window that has been reset since is not used any more, as far as anybody
knows.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from spanledger.dashboards.documents import Column, Json, View
from spanledger.dashboards.figures import columns_of, instant, view
from spanledger.dashboards.report import Asked
from spanledger.storage.questions import question
from spanledger.storage.sandbox import Reader

KEYS: Final = ("service", "user", "window")
_MEASURED: Final = (
    ("plan", "VARCHAR"), ("used_percent", "DOUBLE"), ("elapsed_percent", "DOUBLE"), ("projected_percent", "DOUBLE"),
    ("resets_at", "TIMESTAMP WITH TIME ZONE"), ("left_s", "DOUBLE"), ("state", "VARCHAR"),
    ("sampled_at", "TIMESTAMP WITH TIME ZONE"), ("window_s", "DOUBLE"), ("samples", "BIGINT"),
)  # fmt: skip


def compute(reader: Reader, wanted: Asked) -> View:
    """The last word on each window. Raises LedgerError.

    `state`: "open"; "reset" where the window that was told of is over; "unknown" where nobody said when it ends.
    `projected_percent` is what it comes to at the end if it goes on as it did.
    """
    rows = [_row(sample, wanted) for sample in reader.query(question("quotas"), wanted.between).to_pylist()]
    columns = [Column(name=name, type="VARCHAR") for name in KEYS] + columns_of(_MEASURED)
    notes = [] if rows else ["No tool told of a plan's windows in this time."]
    if any(row["state"] == "reset" for row in rows):
        notes.append("How much of a window is used that was reset after it was last told of, nobody knows.")
    return view("quotas", wanted, columns, rows, None, notes)


def _row(sample: Mapping[str, Any], wanted: Asked) -> dict[str, Json]:
    resets_at: datetime | None = sample["resets_at"]
    length = None if sample["window_minutes"] is None else timedelta(minutes=sample["window_minutes"])
    used: float | None = sample["used_percent"]
    state = "unknown" if resets_at is None else "open" if resets_at > wanted.now else "reset"
    elapsed = None
    if state == "open" and resets_at is not None and length:
        # How much of its time had gone when it was told how much was used.
        elapsed = min(max(100 * (1 - (resets_at - sample["sampled_at"]) / length), 0.0), 100.0)
    return {
        "service": sample["service_name"],
        "user": sample["user_id"],
        "window": sample["quota_window"],
        "plan": sample["plan"],
        "used_percent": used if state != "reset" else None,
        "elapsed_percent": None if elapsed is None else round(elapsed, 1),
        "projected_percent": round(100 * used / elapsed, 1) if elapsed and used is not None else None,
        "resets_at": instant(resets_at, wanted.timezone),
        "left_s": (resets_at - wanted.now).total_seconds() if state == "open" and resets_at is not None else None,
        "state": state,
        "sampled_at": instant(sample["sampled_at"], wanted.timezone),
        "window_s": length and length.total_seconds(),
        "samples": sample["samples"],
    }
