"""What leaves as JSON or CSV is what was in the table: nothing rounded, nothing lost, nothing executed."""

import csv as standard_csv
import io
import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.dashboards.csv_text import FORMULA_STARTS, csv
from spanledger.dashboards.documents import Column, Json
from spanledger.dashboards.render import INTEGER_MAX, document, type_name, values


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


CASES: list[tuple[str, str, Json]] = [
    ("1.5::DECIMAL(18, 12)", "DECIMAL(18,12)", "1.500000000000"),
    ("-0.000000000001::DECIMAL(18, 12)", "DECIMAL(18,12)", "-0.000000000001"),
    ("5", "INTEGER", 5),
    ("9007199254740991", "BIGINT", 9007199254740991),
    ("9007199254740992", "BIGINT", "9007199254740992"),
    ("-9007199254740992", "BIGINT", "-9007199254740992"),
    ("18446744073709551615::UBIGINT", "UBIGINT", "18446744073709551615"),
    ("170141183460469231731687303715884105727", "HUGEINT", "170141183460469231731687303715884105727"),
    ("sum(2)", "HUGEINT", 2),
    ("'nan'::DOUBLE", "DOUBLE", None),
    ("'-inf'::DOUBLE", "DOUBLE", None),
    ("0.1::DOUBLE", "DOUBLE", 0.1),
    ("true", "BOOLEAN", True),
    ("'日本'", "VARCHAR", "日本"),
    ("'a'::ENUM('a', 'b')", "VARCHAR", "a"),
    ("'\\x01\\xFF'::BLOB", "BLOB", "01ff"),
    ("DATE '2026-01-31'", "DATE", "2026-01-31"),
    ("DATE 'infinity'", "DATE", "infinity"),
    ("TIME '10:00:01.5'", "TIME", "10:00:01.500000"),
    ("INTERVAL '14 months 3 days 1.5 seconds'", "INTERVAL", "P14M3DT1.5S"),
    ("TIMESTAMPTZ '2026-01-31 12:00:00+01'", "TIMESTAMP WITH TIME ZONE", "2026-01-31T11:00:00Z"),
    ("TIMESTAMPTZ '2026-01-31 12:00:00.000001Z'", "TIMESTAMP WITH TIME ZONE", "2026-01-31T12:00:00.000001Z"),
    ("TIMESTAMPTZ '-infinity'", "TIMESTAMP WITH TIME ZONE", "-infinity"),
    ("TIMESTAMP '2026-01-31 12:00'", "TIMESTAMP", "2026-01-31T12:00:00"),
    ("TIMESTAMP_NS '2026-01-31 12:00:00.000000001'", "TIMESTAMP", "2026-01-31T12:00:00.000000001"),
    ("TIMESTAMP '0044-03-15 (BC) 12:00'", "TIMESTAMP", "-043-03-15T12:00:00"),
    ("[1, NULL, 9007199254740992]", "BIGINT[]", [1, None, "9007199254740992"]),
    ("[1, 2]::INTEGER[2]", "INTEGER[2]", [1, 2]),
    ("{'a': 1.5, 'b': [TIMESTAMP '2026-01-31']}", "STRUCT(a DECIMAL(2,1), b TIMESTAMP[])",
     {"a": "1.5", "b": ["2026-01-31T00:00:00"]}),
    ("MAP {'k': 1.50}", "MAP(VARCHAR, DECIMAL(3,2))", {"k": "1.50"}),
    ("MAP {1: 'x'}", "MAP(INTEGER, VARCHAR)", {"1": "x"}),
    ("[]::INTEGER[]", "INTEGER[]", []),
    ("NULL::INTEGER[]", "INTEGER[]", None),
    ("NULL::STRUCT(a INTEGER)", "STRUCT(a INTEGER)", None),
    ("NULL::DECIMAL(18, 12)", "DECIMAL(18,12)", None),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "kind", "value"), CASES, ids=[case[0] for case in CASES])
def test_a_value_of_each_type(expression: str, kind: str, value: Json, connection: duckdb.DuckDBPyConnection) -> None:
    table = connection.sql(f"SELECT {expression} AS x").to_arrow_table()
    assert document(table) == {"columns": [{"name": "x", "type": kind}], "rows": [{"x": value}], "truncated": False}


def test_times_of_a_column_have_the_same_digits_so_that_texts_sort_as_times_do() -> None:
    column = pa.chunked_array(
        [[datetime(2026, 1, 1, tzinfo=UTC)], [None, datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC)]],
        pa.timestamp("us", "UTC"),
    )
    assert values(column) == ["2026-01-01T00:00:00.000000Z", None, "2026-01-01T00:00:00.000005Z"]


def test_a_slice_of_nested_values_is_that_slice() -> None:
    lists = pa.array([[1], [2, 3], None, []], pa.list_(pa.int64())).slice(1, 2)
    maps = pa.array([[("a", 1)], [("b", 2), ("c", 3)]], pa.map_(pa.string(), pa.int64())).slice(1)
    structs = pa.array([{"a": 1}, {"a": 2}, None]).slice(1)
    fixed = pa.array([[1, 2], [3, 4], None], pa.list_(pa.int64(), 2)).slice(1)
    assert values(lists) == [[2, 3], None]
    assert values(maps) == [{"b": 2, "c": 3}]
    assert values(structs) == [{"a": 2}, None]
    assert values(fixed) == [[3, 4], None]


def test_columns_of_one_name_are_both_there() -> None:
    table = pa.table([pa.array([1]), pa.array([2]), pa.array([3])], names=["a", "a", "a_1"])
    assert document(table)["rows"] == [{"a": 1, "a_1": 2, "a_1_1": 3}]


def test_a_dictionary_is_named_as_its_values() -> None:
    assert type_name(pa.dictionary(pa.int32(), pa.string())) == "VARCHAR"


@given(st.lists(st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-999_999,
                                        max_value=999_999)))  # fmt: skip
def test_money_comes_back_to_the_last_digit(amounts: list[Decimal | None]) -> None:
    texts = values(pa.array(amounts, pa.decimal128(18, 12)))
    assert [None if text is None else Decimal(str(text)) for text in texts] == amounts


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_whole_numbers_survive_a_reader_that_makes_floats_of_them(numbers: list[int]) -> None:
    read = json.loads(json.dumps(values(pa.array(numbers, pa.int64()))), parse_int=float)
    assert [int(number) for number in read] == numbers
    assert all(isinstance(number, str) or abs(number) <= INTEGER_MAX for number in read)


@given(st.lists(st.none() | st.floats()))
def test_floats_are_json(numbers: list[float | None]) -> None:
    read = json.loads(json.dumps(values(pa.array(numbers, pa.float64())), allow_nan=False))
    assert read == [number if number is not None and math.isfinite(number) else None for number in numbers]


@given(st.lists(st.none() | st.dates()))
def test_dates_are_iso(days: list[date | None]) -> None:
    assert values(pa.array(days, pa.date32())) == [None if day is None else day.isoformat() for day in days]


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.integers() | st.none()), min_size=1))
def test_csv_says_what_it_was_given(rows: list[tuple[str, int | None]]) -> None:
    columns: list[Column] = [{"name": "a", "type": "VARCHAR"}, {"name": "b", "type": "BIGINT"}]
    text = csv(columns, [{"a": a, "b": b} for a, b in rows])
    read = list(standard_csv.reader(io.StringIO(text, newline=""), strict=True))
    assert read[0] == ["a", "b"]
    for (a, b), (read_a, read_b) in zip(rows, read[1:], strict=True):
        assert read_a == (f"'{a}" if a.startswith(FORMULA_STARTS) else a)
        assert read_b == ("" if b is None else str(b))


def test_csv_keeps_formulas_from_being_executed_and_numbers_as_they_are() -> None:
    columns: list[Column] = [{"name": "=x", "type": "VARCHAR"}, {"name": "usd", "type": "DECIMAL(18,12)"}]
    text = csv(columns, [{"=x": '=HYPERLINK("http://x")', "usd": "-1.5"}, {"=x": "+1", "usd": "-2"}])
    assert text == '\'=x,usd\r\n"\'=HYPERLINK(""http://x"")",-1.5\r\n\'+1,-2\r\n'


def test_csv_tells_null_from_an_empty_text() -> None:
    columns: list[Column] = [{"name": "a", "type": "VARCHAR"}, {"name": "b", "type": "VARCHAR"}]
    assert csv(columns, [{"a": None, "b": ""}]) == 'a,b\r\n,""\r\n'
    assert csv(columns[:1], [{"a": None}]) == 'a\r\n""\r\n', "an empty line would be skipped"


def test_csv_holds_lists_as_json() -> None:
    columns: list[Column] = [{"name": "a", "type": "VARCHAR[]"}]
    assert csv(columns, [{"a": ["x", None]}]) == 'a\r\n"[""x"", null]"\r\n'
