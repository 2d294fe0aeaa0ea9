"""Arithmetic of usage."""

import pytest

from spanledger.instrumentation.replay.records import Usage
from spanledger.instrumentation.replay.usage_sums import grown, has_tokens, prompt_said, whole_prompt


def test_a_prompt_is_its_parts_and_unknown_without_any() -> None:
    assert whole_prompt(1, 2, None) == 3
    assert whole_prompt(None, None) is None


@pytest.mark.parametrize(("said", "whole"), [(100, 100), (50, 50), (49, 99), (None, 50)])
def test_a_count_below_its_cached_part_leaves_it_out(said: int | None, whole: int) -> None:
    assert prompt_said(said, 50, None) == whole


def test_a_sum_grew_by_what_it_is_more_than_the_highest_of_each_count() -> None:
    assert grown({"in": 5, "out": 2}, {}) == {"in": 5, "out": 2}
    assert grown({"in": 7, "out": 1}, {"in": 5, "out": 2}) == {"in": 2, "out": 0}


def test_a_snapshot_that_comes_again_adds_nothing() -> None:
    assert grown({"in": 5}, {"in": 5}) is None
    assert grown({"in": 4}, {"in": 5}) is None


def test_usage_that_counts_nothing_has_no_tokens() -> None:
    assert not has_tokens(Usage(input_tokens=0, web_searches=1))
    assert has_tokens(Usage(output_tokens=1))
