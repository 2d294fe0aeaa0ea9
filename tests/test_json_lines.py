"""Values out of JSON: nulls, wrong types and absurd numbers are missing, never an error."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.instrumentation.replay.json_lines import (
    count,
    dig,
    inner,
    items,
    moment_ns,
    money,
    number,
    text,
    time_ns,
)

ODD = [None, True, False, [], {}, "", "x", -1, float("nan"), float("inf"), 10**30, [1], {"a": None}]


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("read", [count, number, money, text, time_ns, inner, dig])
def test_nothing_odd_is_an_error(read, value):
    read({"a": value}, "a")
    read({"a": value}, "a.b.c")
    read(value, "a")
    assert list(items(value, "a")) == []


def test_counts_are_whole_and_sane():
    assert [count({"a": value}, "a") for value in (5, 5.0, "5", " 5", 0, -1, True, None, 10**13, "x", [5])] == [
        5, 5, 5, 5, 0, None, None, None, None, None, None,
    ]  # fmt: skip


def test_money_is_exact():
    assert money({"a": 0.1}, "a") == Decimal("0.1")
    assert money({"a": "$1,234.5"}, "a") == Decimal("1234.5")
    assert money({"a": -1}, "a") is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-01-02T03:04:05.678Z", 1767323045_678000000),
        ("2026-01-02T03:04:05Z", 1767323045_000000000),
        ("2026-01-02T03:04:05.123456789Z", 1767323045_123456789),
        ("2026-01-02T05:04:05.5+02:00", 1767323045_500000000),
        ("2026-01-02 03:04:05.678", 1767323045_678000000),
        ("2026-01-02 03:04:05 UTC", 1767323045_000000000),
        (1767323045, 1767323045_000000000),
        (1767323045.678, 1767323045_678000000),
        (1767323045678, 1767323045_678000000),
        (1767323045678901, 1767323045_678901000),
        (1767323045678901234, 1767323045_678901234),
        ("1767323045678", 1767323045_678000000),
        ("2026-01-02T03:04:05,678Z", 1767323045_678000000),
        ("2026-01-02T03:04:05.12 Z", 1767323045_120000000),
        ("1969-12-31T23:59:59.999Z", None),
        ("0001-01-01T00:00:00.000Z", None),
        ("2026-01-02T03:04:60.000Z", None),
        ("aaaaaaaaaaaaaaaaaaaaaaaZ", None),
        ("yesterday", None),
        (0, None),
        (-5, None),
        ("2026-13-99T00:00:00.000Z", None),
    ],
)
def test_times_of_any_precision(written, expected):
    assert time_ns({"a": written}, "a") == expected


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_the_quick_way_reads_as_the_slow_one(moment: datetime):
    written = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
    slow = written.removesuffix("Z") + "+00:00"
    assert moment_ns(written) == moment_ns(slow)
