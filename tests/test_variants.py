"""A service tier and a speed choose one of a model's price lists."""

import pytest

from spanledger.processors.pricing.variants import STANDARD, find_variant


@pytest.mark.parametrize(
    "tier", [None, "", "default", "standard", "STANDARD", "auto", "on_demand", "on-demand", "scale", "standard_only"]
)
@pytest.mark.parametrize("speed", [None, "standard", "normal"])
def test_what_is_nothing_special_is_standard(tier: str | None, speed: str | None) -> None:
    assert find_variant(tier, speed) == STANDARD


@pytest.mark.parametrize(
    ("tier", "speed", "variant"),
    [
        ("batch", None, "batch"),
        ("Flex", "standard", "flex"),
        ("priority", None, "priority"),
        (None, "fast", "fast"),
        ("standard", "fast", "fast"),
        ("fast", "fast", "fast"),
        ("priority", "fast", "priority"),
    ],
)
def test_a_wish_names_its_variant(tier: str | None, speed: str | None, variant: str) -> None:
    assert find_variant(tier, speed) == variant


def test_two_different_wishes_make_a_variant_that_nobody_sells() -> None:
    assert find_variant("batch", "fast") == "batch+fast"


def test_a_tier_that_nobody_knows_is_not_taken_for_standard() -> None:
    assert find_variant("ultrafast", None) == "ultrafast"
