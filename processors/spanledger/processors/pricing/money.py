"""Between integer pico-dollars and the decimals of the ledger, without a Python object per row.

A decimal of Arrow is a 16-byte two's complement integer of its smallest unit, low half first; the smallest unit of
`schema.MONEY` is the pico-dollar. So an amount is the integer in the low half and its sign in the high half.
"""

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spanledger.storage.schema import MONEY

Integers: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

PICO_MAX: Final = 10**MONEY.precision - 1
"""The greatest amount `schema.MONEY` holds, 999,999.999999999999 dollars, in pico-dollars."""

_HALVES: Final = 2
"""64-bit halves of a decimal: low, high."""
_SIGN_BIT: Final = 63


def decimals(pico: Integers, known: Mask) -> pa.Array:
    """Write amounts as `schema.MONEY`.

    `pico`: pico-dollars, each within ±`PICO_MAX` where `known`; `known`: False makes an amount NULL; of one length.
    Raises ValueError for a known amount that the type cannot hold: it would be stored as something else.
    """
    amounts = np.where(known, pico, 0)
    if len(amounts) and (amounts.max() > PICO_MAX or amounts.min() < -PICO_MAX):
        raise ValueError(
            f"an amount of more than {PICO_MAX} pico-dollars does not fit {MONEY}; check it before writing"
        )
    halves = np.empty((len(amounts), _HALVES), dtype="<i8")
    halves[:, 0] = amounts
    halves[:, 1] = amounts >> _SIGN_BIT
    validity = pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.Array.from_buffers(MONEY, len(amounts), [validity, pa.py_buffer(halves)])


def picos(amounts: pa.Array | pa.ChunkedArray) -> tuple[Integers, Mask]:
    """Read amounts of `schema.MONEY` as (pico-dollars, known): the inverse of `decimals`; unknown amounts read 0.

    Raises ValueError for any other type.
    """
    if amounts.type != MONEY:
        raise ValueError(f"amounts are {amounts.type}, not {MONEY}; cast them first")
    array = amounts.combine_chunks() if isinstance(amounts, pa.ChunkedArray) else amounts
    known: Mask = array.is_valid().to_numpy(zero_copy_only=False)
    if not len(array):
        return np.zeros(0, dtype=np.int64), known
    halves = np.frombuffer(array.buffers()[1], dtype="<i8").reshape(-1, _HALVES)
    low = halves[array.offset : array.offset + len(array), 0]
    return np.where(known, low, 0), known
