"""One price: what each unit of a model costs from a day on, in a window of the week, above a size of prompt."""

from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from spanledger.processors.pricing.variants import STANDARD

FIRST_DAY: Final = date(1970, 1, 1)
"""Start of a model's first prices: the data does not say when they began."""

DAY_NAMES: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class PriceRow(NamedTuple):
    """What a model costs in one cell of the catalogue.

    `valid_from`: `FIRST_DAY` where the data does not say. `weekdays`: 0 is Monday, None for every day. `second`: of the
    UTC day, where a window begins; None where prices do not follow the clock. `prompt_above`: None for the price of
    short prompts. `offered`: whether the variant was for sale then. `rates`: pico-dollars, in the order of
    `units.UNITS`. `page`: where the vendor states it; `checked_on`: the day somebody compared, None where the data does
    not say; `verified_until`: the last day for which the vendor promised it; `known_from`: when it became known, where
    it was not as it was to be expected; `why`: why it is not what `genai_prices` says.
    """

    model_key: str
    variant: str
    valid_from: date
    weekdays: tuple[int, ...] | None
    second: int | None
    prompt_above: int | None
    offered: bool
    rates: tuple[int, ...]
    page: str | None = None
    checked_on: date | None = None
    verified_until: date | None = None
    known_from: date | None = None
    why: str | None = None

    @property
    def price_id(self) -> str:
        """Name the row: `openai/gpt-6-sol@2026-10-14+batch>272000`, each part only where it says something."""
        day = "" if self.valid_from == FIRST_DAY else f"{self.valid_from}"
        clock = "" if self.second is None else f"T{clock_text(self.second)}"
        days = "" if self.weekdays is None else f"({days_text(self.weekdays)})"
        since = f"@{day}{clock}{days}" if day or clock or days else ""
        variant = "" if self.variant == STANDARD else f"+{self.variant}"
        size = "" if self.prompt_above is None else f">{self.prompt_above}"
        return f"{self.model_key}{since}{variant}{size}"


def clock_text(second: int) -> str:
    """A second of the day as hours and minutes."""
    return f"{datetime.min + timedelta(seconds=second):%H:%M}"


def days_text(weekdays: tuple[int, ...]) -> str:
    """Days of the week in words: `Mon-Fri`, `Sat,Sun`."""
    first, last = weekdays[0], weekdays[-1]
    if len(weekdays) > 2 and weekdays == tuple(range(first, last + 1)):
        return f"{DAY_NAMES[first]}-{DAY_NAMES[last]}"
    return ",".join(DAY_NAMES[day] for day in weekdays)
