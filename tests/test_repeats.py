"""Records without names: equal ones at one time are told apart, and alike in every copy."""

import json

from spanledger.instrumentation.replay.repeats import Repeats


def test_equal_records_of_one_time_are_numbered() -> None:
    repeats = Repeats({})
    assert [repeats.numbered(1, key) for key in "aaba"] == ["a", "a#1", "b", "a#2"]
    assert repeats.numbered(2, "a") == "a"


def test_a_log_that_is_read_in_parts_is_numbered_as_if_at_once() -> None:
    state: dict[str, object] = {}
    Repeats(state).numbered(1, "a")
    kept = json.loads(json.dumps(state))
    assert Repeats(kept).numbered(1, "a") == "a#1"


def test_what_was_remembered_at_a_mark_does_not_change() -> None:
    state: dict[str, object] = {}
    repeats = Repeats(state)
    repeats.numbered(1, "a")
    marked = dict(state)
    repeats.numbered(1, "a")
    assert Repeats(marked).numbered(1, "a") == "a#1"
