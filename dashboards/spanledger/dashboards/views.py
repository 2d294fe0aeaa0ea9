"""The views of a report: what is asked for by a name, such as blocks or tools, and how each is computed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from spanledger.dashboards import active_time, blocks, heat_map, quotas, sessions, tool_runs
from spanledger.dashboards.documents import View
from spanledger.dashboards.report import Asked, ReportError, asked
from spanledger.dashboards.report_names import VIEWS
from spanledger.storage.questions import GROUPS, SPAN_GROUPS, TIME_GROUPS, TOOL_GROUPS
from spanledger.storage.sandbox import Reader


@dataclass(frozen=True, slots=True)
class Kind:
    """A view: how it is computed, and what it can be grouped by, if by anything."""

    compute: Callable[[Reader, Asked], View]
    groups: Mapping[str, str] | None = None


_TIMELESS: Final = {name: column for name, column in GROUPS.items() if name not in TIME_GROUPS}

KINDS: Final = {
    "sessions": Kind(sessions.compute, GROUPS),
    "blocks": Kind(blocks.compute, _TIMELESS),
    "active": Kind(active_time.compute, SPAN_GROUPS),
    "tools": Kind(tool_runs.compute, TOOL_GROUPS),
    "quotas": Kind(quotas.compute),
    "hours": Kind(heat_map.compute),
}


def asked_of(
    name: str,
    by: str | None = None,
    since: str | None = None,
    until: str | None = None,
    timezone: str = "UTC",
    now: datetime | None = None,
    week_begins: str = "monday",
) -> Asked:
    """Read the parameters of a view as people write them. Raises ReportError."""
    kind = KINDS.get(name)
    if kind is None:
        raise ReportError(f"There is no report {name[:60]!r}: there are {', '.join(KINDS)}.")
    own = VIEWS[name]
    if kind.groups is None or own is None:
        if by:
            raise ReportError(f"The report {name} is not grouped by anything.")
        wanted = asked("day", since, until, timezone, now, week_begins)
        return Asked((), wanted.since, wanted.until, wanted.timezone, wanted.week_shift, wanted.now)
    return asked(by or own, since, until, timezone, now, week_begins, kind.groups)


def compute(reader: Reader, name: str, wanted: Asked) -> View:
    """Make the view. Raises ReportError and LedgerError."""
    return KINDS[name].compute(reader, wanted)
