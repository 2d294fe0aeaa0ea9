"""Usage points: what metrics say, each data point once. One that was sent again changes nothing."""

from collections.abc import Callable
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from spanledger.storage.remembered import Remembered
from spanledger.storage.schema import POINT_FACTS, Hashes, Mask, Times
from spanledger.storage.windows import between
from spanledger.storage.writing import Added

_FACTS: Final = tuple(POINT_FACTS)


def plan_points(
    connection: duckdb.DuckDBPyConnection, points: pa.Table, remembered: Remembered, settled: Callable[[], object]
) -> tuple[list[Added], int]:
    """Decide which of `points` (the columns of POINTS) are to be added; returns also how many were there already.

    Points are remembered under the day on which they ended, like records under that of their start.
    """
    if not points.num_rows:
        return [], 0
    point = points.column("point_hash").to_numpy()
    ended = points.column("ended_at").cast(pa.int64()).to_numpy()
    keep = _first_of_each(point)
    perhaps = remembered.may_hold(point, ended) & keep
    if perhaps.any():
        settled()
        keep[perhaps] = ~_stored(connection, point[perhaps], ended[perhaps])
    remembered.remember_records(point[keep], ended[keep])
    rows = points.filter(pa.array(keep)) if not keep.all() else points
    return ([Added.of("point_facts", rows, _FACTS)] if rows.num_rows else []), len(keep) - rows.num_rows


def _first_of_each(hashes: Hashes) -> Mask:
    first = np.zeros(len(hashes), bool)
    first[np.unique(hashes, return_index=True)[1]] = True
    return first


def _stored(connection: duckdb.DuckDBPyConnection, hashes: Hashes, ended_us: Times) -> Mask:
    connection.register("asked", pa.table({"hash": hashes}))
    try:
        window = between(int(ended_us.min()), int(ended_us.max()))
        rows = connection.sql(
            f"select point_hash from point_facts join asked on point_hash = hash where ended_at between {window}"
        ).to_arrow_table()
    finally:
        connection.unregister("asked")
    return np.isin(hashes, rows.column("point_hash").to_numpy())
