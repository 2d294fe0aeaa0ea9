"""The rest: what no column wants is one JSON object a row, and what was left out of it is counted there."""

import json
import math
from typing import Any

import orjson
import pytest

from spanledger.processors.redact import ATTRIBUTES_MAX, DROPPED_KEY, TEXT_BYTES_MAX
from tests.oracle import call, calls, strict_json
from tests.otlp_requests import body, span

CHAT = ("gen_ai.operation.name", "chat")


def rest(attributes: dict[str, Any] | list[tuple[str, Any]], *, keep_content: bool = False) -> dict[str, Any] | None:
    items = list(attributes.items()) if isinstance(attributes, dict) else attributes
    (row,) = calls(body(span([CHAT, *items])), keep_content=keep_content)
    return row["attributes"] and strict_json(row["attributes"])


VALUES = {
    "a text": ("text", "text"),
    "an empty text": ("", ""),
    "quotes and backslashes": ('say "hi" \\ bye', 'say "hi" \\ bye'),
    "control characters": ("".join(map(chr, range(32))) + "\x7f", "".join(map(chr, range(32))) + "\x7f"),
    "all of Unicode": ("naïve 漢字 😀 \u2028\ufeff\uffff", "naïve 漢字 😀 \u2028\ufeff\uffff"),
    "a number": (42, 42),
    "the smallest number": (-(2**63), -(2**63)),
    "true": (True, True),
    "a double": (0.1, 0.1),
    "a huge double": (1.7976931348623157e308, 1.7976931348623157e308),
    "a tiny double": (5e-324, 5e-324),
    "a whole double": (3.0, 3.0),
    "minus zero": (-0.0, 0),
    "NaN": (math.nan, None),
    "infinity": (-math.inf, None),
    "bytes": (b"\xff\x00", None),
    "nothing": (None, None),
    "an empty list": ([], []),
    "a list": (["a", 1, 0.5, True, None, b"x", math.nan], ["a", 1, 0.5, True, None, None, None]),
    "an empty map": ({}, {}),
    "lists and maps in each other": ({"a": [{"b": ["c"]}], "": {}}, {"a": [{"b": ["c"]}], "": {}}),
}


@pytest.mark.parametrize(("sent", "stored"), VALUES.values(), ids=VALUES)
def test_every_kind_of_value_is_valid_json(sent, stored):
    assert rest({"app.value": sent}) == {"app.value": stored}


def test_every_kind_of_value_stands_beside_the_others():
    sent = {f"app.{name}": value for name, (value, _) in VALUES.items()}
    assert rest(sent) == {f"app.{name}": stored for name, (_, stored) in VALUES.items()}


@pytest.mark.parametrize("key", ["", 'a "quoted" key', "ключ 😀", "a\nb\0c", "back\\slash", "{}", ":,"])
def test_any_key_is_valid_json(key):
    assert rest({key: 1}) == {key: 1}


def test_what_fills_a_column_is_not_told_twice():
    assert rest({"gen_ai.request.model": "m", "user.id": "u", "gen_ai.usage.cost": 1.0, "app.x": 1}) == {"app.x": 1}


def test_where_nothing_is_left_there_is_no_object_and_the_neighbours_have_theirs():
    spans = [span([CHAT, *extra]) for extra in ([], [("app.x", 1)], [], [("app.x", 2), ("app.y", 3)])]
    assert [row["attributes"] for row in calls(body(*spans))] == [None, '{"app.x":1}', None, '{"app.x":2,"app.y":3}']


def test_a_text_of_the_greatest_length_stays_and_a_longer_one_is_left_out_and_counted():
    quotes = 2
    assert rest({"app.a": "x" * (TEXT_BYTES_MAX - quotes)}) == {"app.a": "x" * (TEXT_BYTES_MAX - quotes)}
    assert rest({"app.a": "x" * (TEXT_BYTES_MAX - quotes + 1), "app.b": 1}) == {"app.b": 1, DROPPED_KEY: 1}
    assert rest({"app.a": "é" * 200, "app.b": ["y" * 300], "app.c": {"z" * 300: 1}}) == {DROPPED_KEY: 3}


def test_as_many_attributes_as_opentelemetry_allows_stay_and_the_others_are_counted():
    many = {f"app.{number}": number for number in range(ATTRIBUTES_MAX + 2)}
    assert rest(dict(list(many.items())[:ATTRIBUTES_MAX])) == dict(list(many.items())[:ATTRIBUTES_MAX])
    assert rest(many) == dict(list(many.items())[:ATTRIBUTES_MAX]) | {DROPPED_KEY: 2}


def test_ten_thousand_attributes_of_one_span_leave_its_neighbours_whole():
    crowd = [(f"app.{number}", "v" * 10) for number in range(10_000)]
    rows = calls(body(span([CHAT, ("app.a", 1)]), span([CHAT, *crowd]), span([CHAT, ("app.b", 2)])))
    assert rows[0]["attributes"] == '{"app.a":1}'
    assert rows[2]["attributes"] == '{"app.b":2}'
    crowded = strict_json(rows[1]["attributes"])
    assert len(crowded) == ATTRIBUTES_MAX + 1
    assert crowded[DROPPED_KEY] == 10_000 - ATTRIBUTES_MAX


def test_neither_columns_nor_content_count_against_the_number():
    unwanted = {f"gen_ai.prompt.{number}.content": "x" for number in range(ATTRIBUTES_MAX)} | {"user.id": "u"}
    assert rest(unwanted | {"app.x": 1}) == {"app.x": 1}


def test_of_a_key_that_stands_twice_the_last_value_counts():
    assert rest([("app.x", 1), ("app.y", "between"), ("app.x", 2)]) == {"app.x": 2, "app.y": "between"}


def test_a_key_that_stands_often_is_one_key_and_the_others_keep_their_place():
    assert rest([*[("app.x", number) for number in range(ATTRIBUTES_MAX * 2)], ("app.y", 1)]) == {
        "app.x": ATTRIBUTES_MAX * 2 - 1,
        "app.y": 1,
    }


def test_a_longer_value_that_a_shorter_one_replaces_is_not_counted():
    assert rest([("app.x", "x" * 1000), ("app.x", "short")]) == {"app.x": "short"}


def test_with_content_nothing_is_left_out_for_its_length_or_number():
    sent = {f"app.{number}": number for number in range(500)} | {"gen_ai.prompt": "x" * 10_000}
    assert rest(sent, keep_content=True) == sent


def test_a_group_whose_only_values_are_empty_is_stored():
    rows = calls(body(span([CHAT, ("app.x", None)]), span([CHAT, ("app.y", b"bytes")]), span([CHAT, ("z", math.nan)])))
    assert [row["attributes"] for row in rows] == ['{"app.x":null}', '{"app.y":null}', '{"z":null}']


def test_the_object_is_what_any_reader_of_json_reads():
    text = call({f"app.{name}": value for name, (value, _) in VALUES.items()})["attributes"]
    assert json.loads(text) == orjson.loads(text)
