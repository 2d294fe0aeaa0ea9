"""Limits under which nothing could be received are a mistake in the configuration."""

import dataclasses

import pytest

from spanledger.receiver.limits import Limits


def test_the_body_may_have_what_the_specification_recommends():
    assert Limits().body_bytes_max == 64 * 1024 * 1024


@pytest.mark.parametrize("field", dataclasses.fields(Limits), ids=lambda field: field.name)
@pytest.mark.parametrize("value", [0, -1])
def test_no_limit_is_zero_or_less(field, value):
    with pytest.raises(ValueError, match=f"^The limit {field.name} is {value}; it must be more than zero\\.$"):
        Limits(**{field.name: value})


def test_one_body_of_the_allowed_size_must_fit_in_what_all_may_have():
    assert Limits(body_bytes_max=10, in_flight_bytes_max=10).in_flight_bytes_max == 10
    with pytest.raises(ValueError, match=r"^The limit in_flight_bytes_max \(9\) is less than body_bytes_max \(10\): "):
        Limits(body_bytes_max=10, in_flight_bytes_max=9)
