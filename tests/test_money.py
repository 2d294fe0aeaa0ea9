"""Amounts travel between integers and decimals unchanged."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.processors.pricing.money import PICO_MAX, decimals, picos
from spanledger.storage.schema import MONEY, PICO

AMOUNTS = st.lists(st.none() | st.integers(-PICO_MAX, PICO_MAX))


def written(amounts: list[int | None]) -> pa.Array:
    pico = np.array([amount or 0 for amount in amounts], dtype=np.int64)
    return decimals(pico, np.array([amount is not None for amount in amounts], dtype=np.bool_))


@given(AMOUNTS)
def test_a_decimal_is_its_pico_dollars_over_ten_to_the_twelfth(amounts: list[int | None]) -> None:
    array = written(amounts)
    array.validate(full=True)
    assert array.type == MONEY
    assert array.to_pylist() == [None if amount is None else Decimal(amount) / PICO for amount in amounts]


@given(AMOUNTS, st.integers(0, 5))
def test_reading_is_the_inverse_of_writing_also_in_slices_and_chunks(amounts: list[int | None], start: int) -> None:
    array = written(amounts).slice(min(start, len(amounts)))
    for readable in (array, pa.chunked_array([array.slice(0, 2), array.slice(2)], type=MONEY)):
        pico, known = picos(readable)
        assert [int(value) if said else None for value, said in zip(pico, known, strict=True)] == amounts[start:]


def test_decimals_of_other_origin_are_read_too() -> None:
    pico, known = picos(pa.array([Decimal("0.000000000001"), None, Decimal("-2.5")], MONEY))
    assert pico.tolist() == [1, 0, -2_500_000_000_000]
    assert known.tolist() == [True, False, True]


@pytest.mark.parametrize("amount", [PICO_MAX + 1, -PICO_MAX - 1, 2**63 - 1, -(2**63)])
def test_an_amount_that_does_not_fit_is_refused_and_never_stored_as_another(amount: int) -> None:
    with pytest.raises(ValueError, match=r"an amount of more than 999999999999999999 pico-dollars does not fit"):
        written([1, amount])


def test_what_stands_behind_an_unknown_amount_does_not_matter() -> None:
    assert decimals(np.array([2**63 - 1]), np.array([False])).to_pylist() == [None]


def test_another_type_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"amounts are double, not decimal128\(18, 12\); cast them first"):
        picos(pa.array([0.1]))
