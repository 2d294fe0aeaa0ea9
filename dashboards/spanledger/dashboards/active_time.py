"""Active time: how long models, tools, people and sub-agents were at work.

`active_s` counts every moment once, whatever ran side by side; the others add up. A person's time goes from the end of
what an agent did to the next prompt and contains the wait for permissions; a longer pause is a break.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from spanledger.dashboards.documents import Column, Json, View
from spanledger.dashboards.figures import columns_of, view
from spanledger.dashboards.periods import Stretch, calendar
from spanledger.dashboards.render import values
from spanledger.dashboards.report import Asked, ReportError
from spanledger.storage.questions import TIME_GROUPS, active_time, question
from spanledger.storage.sandbox import Reader

BREAK: Final = timedelta(minutes=5)
"""Somebody who says nothing for longer is not at work on this."""

LONGEST: Final = timedelta(days=1)
"""Calls and tools that began this long before the time asked for are looked at, as they may reach into it."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES: Final = ("active", "model", "tool", "user", "agents")
_MEASURED: Final = (("sessions", "BIGINT"), *((f"{name}_s", "DOUBLE") for name in _TIMES), ("compute_s", "DOUBLE"))


def compute(reader: Reader, wanted: Asked) -> View:
    """Active time by days, weeks or months, and other columns. Raises ReportError and LedgerError."""
    units = [name for name in wanted.by if name in TIME_GROUPS]
    if len(units) > 1 or "hour" in units:
        raise ReportError("Active time is grouped by one of day, week and month, and by other columns.")
    columns = [Column(name=name, type="VARCHAR") for name in wanted.by] + columns_of(_MEASURED)
    days = _days(reader, wanted)
    stretches = _clipped(calendar(units[0] if units else "month", days, wanted.timezone, wanted.week_shift), wanted)
    if not stretches:
        return view("active", wanted, columns, [], None, _notes(None))
    others = [name for name in wanted.by if name not in TIME_GROUPS]
    if not units:
        stretches = [Stretch("", stretches[0].first, stretches[-1].after)]
    rows = _rows(reader, wanted, others, stretches, by_time=bool(units))
    total = rows.pop(None, None)
    in_order = sorted(
        rows.values(),
        key=lambda row: (str(row[units[0]]) if units else "", -_seconds(row), str([row[name] for name in others])),
    )
    return view("active", wanted, columns, in_order, total if rows else None, _notes(total))


def _days(reader: Reader, wanted: Asked) -> list[date]:
    """The days of UTC on which anything began that may belong to the time asked for."""
    found = reader.query(question("days_seen"), _reaching(wanted)).column("day").to_pylist()
    return [(_EPOCH + timedelta(days=day)).date() for day in found]


def _reaching(wanted: Asked) -> dict[str, object]:
    between = wanted.between
    if wanted.since is not None:
        between["since"] = wanted.since - LONGEST
    return between


def _clipped(stretches: Sequence[Stretch], wanted: Asked) -> list[Stretch]:
    """The calendar without what lies beyond the time asked for."""
    clipped = [
        Stretch(
            stretch.label,
            max(stretch.first, wanted.since or stretch.first),
            min(stretch.after, wanted.until or stretch.after),
        )
        for stretch in stretches
    ]
    return [stretch for stretch in clipped if stretch.first < stretch.after]


def _rows(
    reader: Reader, wanted: Asked, others: Sequence[str], stretches: Sequence[Stretch], *, by_time: bool
) -> dict[tuple[Json, ...] | None, dict[str, Json]]:
    """Keys in the order of `wanted.by` → the row; None for the total, where anything was at work."""
    parameters = _reaching(wanted) | {
        "firsts_us": [_microseconds(stretch.first) for stretch in stretches],
        "afters_us": [_microseconds(stretch.after) for stretch in stretches],
        "places": list(range(len(stretches))),
        "break_us": BREAK // timedelta(microseconds=1),
    }
    table = reader.query(active_time(others, by_time=by_time), parameters)
    columns = [values(column) for column in table.columns[: len(others)]]
    made: dict[tuple[Json, ...] | None, dict[str, Json]] = {}
    for at, row in enumerate(table.select(range(len(others), table.num_columns)).to_pylist()):
        if row["is_total"]:
            if row["sessions"]:
                made[None] = _measures(row)
            continue
        known: dict[str, Json] = {name: column[at] for name, column in zip(others, columns, strict=True)}
        if by_time:
            known |= dict.fromkeys(set(wanted.by) & set(TIME_GROUPS), stretches[row["place"]].label)
        named = {name: known[name] for name in wanted.by if name in known}
        made[tuple(named.values())] = named | _measures(row)
    return made


def _measures(row: Mapping[str, int]) -> dict[str, Json]:
    times: dict[str, Json] = {f"{name}_s": row[f"{name}_us"] / 1e6 for name in _TIMES}
    compute_s = (row["model_us"] + row["tool_us"] + row["agents_us"]) / 1e6
    return {"sessions": row["sessions"], **times, "compute_s": compute_s}


def _notes(total: Mapping[str, Json] | None) -> list[str]:
    if total is None or not total["sessions"]:
        return ["Nothing was at work in this time."]
    notes = ["active counts every moment once; model, tool, user and agents add up what ran side by side."]
    if not total["user_s"]:
        notes.append("No emitter told of prompts, so that the time of people is not known.")
    return notes


def _seconds(row: Mapping[str, Json]) -> float:
    return float(str(row["active_s"]))


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
