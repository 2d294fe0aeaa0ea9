"""Hashes lie in ledgers for years: they never change, and depend on the text and the seed alone."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanledger.processors.hashing import TEXT_BYTES_MAX, hash_texts, seed_of

PINNED = {
    "": (0, 11723896891945031934),
    "a": (16523536517815256532, 7677566742460137785),
    "12345678": (1073515277496232502, 4137347791813279241),
    "123456789": (4190399779946121750, 10781549893549435530),
    "chatcmpl-ShKzuZcBC3CYSXZ68wTJFkjTFhmK2": (2267508341190642390, 2710697602880738435),
    "é😀": (11003568378679781062, 12580667038406883326),
    "0" * TEXT_BYTES_MAX: (2064136024016171459, 12979102005466005543),
    "0" * (TEXT_BYTES_MAX + 1): (6263074268778511529, 15843980010732285924),
}
"""Text → its hash with the seed 0, and with that of the tenant "default". A change here orphans every stored row."""

some_texts = st.lists(st.one_of(st.none(), st.text(max_size=20), st.sampled_from(["x" * 255, "y" * 300])), max_size=12)


def hashed(texts: list[str | None] | pa.StringArray, seed: int = 0) -> list[int]:
    column = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    return hash_texts(column, np.full(len(column), seed, np.uint64)).tolist()


def test_seeds_are_those_of_the_ledgers_that_exist():
    assert seed_of("") == 13020603013274838756
    assert seed_of("default") == 11723896891945031934


@pytest.mark.parametrize("text", PINNED, ids=lambda text: f"{len(text)} characters")
def test_a_text_hashes_as_in_the_ledgers_that_exist(text):
    assert hashed([text]) == [PINNED[text][0]]
    assert hashed([text], int(seed_of("default"))) == [PINNED[text][1]]


def test_a_text_hashes_alone_as_among_others_of_any_length():
    assert hashed(list(PINNED)) == [plain for plain, _ in PINNED.values()]


@settings(deadline=None, max_examples=60)
@given(some_texts, some_texts, some_texts)
def test_slices_and_their_neighbours_change_nothing(before, texts, after):
    whole = pa.array([*before, *texts, *after], pa.string())
    assert hashed(whole.slice(len(before), len(texts))) == hashed(texts) == [hashed([text])[0] for text in texts]


def test_null_hashes_like_the_empty_text_whatever_lies_beneath_it():
    data = b"abc" + b"d" * 300
    beneath = pa.StringArray.from_buffers(
        2, pa.py_buffer(np.array([0, 3, len(data)], np.int32)), pa.py_buffer(data), pa.py_buffer(b"\x00")
    )
    assert beneath.null_count == 2
    assert hashed(beneath, 7) == hashed(["", ""], 7) == hashed(pa.nulls(2, pa.string()), 7)


def test_zero_bytes_at_the_end_and_cuts_at_a_word_are_told_apart():
    texts = ["a", "a\0", "a\0\0", "\0", "\0" * 8, "\0" * 9, "12345678", "12345678\0", ""]
    assert len(set(hashed(texts, 1))) == len(texts)


def test_each_row_has_its_own_seed():
    seeds = np.array([1, 2, 1], np.uint64)
    for text in ("chatcmpl-1", "x" * 300):
        first, second, third = hash_texts(pa.array([text] * 3), seeds).tolist()
        assert first == third != second


def test_no_text_is_no_hash():
    assert hashed([]) == []


def test_near_texts_scatter_over_all_64_bits():
    hashes = np.array(hashed([f"chatcmpl-{number:06d}" for number in range(20_000)]), np.uint64)
    assert len(np.unique(hashes)) == len(hashes)
    for bit in range(64):
        share = float(((hashes >> np.uint64(bit)) & np.uint64(1)).mean())
        assert 0.47 < share < 0.53, f"bit {bit} is set in {share:.2%}"
