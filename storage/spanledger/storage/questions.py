"""The questions that Spanledger itself asks of a ledger: one `.sql` file each, and the columns to group them by."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

from spanledger.storage.schema import COLUMNS

QUESTIONS: Final = (
    "promoted_in_vain", "reconcile", "reconcile_calls", "roll_ups", "roll_ups_alone", "spend", "unpriced_models",
)  # fmt: skip
"""Every file of `queries/`, without its ending."""

_LOCAL: Final = "timezone($timezone, started_at)"

TIME_GROUPS: Final = {
    # An hour is an instant and not a local time: when clocks are set back, one local hour comes twice.
    "hour": f"started_at - ({_LOCAL} - date_trunc('hour', {_LOCAL}))",
    "day": f"date_trunc('day', {_LOCAL})::date",
    "week": f"date_trunc('week', {_LOCAL})::date",
    "month": f"strftime({_LOCAL}, '%Y-%m')",
}
"""Spans of time in the zone of the parameter `$timezone`; a week begins on Monday."""

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

RECONCILED: Final = ("day", "service", "session", "model")
"""What a reconciliation can be grouped by. Days are compared one by one only where they are asked for: what is used at
midnight is in the calls of one day and in the metrics of the next."""

_GROUPS_MARKER: Final = "/* groups */"
_DAY_MARKER: Final = "/* day */''"


@cache
def question(name: str) -> str:
    """The text of one question. Raises KeyError for one that is not listed."""
    if name not in QUESTIONS:
        raise KeyError(name)
    return (files("spanledger.storage") / "queries" / f"{name}.sql").read_text("utf-8")


def spend(groups: Sequence[str]) -> str:
    """The question `spend`, grouped by names of GROUPS; the first columns are theirs. Raises KeyError for another."""
    columns = "".join(f'{GROUPS[group]} as "group {number}", ' for number, group in enumerate(groups))
    return question("spend").replace(_GROUPS_MARKER, columns)


def reconcile(groups: Sequence[str]) -> str:
    """The question `reconcile`, grouped by names of RECONCILED; the first columns are theirs. Raises KeyError."""
    if strange := set(groups).difference(RECONCILED):
        raise KeyError(*strange)
    text = question("reconcile").replace(_GROUPS_MARKER, "".join(f"{group}, " for group in groups))
    return text.replace(_DAY_MARKER, "strftime(happened_at, '%Y-%m-%d')") if "day" in groups else text
