"""Combinations of labels are found once, whatever dictionaries the chunks of a batch have."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.processors.distinct import combinations, dense
from spanledger.storage.schema import LABEL

LABELS = st.none() | st.sampled_from(["a", "b", "c", "d"])
ROWS = st.lists(st.tuples(LABELS, LABELS, LABELS))


def encoded(rows: list[tuple[str | None, ...]]) -> pa.Table:
    columns = [[row[column] for row in rows] for column in range(3)]
    return pa.table([pa.array(column, pa.string()).dictionary_encode() for column in columns], names=["x", "y", "z"])


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_every_row_points_at_its_own_combination(chunks: list[list[tuple[str | None, ...]]]) -> None:
    found, which = combinations(pa.concat_tables([encoded(chunk) for chunk in chunks]), ("x", "y", "z"))
    rows = [row for chunk in chunks for row in chunk]
    assert [found[index] for index in which] == rows
    assert len(found) == len(set(found)) == len(set(rows))


def test_many_values_in_many_columns_do_not_overflow() -> None:
    size = 70_000
    column = pa.array([f"name {number}" for number in range(size)]).dictionary_encode()
    batch = pa.table([column] * 5, names=["a", "b", "c", "d", "e"])
    found, which = combinations(batch, batch.column_names)
    assert len(found) == size
    assert found[which[-1]] == ("name 69999",) * 5


def test_a_table_without_chunks_has_no_combinations() -> None:
    batch = pa.schema([("x", LABEL), ("y", LABEL)]).empty_table()
    found, which = combinations(batch, ("x", "y"))
    assert (found, which.tolist()) == ([], [])


@pytest.mark.parametrize("size", [10, 10**12])
def test_renumbering_keeps_the_order_and_leaves_no_gaps(size: int) -> None:
    codes, count = dense(np.array([7, 2, 7, 9]), size)
    assert (codes.tolist(), count) == ([1, 0, 1, 2], 3)
