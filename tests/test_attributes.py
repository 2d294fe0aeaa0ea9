"""Attributes as columns: by key and precedence, whatever the order, the kind and the number of the pairs."""

import numpy as np
import pytest

from spanledger.processors.attributes import COUNT_MAX, Attributes
from spanledger.processors.decode import decode
from spanledger.processors.spans import spans as spans_of
from tests.otlp_requests import body, span


def attributes(*rows: object) -> Attributes:
    """One row a span; each a list of pairs or a mapping."""
    return spans_of(decode("traces", [body(*[span(row) for row in rows])])).attributes


def test_the_first_key_that_a_row_has_is_its_value_and_none_are_added():
    said = attributes({"new": 1, "old": 10}, {"old": 10, "new": 1}, {"old": 20}, {}, {"new": 2})
    assert said.count("new", "old")[0].to_pylist() == [1, 1, 20, None, 2]
    assert said.count("old", "new")[0].to_pylist() == [10, 10, 20, None, 2]
    assert said.text("new", "old").to_pylist() == ["1", "1", "20", None, "2"]
    assert said.number("new", "old").to_pylist() == [1.0, 1.0, 20.0, None, 2.0]


def test_a_first_key_whose_value_is_none_of_its_kind_hides_the_second():
    said = attributes({"new": "many", "old": 10}, {"new": None, "old": 10}, {"new": "", "old": "x"})
    numbers, bad = said.count("new", "old")
    assert numbers.to_pylist() == [None, None, None]
    assert bad.tolist() == [True, True, True]
    assert said.text("new", "old").to_pylist() == ["many", None, None]


def test_of_a_key_that_stands_twice_the_last_counts_in_every_reading():
    said = attributes([("a", 1), ("b", 5), ("a", 2)], [("a", 3)], [("a", "x"), ("a", 4)])
    assert said.count("a")[0].to_pylist() == [2, 3, 4]
    assert said.text("a").to_pylist() == ["2", "3", "4"]
    assert said.label("a").to_pylist() == ["2", "3", "4"]


def test_a_key_that_nobody_has_is_null_everywhere():
    said = attributes({"a": 1}, {})
    assert said.text("z").to_pylist() == said.number("z").to_pylist() == [None, None]
    numbers, bad = said.count("z", "y")
    assert numbers.to_pylist() == [None, None]
    assert not bad.any()
    assert said.present("z", "a").tolist() == [True, False]
    assert said.positions("z") is None


def test_no_rows_and_rows_without_a_pair_are_columns_too():
    for said, rows in ((attributes(), 0), (attributes({}, {}), 2)):
        assert said.text("a").to_pylist() == [None] * rows
        assert said.count("a")[0].to_pylist() == [None] * rows
        assert said.label("a").to_pylist() == [None] * rows
        assert said.present("a").tolist() == [False] * rows


def test_an_empty_text_says_nothing():
    said = attributes({"a": ""}, {"a": "x"}, {"a": " "}, {"a": []}, {"a": [""]})
    assert said.text("a").to_pylist() == said.label("a").to_pylist() == [None, "x", " ", None, None]
    assert said.present("a").all()


def test_one_column_reads_every_kind_beside_the_others():
    said = attributes({"a": 12}, {"a": "12"}, {"a": 12.0}, {"a": True}, {"a": ["x", "y"]}, {"a": b"x"}, {"a": {}}, {})
    assert said.text("a").to_pylist() == ["12", "12", "12", "true", "x,y", None, None, None]
    numbers, bad = said.count("a")
    assert numbers.to_pylist() == [12, 12, 12, None, None, None, None, None]
    assert bad.tolist() == [False, False, False, True, True, True, True, False]
    assert said.number("a").to_pylist() == [12.0, 12.0, 12.0, None, None, None, None, None]


@pytest.mark.parametrize("count", [-1, COUNT_MAX + 1, 2**63 - 1, -(2**63), "-1", "9" * 18, -1.0, 1e15, 0.5])
def test_a_number_that_is_no_count_is_null_and_told_as_bad(count):
    numbers, bad = attributes({"a": count}, {"a": 1}).count("a")
    assert numbers.to_pylist() == [None, 1]
    assert bad.tolist() == [True, False]


@pytest.mark.parametrize("count", [0, COUNT_MAX, "0", float(COUNT_MAX), str(COUNT_MAX)])
def test_the_ends_of_what_is_a_count_are_counts(count):
    numbers, bad = attributes({"a": count}).count("a")
    assert numbers.to_pylist() == [int(float(count))]
    assert not bad.any()


def test_a_part_of_the_rows_has_its_own_pairs():
    said = attributes(*[[("a", number), ("b", str(number)), ("a", -number)] for number in range(6)])
    keep = np.array([True, False, False, True, True, False])
    part = said.filter(keep)
    assert part.rows == 3
    assert part.text("a").to_pylist() == ["0", "-3", "-4"]
    assert part.text("b").to_pylist() == ["0", "3", "4"]
    assert said.filter(np.zeros(6, bool)).text("a").to_pylist() == []


def test_more_distinct_keys_than_16_bits_hold_are_told_apart():
    keys = 2**16 + 10
    said = attributes([(f"k{number}", number) for number in range(keys)], {"k0": -1, f"k{keys - 1}": -2})
    assert len(said.keys) == keys
    for number in (0, 9, 2**16 - 1, 2**16, keys - 1):
        assert said.text(f"k{number}").to_pylist()[0] == str(number)
    assert said.text("k0").to_pylist() == ["0", "-1"]
    assert said.text(f"k{keys - 1}").to_pylist() == [str(keys - 1), "-2"]
