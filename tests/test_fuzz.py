"""What the fuzzer once found stays found, and a short search finds nothing new."""

import pytest

from tests.fuzz.targets import CORPUS, outcome, seeds
from tests.mutation import mutated

SEARCHED = 2_000


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda path: path.name)
def test_the_kept_corpus_is_harmless(path):
    assert outcome(path.suffix, path.read_bytes())


def test_a_short_search_finds_nothing():
    pools = seeds()
    for seed in range(SEARCHED):
        kind = sorted(pools)[seed % len(pools)]
        assert outcome(kind, mutated(seed, pools[kind]))
