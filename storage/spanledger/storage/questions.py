"""The questions that Spanledger itself asks of a ledger: one `.sql` file each, and the columns to group them by."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

from spanledger.storage.schema import COLUMNS, SPAN_COLUMNS

QUESTIONS: Final = (
    "active_time", "days_seen", "promoted_in_vain", "quotas", "reconcile", "reconcile_calls", "reprice_buckets",
    "reprice_calls", "roll_ups", "roll_ups_alone", "sessions", "spend", "tool_runs", "unpriced_models",
    "usage_by_quarter",
)  # fmt: skip
"""Every file of `queries/`, without its ending."""

_LOCAL: Final = "timezone($timezone, started_at)"

TIME_GROUPS: Final = {
    # An hour is an instant and not a local time: when clocks are set back, one local hour comes twice.
    "hour": f"started_at - ({_LOCAL} - date_trunc('hour', {_LOCAL}))",
    "day": f"date_trunc('day', {_LOCAL})::date",
    "week": f"(date_trunc('week', {_LOCAL} + to_days($week_shift)) - to_days($week_shift))::date",
    "month": f"strftime({_LOCAL}, '%Y-%m')",
}
"""Spans of time in the zone of the parameter `$timezone`; a week begins `$week_shift` days before Monday."""

ALIASES: Final = {
    "model": "coalesce(response_model, request_model)",
    "user": "user_id",
    "session": "session_id",
    "service": "service_name",
    "app": "application",
}
"""Short names for what is most asked for."""

GROUPS: Final = TIME_GROUPS | ALIASES | {column: column for column in COLUMNS}
"""What a report can be grouped by: name → expression over `calls`."""

SPAN_GROUPS: Final = TIME_GROUPS | ALIASES | {name: name for name in SPAN_COLUMNS if name in COLUMNS}
"""What spans and calls can be grouped by together."""

TOOL_GROUPS: Final = SPAN_GROUPS | {"tool": "tool_name"}
"""What runs of tools can be grouped by."""

RECONCILED: Final = ("day", "service", "session", "model")
"""What a reconciliation can be grouped by. Days are compared one by one only where they are asked for: what is used at
midnight is in the calls of one day and in the metrics of the next."""

_GROUPS_MARKER: Final = "/* groups */"
_GROUP_MARKER: Final = "/* group */0"
_NAMED_MARKER: Final = "/* named */"
_NAMING_MARKER: Final = "/* naming */"
_PLACE_MARKER: Final = "/* place */"
_PARTITION_MARKER: Final = "/* partition */"
_DAY_MARKER: Final = "/* day */''"


@cache
def question(name: str) -> str:
    """The text of one question. Raises KeyError for one that is not listed."""
    if name not in QUESTIONS:
        raise KeyError(name)
    return (files("spanledger.storage") / "queries" / f"{name}.sql").read_text("utf-8")


def spend(groups: Sequence[str]) -> str:
    """The question `spend`, grouped by names of GROUPS; the first columns are theirs. Raises KeyError for another."""
    return _grouped("spend", [GROUPS[group] for group in groups])


def sessions(groups: Sequence[str]) -> str:
    """The question `sessions`, grouped by names of GROUPS besides; the first columns are theirs. Raises KeyError."""
    return _grouped("sessions", [GROUPS[group] for group in groups])


def usage_by_quarter(groups: Sequence[str]) -> str:
    """The question `usage_by_quarter`, grouped by names of GROUPS; the first columns are theirs. Raises KeyError."""
    return _grouped("usage_by_quarter", [GROUPS[group] for group in groups])


def tool_runs(groups: Sequence[str]) -> str:
    """The question `tool_runs`, grouped by names of TOOL_GROUPS; the first columns are theirs. Raises KeyError."""
    # A run may have several records: one of them says what group it belongs to.
    return _grouped("tool_runs", [f"max({TOOL_GROUPS[group]})" for group in groups])


def active_time(groups: Sequence[str], *, by_time: bool) -> str:
    """The question `active_time`, grouped by names of SPAN_GROUPS, which come first. Raises KeyError for another name.

    If `by_time`, it is grouped by the places in the calendar, too, in the column `place`. The row of the total says so
    (`is_total`).
    """
    expressions = [SPAN_GROUPS[group] for group in groups]
    text = _grouped("active_time", expressions)
    if groups:
        text = text.replace(_GROUP_MARKER, f"hash({', '.join(expressions)})")
        text = text.replace(_NAMED_MARKER, "names.* exclude (grouped),")
        text = text.replace(_NAMING_MARKER, "left join names using (grouped)")
    # Nothing reaches from one place of the calendar into another, so that they need no order of their own.
    text = text.replace(_PARTITION_MARKER, "partition by grouped" if groups else "")
    return text.replace(_PLACE_MARKER, ", place" if by_time else "")


def reconcile(groups: Sequence[str]) -> str:
    """The question `reconcile`, grouped by names of RECONCILED; the first columns are theirs. Raises KeyError."""
    if strange := set(groups).difference(RECONCILED):
        raise KeyError(*strange)
    text = question("reconcile").replace(_GROUPS_MARKER, "".join(f"{group}, " for group in groups))
    return text.replace(_DAY_MARKER, "strftime(happened_at, '%Y-%m-%d')") if "day" in groups else text


def _grouped(name: str, expressions: Sequence[str]) -> str:
    """A question with the columns of its groups in the place of their marker."""
    columns = "".join(f'{expression} as "group {number}", ' for number, expression in enumerate(expressions))
    return question(name).replace(_GROUPS_MARKER, columns)
