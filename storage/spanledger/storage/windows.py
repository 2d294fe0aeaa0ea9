"""Windows of time in SQL: what keeps a question to the few row groups that can hold its answer."""

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from spanledger.storage.schema import Times

DAY_US: Final = 86_400_000_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def between(first_us: int, last_us: int) -> str:
    """The operands of BETWEEN for microseconds since 1970, both inclusive.

    Literals, because parameters would keep DuckDB from skipping row groups.
    """
    first, last = (_EPOCH + timedelta(microseconds=us) for us in (first_us, last_us))
    return f"timestamptz '{first.isoformat()}' and timestamptz '{last.isoformat()}'"


JOIN_US: Final = 1_000_000
"""Stretches this close are looked at in one go: each question has a price of its own."""


WINDOWS_MAX: Final = 64
"""More stretches than this are joined where the gaps between them are the shortest."""


def windows(times_us: Times, reach_us: int, most: int = WINDOWS_MAX) -> list[tuple[int, int]]:
    """The stretches of time within `reach_us` of any of these times, joined where they touch or are too many."""
    if not len(times_us):
        return []
    in_order = np.unique(times_us)
    apart = np.diff(in_order)
    gaps = np.flatnonzero(apart > 2 * reach_us + JOIN_US)
    if len(gaps) >= most:
        gaps = np.sort(gaps[np.argsort(apart[gaps])[len(gaps) - most + 1 :]])
    first = in_order[np.concatenate([[0], gaps + 1])] - reach_us
    last = in_order[np.concatenate([gaps, [len(in_order) - 1]])] + reach_us
    return list(zip(first.tolist(), last.tolist(), strict=True))
