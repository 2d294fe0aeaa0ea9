"""Multipliers are exact: rounded once, half-even, and the parts add up."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spanledger.processors.pricing.charges import FEES, PARTS, TOTAL, Factors, multiply

AMOUNTS = st.lists(st.integers(0, 10**16), min_size=len(PARTS), max_size=len(PARTS))
FACTOR = st.fractions(0, 11, max_denominator=10**4)


def arrays(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def multiplied(amounts: list[int], tokens: Fraction, fees: Fraction) -> tuple[dict[str, int], bool]:
    bottom = tokens.denominator * fees.denominator
    factors = Factors(arrays(int(tokens * bottom)), arrays(int(fees * bottom)), arrays(bottom))
    found, too_much = multiply({part: arrays(amount) for part, amount in zip(PARTS, amounts, strict=True)}, factors)
    return {part: int(values[0]) for part, values in found.items()}, bool(too_much[0])


@given(AMOUNTS, FACTOR, FACTOR)
def test_the_total_is_the_exact_product_rounded_half_even_and_the_parts_add_up_to_it(
    amounts: list[int], tokens: Fraction, fees: Fraction
) -> None:
    found, too_much = multiplied(amounts, tokens, fees)
    exact = [amount * (fees if part == FEES else tokens) for part, amount in zip(PARTS, amounts, strict=True)]
    assert found[TOTAL] == round(sum(exact))
    assert sum(found[part] for part in PARTS) == found[TOTAL]
    assert all(abs(found[part] - share) <= 1 for part, share in zip(PARTS, exact, strict=True))
    assert too_much == (found[TOTAL] >= 10**18)


def test_halves_go_to_the_even_neighbour() -> None:
    halves = [multiplied([amount, 0, 0, 0, 0], Fraction(1, 2), Fraction(1))[0][TOTAL] for amount in (1, 3, 5, 7)]
    assert halves == [0, 2, 2, 4]


def test_an_amount_that_no_longer_fits_is_told() -> None:
    assert multiplied([10**18 - 1, 0, 0, 0, 0], Fraction(1), Fraction(1))[1] is False
    assert multiplied([10**18 - 1, 0, 0, 0, 0], Fraction(11, 10), Fraction(1))[1] is True
