"""Counts of a call: what is missing, what cannot be true, what is merely not said."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from spanledger.processors.pricing.usage import COUNT_MAX, Usage, read_usage
from spanledger.storage.schema import LABEL, USAGE


def read(**counts: Any) -> Usage:
    row = {"input_tokens": 100, "output_tokens": 50} | counts
    return read_usage(
        pa.table({name: pa.array([row.get(name)], kind) for name, kind in (USAGE | {"flags": LABEL}).items()})
    )


def test_a_plain_call_is_neither_missing_nor_impossible() -> None:
    usage = read()
    assert (usage.input[0], usage.output[0], usage.cache_read[0]) == (100, 50, 0)
    assert not usage.missing[0]
    assert not usage.impossible[0]
    assert not usage.overlap_unsaid[0]


@pytest.mark.parametrize(
    "counts",
    [
        {"input_tokens": None, "output_tokens": None},
        {"input_tokens": None},
        {"input_tokens": None, "cache_read_tokens": 10},
        {"partial": True},
        {"output_tokens": None, "reasoning_tokens": 10},
        {"output_tokens": None, "output_audio_tokens": 10},
    ],
)
def test_too_little_was_said(counts: dict[str, Any]) -> None:
    assert read(**counts).missing[0]


@pytest.mark.parametrize(
    "counts",
    [
        {"output_tokens": None},
        {"output_tokens": None, "partial": False},
        {"input_tokens": 0, "output_tokens": 0},
    ],
)
def test_enough_was_said(counts: dict[str, Any]) -> None:
    assert not read(**counts).missing[0]


@pytest.mark.parametrize(
    "counts",
    [
        {"input_tokens": -1},
        {"web_searches": -1},
        {"input_tokens": COUNT_MAX + 1},
        {"input_tokens": 2**63 - 1, "cache_read_tokens": 2**63 - 1, "cache_write_tokens": 2**63 - 1},
        {"cache_read_tokens": 101},
        {"cache_read_tokens": 60, "cache_write_tokens": 41},
        {"cache_write_tokens": 10, "cache_write_5m_tokens": 6, "cache_write_1h_tokens": 5},
        {"cache_write_5m_tokens": 101},
        {"cache_read_tokens": 10, "cache_read_audio_tokens": 11},
        {"cache_read_tokens": 10, "input_audio_tokens": 4, "cache_read_audio_tokens": 5},
        {"input_audio_tokens": 60, "input_image_tokens": 41},
        {"reasoning_tokens": 51},
        {"output_audio_tokens": 30, "output_image_tokens": 21},
    ],
)
def test_counts_that_cannot_be_true(counts: dict[str, Any]) -> None:
    assert read(**counts).impossible[0]


def test_the_limits_themselves_can_be_true() -> None:
    whole = {"cache_read_tokens": 60, "cache_write_tokens": 40, "reasoning_tokens": 50}
    assert not read(**whole).impossible[0]
    assert not read(input_tokens=COUNT_MAX).impossible[0]


def test_all_cache_writes_are_at_least_those_of_a_known_lifetime() -> None:
    assert read(cache_write_5m_tokens=20, cache_write_1h_tokens=30).cache_write[0] == 50
    assert read(cache_write_tokens=60, cache_write_5m_tokens=20).cache_write[0] == 60


def test_cached_audio_is_audio_also_if_nobody_said_so() -> None:
    usage = read(cache_read_tokens=10, cache_read_audio_tokens=5)
    assert usage.input_audio[0] == 5
    assert not usage.impossible[0]


@pytest.mark.parametrize(
    ("counts", "unsaid"),
    [
        ({"cache_read_tokens": 10, "input_audio_tokens": 20}, True),
        ({"cache_read_tokens": 10, "input_audio_tokens": 20, "cache_read_audio_tokens": 0}, False),
        ({"cache_read_tokens": 0, "input_audio_tokens": 20}, False),
        ({"cache_read_tokens": 10, "input_image_tokens": 20}, True),
        ({"input_image_tokens": 20}, False),
    ],
)
def test_how_much_audio_or_image_came_from_the_cache_must_be_said(counts: dict[str, Any], unsaid: bool) -> None:
    assert read(**counts).overlap_unsaid[0] == unsaid


def test_how_long_it_takes_to_listen_is_usage_enough() -> None:
    heard = read(input_tokens=None, output_tokens=None, audio_seconds=90)
    assert (heard.missing[0], heard.audio_seconds[0]) == (False, 90)


@pytest.mark.parametrize(("seconds", "counted"), [(0, 0), (3, 10), (90, 90)])
def test_of_what_is_heard_at_least_the_minimum_counts_and_of_nothing_nothing(seconds: int, counted: int) -> None:
    row = {"input_tokens": 0, "audio_seconds": seconds}
    heard = pa.table({name: pa.array([row.get(name)], kind) for name, kind in (USAGE | {"flags": LABEL}).items()})
    assert read_usage(heard, np.array([10])).audio_seconds[0] == counted
