"""Text hashes: equal texts have equal hashes, wherever they stand and however they are written down."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from spanledger.storage.text_hashes import TextHashes, text_hashes

NAMES = st.lists(st.one_of(st.none(), st.text(max_size=12)), max_size=20)


@given(NAMES)
def test_hashes_are_equal_exactly_where_the_names_are(names):
    hashes = text_hashes(pa.chunked_array([pa.array(names, pa.string())])).tolist()
    assert [one == 0 for one in hashes] == [name is None for name in names]
    assert len(set(hashes)) == len(set(names))


@given(NAMES, st.integers(0, 20))
def test_a_hash_does_not_depend_on_chunks_slices_or_dictionaries(names, cut):
    whole = pa.array(["before", *names], pa.string())
    hashes = text_hashes(pa.chunked_array([pa.array(names, pa.string())]))
    for column in (
        pa.chunked_array([whole.slice(1)]),
        pa.chunked_array([whole.slice(1, cut), whole.slice(1 + cut)]),
        pa.chunked_array([whole.dictionary_encode().slice(1)]),
    ):
        assert np.array_equal(text_hashes(column), hashes)


def test_sessions_of_some_records_are_those_of_all():
    sessions = TextHashes(pa.chunked_array([["a", None, "b", "a"]]))
    picked = sessions.take(np.array([3, 1, 2])).take(np.array([0, 2]))
    assert picked.hashes.tolist() == sessions.hashes[[3, 2]].tolist()


def test_the_only_text_of_some_is_told():
    texts = TextHashes(pa.chunked_array([pa.array(["a", None, "b", "a"]).dictionary_encode()]))
    assert texts.only() is None
    assert texts.take(np.array([3, 0])).only() == "a"
    assert texts.take(np.array([1])).only() is None
    assert texts.take(np.zeros(0, np.int64)).only() is None
