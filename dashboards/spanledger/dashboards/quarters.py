"""Usage in quarters of an hour: what blocks and heat maps are made of, in any time zone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from spanledger.dashboards.documents import Json
from spanledger.dashboards.render import values
from spanledger.storage.questions import usage_by_quarter
from spanledger.storage.sandbox import Reader

QUARTER: Final = timedelta(minutes=15)
"""Every time zone of our days is a whole number of these away from UTC."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Quarter:
    """What was used by the calls of a group that began in one quarter of an hour.

    `keys` are the values of the group's columns; `first_at` and `last_at` are when the first began and the last ended.
    """

    keys: tuple[Json, ...]
    begins: datetime
    first_at: datetime
    last_at: datetime
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    api_equivalent_usd: Decimal | None
    unpriced: int


def quarters(reader: Reader, by: Sequence[str], parameters: dict[str, object]) -> Iterator[Quarter]:
    """The quarters in which calls began, in no order. Raises LedgerError."""
    table = reader.query(usage_by_quarter(by), parameters)
    keys = zip(*map(values, table.columns[: len(by)]), strict=True) if by else iter([()] * table.num_rows)
    for key, row in zip(keys, table.select(range(len(by), table.num_columns)).to_pylist(), strict=True):
        begins = _EPOCH + row.pop("quarter") * QUARTER
        row["first_at"], row["last_at"] = (row[name].astimezone(UTC) for name in ("first_at", "last_at"))
        yield Quarter(keys=tuple(key), begins=begins, **row)
