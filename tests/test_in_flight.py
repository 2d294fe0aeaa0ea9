"""The memory for request bodies: shared by all, never exceeded, always given back."""

import pytest

from spanledger.receiver.contract import Busy
from spanledger.receiver.in_flight import InFlight


def test_shares_add_up_to_the_limit_and_not_beyond():
    in_flight = InFlight(100)
    with in_flight.share() as one, in_flight.share() as two:
        one.hold(60)
        two.hold(40)
        assert in_flight.bytes == 100
        with pytest.raises(
            Busy, match=r"^The requests being read take all the memory set aside for them: send this"
        ) as busy:
            two.hold(41)
        assert busy.value.retry_after_s == 1.0
        assert in_flight.bytes == 100
        one.hold(59)
        two.hold(41)


def test_a_share_is_given_back_whatever_happens():
    in_flight = InFlight(100)
    with in_flight.share() as share:
        share.hold(70)
        share.hold(30)
        assert in_flight.bytes == 30
    assert in_flight.bytes == 0
    with pytest.raises(Busy), in_flight.share() as share:
        share.hold(101)
    assert in_flight.bytes == 0
