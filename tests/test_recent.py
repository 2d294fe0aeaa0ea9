"""Recent: what was planned last is found in memory, whole calls only, until it is let go of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.storage import recent as module
from spanledger.storage.aliases import Aliases
from spanledger.storage.likeness import keys_asked
from spanledger.storage.recent import Recent
from tests.records import batch, many, record


@pytest.fixture
def let_go():
    return []


@pytest.fixture
def recent(let_go):
    kept = Recent(lambda aliases, stood: let_go.extend(aliases.record[np.unique(stood.of)].tolist()))
    kept.want()
    return kept


def of_call(call, *records):
    """Records of one call."""
    rows = batch(records)
    at = rows.schema.get_field_index("call_id")
    return rows.set_column(at, rows.schema.field(at), [np.full(len(records), call, np.uint64)])


def spans(rows):
    return sorted(int(span, 16) for span in rows.column("span_id").to_pylist())


def found(recent, rows):
    """The spans found by the names of some records."""
    return spans(recent.calls_of(recent.named(np.unique(Aliases.of(rows).kinds))))


def test_nothing_is_kept_before_it_is_wanted(let_go):
    unwanted = Recent(lambda aliases, stood: let_go.extend(aliases.record[np.unique(stood.of)].tolist()))
    unwanted.add([many(3)])
    assert found(unwanted, many(3)) == []
    assert let_go == []


def test_a_name_finds_all_records_of_its_call_and_of_no_other(recent):
    recent.add([of_call(7, record(1, "chatcmpl-aaaa"), record(2, "chatcmpl-bbbb")), of_call(8, record(3))])
    assert found(recent, batch([record(9, "chatcmpl-bbbb")])) == [1, 2]


def test_a_record_is_found_by_itself(recent):
    recent.add([of_call(7, record(1)), of_call(8, record(2))])
    assert found(recent, batch([record(2)])) == [2]


def test_a_call_that_was_replaced_is_found_as_it_is_now(recent):
    recent.add([of_call(7, record(1, "chatcmpl-aaaa"))])
    recent.add([of_call(6, record(1, "chatcmpl-aaaa"), record(2, "chatcmpl-aaaa"))], np.array([7], np.uint64))
    rows = recent.calls_of(recent.named(Aliases.of(batch([record(2)])).record))
    assert (spans(rows), set(rows.column("call_id").to_pylist())) == ([1, 2], {6})


def test_what_there_is_no_room_for_is_let_go_of_the_oldest_first(recent, let_go, monkeypatch):
    first, second = many(5), many(5, first=5)
    monkeypatch.setattr(module, "BYTES_MAX", int(1.5 * second.nbytes))
    recent.add([first])
    recent.add([second])
    assert sorted(let_go) == sorted(Aliases.of(first).record.tolist())
    assert found(recent, first) == []
    assert found(recent, second) == [5, 6, 7, 8, 9]


def test_a_replaced_call_is_not_let_go_of_a_second_time(recent, let_go):
    recent.add([of_call(7, record(1, "chatcmpl-aaaa"))])
    recent.add([of_call(6, record(1, "chatcmpl-aaaa"), record(2, "chatcmpl-aaaa"))], np.array([7], np.uint64))
    recent.drop()
    assert len(let_go) == 2


def test_batches_in_which_it_did_not_help_end_it(recent, let_go, monkeypatch):
    monkeypatch.setattr(module, "UNUSED_BATCHES_MAX", 3)
    for number in range(4):
        recent.add([many(1, first=number)])
    assert not recent.wanted
    assert len(let_go) == 4


@pytest.mark.parametrize(
    ("kept", "asks", "alike"),
    [
        ({"anonymous": True}, {"anonymous": False}, True),
        ({"anonymous": False}, {"anonymous": True}, True),
        ({"anonymous": False}, {"anonymous": False}, False),
    ],
)
def test_likeness_counts_where_one_side_has_no_name(recent, kept, asks, alike):
    def rows(number, anonymous):
        told = batch([record(number, dialect=f"dialect {number}")])
        at = told.schema.get_field_index("anonymous")
        return told.set_column(at, told.schema.field(at), [[anonymous]])

    recent.add([rows(1, **kept)])
    aliases = Aliases.of(rows(2, **asks))
    asked = keys_asked(aliases)
    places, numbers = recent.alike(asked.keys, aliases.anonymous[asked.of], aliases.dialects.hashes[asked.of])
    assert bool(len(places)) == alike
    assert recent.has_print(aliases.fingerprint, aliases.anonymous).tolist() == [alike]
    assert spans(recent.calls_of(numbers)) == ([1] if alike else [])


def test_records_of_one_dialect_are_not_alike_however_many_there_are(recent):
    def equal(number, dialect):
        return record(number, dialect=dialect)

    recent.add([batch([equal(1, "first"), equal(2, "first"), equal(3, "second")])])
    aliases = Aliases.of(batch([equal(4, "second"), equal(5, "first"), equal(6, "third")]))
    for row in range(3):
        one = aliases.take(np.array([row]))
        asked = keys_asked(one)
        places, _ = recent.alike(asked.keys, one.anonymous[asked.of], one.dialects.hashes[asked.of])
        assert len(places), f"record {row} has one of another dialect beside it"
    recent.clear()
    recent.want()
    recent.add([batch([equal(1, "first"), equal(2, "first")])])
    asked = keys_asked(aliases)
    places, numbers = recent.alike(asked.keys, aliases.anonymous[asked.of], aliases.dialects.hashes[asked.of])
    assert set(asked.of[places].tolist()) == {0, 2}
    assert spans(recent.calls_of(numbers)) == [1, 2]


@pytest.mark.parametrize(("output", "repeated"), [(9, True), (10, True), (11, False)])
def test_a_record_is_a_repeat_if_it_says_no_more(recent, output, repeated):
    recent.add([batch([record(1)])])
    again = Aliases.of(batch([record(1, output_tokens=output), record(2)]))
    assert recent.repeats(again.record, again.completeness).tolist() == [repeated, False]


@given(st.lists(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 99)), max_size=9), max_size=12), st.data())
def test_an_index_finds_every_row_under_its_key(parts, data):
    index = module._Index()
    for pairs in parts:
        keys, rows = (np.array([pair[place] for pair in pairs], np.int64) for place in range(2))
        index.add(keys.astype(np.uint64), rows)
    asked = data.draw(st.lists(st.integers(0, 35), max_size=9))
    keys = np.array(asked, np.uint64)
    places, rows = index.find(keys)
    held = [pair for pairs in parts for pair in pairs]
    wanted = [(asked.index(key), row) for key, row in held if key in asked]
    assert sorted(zip(places.tolist(), rows.tolist(), strict=True)) == sorted(wanted)
    assert index.has(keys).tolist() == [any(key == one for one, _ in held) for key in asked]
