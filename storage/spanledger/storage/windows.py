"""Windows of time in SQL: what keeps a question to the few row groups that can hold its answer."""

from datetime import UTC, datetime, timedelta
from typing import Final

DAY_US: Final = 86_400_000_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def between(first_us: int, last_us: int) -> str:
    """The operands of BETWEEN for microseconds since 1970, both inclusive.

    Literals, because parameters would keep DuckDB from skipping row groups.
    """
    first, last = (_EPOCH + timedelta(microseconds=us) for us in (first_us, last_us))
    return f"timestamptz '{first.isoformat()}' and timestamptz '{last.isoformat()}'"
