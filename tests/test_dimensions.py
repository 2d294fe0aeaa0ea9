"""Texts of few distinct values stand once in the ledger, under a key that never changes."""

from hypothesis import given
from hypothesis import strategies as st

from spanledger.storage.dimensions import key_of, split
from spanledger.storage.schema import COLUMNS, DIMENSION_KEYS, DIMENSIONS, FACTS, LABEL
from tests.records import batch, record


def test_every_label_column_lies_in_exactly_one_dimension():
    labels = [name for name, kind in COLUMNS.items() if kind is LABEL]
    assert sorted(name for names in DIMENSIONS.values() for name in names) == sorted(labels)


def test_a_key_is_for_ever():
    assert key_of(("default", None, "chatbot")) == 11669480030513927817


def test_the_absent_and_the_empty_text_are_different():
    assert key_of((None,)) != key_of(("",))


@given(st.lists(st.tuples(st.sampled_from(["ml", "web", None]), st.sampled_from(["a", "b", ""]))))
def test_rows_find_their_texts_again_by_their_keys(pairs):
    rows = batch(record(n, team=team, feature=feature) for n, (team, feature) in enumerate(pairs))
    facts, dimensions = split(rows)
    assert facts.column_names == [*FACTS, *DIMENSION_KEYS.values()]
    places = [DIMENSIONS["owners"].index(name) for name in ("team", "feature")]
    owners = [dimensions["owners"][key] for key in facts.column("owner_key").to_pylist()]
    found = [tuple(owner[place] for place in places) for owner in owners]
    assert found == pairs
    assert len(dimensions["owners"]) == len(set(pairs))


def test_as_many_texts_as_rows_still_fit():
    names = [name for name in DIMENSIONS["models"] if name != "operation"]
    rows = batch(record(n, **{name: f"{name}-{n}" for name in names}) for n in range(3000))
    facts, dimensions = split(rows)
    assert len(set(facts.column("model_key").to_pylist())) == 3000 == len(dimensions["models"])
