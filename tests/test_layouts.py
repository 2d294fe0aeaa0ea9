"""Layouts: which keys stand where on a span, worked out once for all spans that have the same."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.processors.layouts import Layouts, alike, alike_in_both, layouts_of

keys = st.lists(st.sampled_from(["", "a", "b", "ab", "ba", "é"]), max_size=4)


def of(*rows: list[str]) -> tuple[Layouts, list[int]]:
    bounds = np.cumsum([0, *map(len, rows)])
    layouts, layout = layouts_of(pa.array([key for row in rows for key in row], pa.string()), bounds)
    return layouts, layout.tolist()


@given(st.lists(keys, max_size=12))
def test_rows_have_the_same_layout_when_they_have_the_same_keys_in_the_same_order(rows):
    layouts, layout = of(*rows)
    distinct = list(dict.fromkeys(map(tuple, rows)))
    assert [distinct[number] for number in layout] == [tuple(row) for row in rows]
    assert len(layouts) == len(distinct)
    assert set(layouts.keys) == {key for row in rows for key in row}


@given(st.lists(keys, max_size=12))
def test_a_key_stands_where_it_stands_last(rows):
    layouts, layout = of(*rows)
    for key in ["", "a", "b", "ab", "ba", "é", "nobody has it"]:
        places = layouts.places(key)
        if not any(key in row for row in rows):
            assert places is None
        else:
            assert places is not None
            last = [len(row) - 1 - row[::-1].index(key) if key in row else -1 for row in rows]
            assert places[layout].tolist() == last


@given(st.lists(keys, max_size=12))
def test_the_chosen_keys_of_each_layout_are_once_each_and_in_order(rows):
    layouts, layout = of(*rows)
    chosen = layouts.chosen(lambda key: key != "ab")
    for row, number in zip(rows, layout, strict=True):
        mine = chosen[layouts.layout[chosen] == number]
        wanted = list(dict.fromkeys(key for key in reversed(row) if key != "ab"))[::-1]
        assert [layouts.keys[code] for code in layouts.codes[mine]] == wanted


@pytest.mark.parametrize(
    ("one", "other"), [(["ab", "c"], ["a", "bc"]), ([], [""]), (["", "a"], ["a", ""]), (["a", "a"], ["aa"])]
)
def test_the_same_letters_cut_elsewhere_are_another_layout(one, other):
    _, layout = of(one, other, one)
    assert layout == [0, 1, 0]


def test_a_part_of_an_array_is_told_apart_as_itself():
    part = pa.array(["lost", "a", "b", "a", "b", "b"])[1:]
    numbers, first = alike(part, np.array([0, 2, 4, 5]))
    assert numbers.tolist() == [0, 0, 1]
    assert first.tolist() == [0, 2]


def test_rows_that_differ_in_either_of_two_numbers_are_told_apart():
    numbers, first = alike_in_both(np.array([0, 0, 1, 0, 1]), np.array([0, 1, 0, 0, 0]))
    assert numbers.tolist() == [0, 1, 2, 0, 2]
    assert first.tolist() == [0, 1, 2]
