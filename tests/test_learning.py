"""Learning where logs appear: fruitful folders first, barren ones hardly ever, the pause as long as it is quiet."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.instrumentation.replay.learning import (
    BARREN_LOOKS,
    FRESH_S,
    PAUSE_MAX_S,
    PAUSE_MIN_S,
    STALE_S,
    STALE_WEIGHT,
    Learning,
)

NOW = 1_800_000_000.0


class Never(random.Random):
    def random(self) -> float:
        return 1.0


class Always(random.Random):
    def random(self) -> float:
        return 0.0


def learnt(*looks: tuple[str, int, float], chance: random.Random | None = None) -> Learning:
    learning = Learning(chance or Never())
    for folder, new, at in looks:
        learning.looked(folder, new, at)
    return learning


@pytest.mark.parametrize(
    ("age_s", "score"),
    [
        (0, 1.0),
        (FRESH_S, 1.0),
        ((FRESH_S + STALE_S) / 2, (1 + STALE_WEIGHT) / 2),
        (STALE_S, STALE_WEIGHT),
        (9 * STALE_S, STALE_WEIGHT),
    ],
)
def test_a_find_counts_less_the_older_it_is(age_s: float, score: float):
    assert learnt(("/a", 1, NOW - age_s)).of("/a").score(NOW) == pytest.approx(score)


def test_the_score_is_the_share_of_looks_that_found_something():
    learning = learnt(("/a", 3, NOW), ("/a", 0, NOW), ("/a", 0, NOW), ("/a", 1, NOW))
    assert learning.of("/a").score(NOW) == 0.5
    assert learning.of("/never").score(NOW) == 0.0


def test_likely_folders_come_first_and_barren_ones_not_at_all():
    looks = [("/good/a", 1, NOW), ("/good/b", 1, NOW), ("/good/b", 0, NOW)]
    looks += [("/bad/x", 0, NOW)] * BARREN_LOOKS
    learning = learnt(*looks)
    assert learning.choose(["/bad/x", "/good/b", "/good/a", "/good/a"], NOW) == ["/good/a", "/good/b"]


def test_a_find_takes_a_folder_out_of_the_barren_ones():
    learning = learnt(*[("/a", 0, NOW)] * BARREN_LOOKS)
    assert learning.of("/a").barren
    learning.looked("/a", 1, NOW)
    assert not learning.of("/a").barren
    assert learning.choose(["/a"], NOW) == ["/a"]


def test_folders_beside_fruitful_ones_and_new_ones_are_tried():
    learning = learnt(("/apps/one/logs", 1, NOW), ("/apps/one", 1, NOW))
    assert learning.choose(["/apps/two", "/apps/one", "/else/where"], NOW) == ["/apps/one", "/apps/two", "/else/where"]


def test_barren_folders_are_explored_now_and_then():
    learning = learnt(*[("/a", 0, NOW)] * BARREN_LOOKS, chance=Always())
    assert learning.choose(["/a"], NOW) == ["/a"]
    seldom = learnt(*[("/a", 0, NOW)] * BARREN_LOOKS, chance=random.Random(1))
    assert 50 < sum(bool(seldom.choose(["/a"], NOW)) for _ in range(1000)) < 150


def test_the_pause_shrinks_while_something_comes_and_grows_while_nothing_does():
    learning = Learning()
    busy = [learning.rest(1) for _ in range(10)]
    assert busy == sorted(busy, reverse=True)
    assert busy[-1] == PAUSE_MIN_S
    quiet = [learning.rest(0) for _ in range(20)]
    assert quiet == sorted(quiet)
    assert quiet[-1] == PAUSE_MAX_S


def test_it_is_kept_in_a_file_and_learnt_again_from_a_damaged_one(tmp_path: Path):
    file = tmp_path / "folders.json"
    learnt(("/a", 1, NOW), ("/b", 0, NOW)).save(file, NOW)
    again = Learning.load(file)
    assert again.of("/a").score(NOW) == 1.0
    assert again.of("/b").looks == 1
    assert [path.name for path in tmp_path.iterdir()] == ["folders.json"]
    for content in ("{", "[]", '{"/a": 1}', '{"/a": {"looks": "x"}}'):
        file.write_text(content)
        assert Learning.load(file).of("/a").looks == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.floats(NOW - 2 * STALE_S, NOW)), max_size=30))
def test_scores_are_shares(looks: list[tuple[str, int, float]]):
    learning = learnt(*looks)
    assert all(0.0 <= learning.of(folder).score(NOW) <= 1.0 for folder in "abc")
