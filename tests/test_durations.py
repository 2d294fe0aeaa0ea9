"""Durations as logs say them: what is absurd is nothing."""

import pytest

from spanledger.instrumentation.replay.durations import of_milliseconds, seconds_of


@pytest.mark.parametrize(
    ("said", "ns", "seconds"), [(1.5, 1_500_000, 0.0015), (0, 0, 0.0), (86_400_000, 86_400 * 10**9, 86_400.0)]
)
def test_milliseconds_are_taken_as_they_are(said: float, ns: int, seconds: float) -> None:
    assert (of_milliseconds(said), seconds_of(said)) == (ns, seconds)


@pytest.mark.parametrize("said", [None, -1, 1e300, 86_400_001, float("nan")])
def test_what_no_call_can_take_is_nothing(said: float | None) -> None:
    assert (of_milliseconds(said), seconds_of(said)) == (0, None)
