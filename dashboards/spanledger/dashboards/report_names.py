"""The names of reports, and what each is grouped by unless it is asked for otherwise."""

from typing import Final

SPENDING: Final = {
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "models": "provider,model",
    "projects": "project",
    "machines": "machine",
}
"""Reports of what was spent: all are the same one, grouped by other columns."""

VIEWS: Final = {
    "sessions": "session",
    "blocks": "service",
    "active": "day",
    "tools": "tool",
    "quotas": None,
    "hours": None,
}
"""Reports with figures of their own; None: they cannot be grouped."""

NAMES: Final = (*SPENDING, *VIEWS)
