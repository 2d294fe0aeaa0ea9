"""All prices of one model, flat: what `genai_prices` says of it, corrected by the overlay."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple, TypeAlias

from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from spanledger.processors.pricing.overlay import Correction, Promise
from spanledger.processors.pricing.price_rows import FIRST_DAY, PriceRow
from spanledger.processors.pricing.units import UNITS, UNPRICED, pico
from spanledger.processors.pricing.variants import CONTEXTS, STANDARD

_Constraint: TypeAlias = StartDateConstraint | TimeOfDateConstraint | None
_Prices: TypeAlias = dict[str, int]
"""Price name → pico-dollars."""

_FREE_PRICES: Final = {"input_mtok": 0, "output_mtok": 0}
_TOKENS: Final = "_mtok"
_WEEK: Final = range(7)


class _Moment(NamedTuple):
    """A day, a day of the week where that makes a difference, a second of the day, and a size of prompt."""

    day: date
    weekday: int | None
    second: int
    above: int | None

    @property
    def at(self) -> datetime:
        return datetime.combine(self.day, clock(self.second), UTC)


class _Cell(NamedTuple):
    """What applies in a cell, and whom it is from."""

    rates: tuple[int, ...]
    offered: bool
    correction: Correction | None


class _Window(NamedTuple):
    """A window of the week, and its cells by the size of prompt above which each applies."""

    weekdays: tuple[int, ...] | None
    second: int | None
    cells: tuple[tuple[int | None, _Cell], ...]


@dataclass(frozen=True)
class _List:
    """One price list in the making: a model's, for one variant."""

    model: ModelInfo
    variant: str
    free: bool
    overrides: Sequence[PriceVariant]
    standard_corrections: Sequence[Correction]
    own_corrections: Sequence[Correction]

    def days(self) -> list[date]:
        """The days on which a price may change, the first day of all first."""
        starts = {one.start_date for one in self._constraints() if isinstance(one, StartDateConstraint)}
        spans = {day for one in self._corrections() for day in (one.valid_from, one.valid_to) if day}
        return sorted({FIRST_DAY, *starts, *spans})

    def windows(self, day: date) -> list[_Window]:
        """The windows of the week on a day; one for all of it where prices do not follow the clock."""
        seconds = self._seconds()
        found = []
        for weekdays in self._weekdays():
            weekday = None if weekdays is None else weekdays[0]
            windows = [_Window(weekdays, second, self._cells(day, weekday, second)) for second in seconds]
            if all(window.cells == windows[0].cells for window in windows):
                windows = [windows[0]._replace(second=None)]
            found.append(windows)
        alike = all([one[1:] for one in windows] == [one[1:] for one in found[0]] for windows in found)
        chosen = [[one._replace(weekdays=None) for one in found[0]]] if alike else found
        return [window for windows in chosen for window in windows]

    def _cells(self, day: date, weekday: int | None, second: int) -> tuple[tuple[int | None, _Cell], ...]:
        sizes = self._sizes(_Moment(day, weekday, second, None))
        return tuple((above, self._cell(_Moment(day, weekday, second, above))) for above in sizes)

    def _cell(self, moment: _Moment) -> _Cell:
        prices = own_prices(self.model.get_prices(moment.at), moment.above)
        correction = None
        for one in self._holding(self.standard_corrections, moment):
            prices, correction = prices | dict(one.prices or {}), one
        offered = True
        if self.variant != STANDARD:
            prices, offered, correction = self._of_variant(moment, prices, correction)
        return _Cell(self._rates(prices), offered, correction)

    def _of_variant(
        self, moment: _Moment, standard: _Prices, correction: Correction | None
    ) -> tuple[_Prices, bool, Correction | None]:
        offered = any(_active(entry, moment.at) for entry in self.overrides)
        prices = standard | self._recorded(moment.at, moment.above)
        for one in self._holding(self.own_corrections, moment):
            if one.ends:
                offered = False
            elif one.backdated:
                first = self._first_recorded()
                if offered or first is None or not self._same_standard(moment, first):
                    continue
                prices, offered = standard | self._recorded(first, moment.above), True
            elif one.of_standard is not None:
                if offered:
                    continue
                prices, offered = _share(standard, one.of_standard), True
            else:
                prices, offered = prices | dict(one.prices or {}), True
            correction = one
        return prices, offered, correction

    def _recorded(self, at: datetime, above: int | None) -> dict[str, int]:
        """What the data says of the variant at a moment, the standard prices it keeps left out."""
        names = {name for entry in self.overrides if _active(entry, at) for name in vars(entry.prices)}
        prices = own_prices(self.model.get_prices(at, CONTEXTS.get(self.variant)), above)
        return {name: price for name, price in prices.items() if name in names}

    def _first_recorded(self) -> datetime | None:
        constraints = [entry.constraint for entry in self.overrides]
        starts = [one.start_date for one in constraints if isinstance(one, StartDateConstraint)]
        return datetime.combine(min(starts), time(), UTC) if starts else None

    def _same_standard(self, moment: _Moment, first: datetime) -> bool:
        then, later = self.model.get_prices(moment.at), self.model.get_prices(first)
        return own_prices(then, moment.above) == own_prices(later, moment.above)

    def _rates(self, prices: _Prices) -> tuple[int, ...]:
        priced = _FREE_PRICES if self.free and not prices else prices
        return tuple(next((priced[name] for name in chain if name in priced), UNPRICED) for chain in UNITS.values())

    def _sizes(self, moment: _Moment) -> list[int | None]:
        """The sizes of prompt above which any of the prices changes; None, for below all of them, first."""
        all_prices = [self.model.get_prices(moment.at, CONTEXTS.get(self.variant)), self.model.get_prices(moment.at)]
        if any(one.backdated for one in self.own_corrections) and (first := self._first_recorded()):
            all_prices.append(self.model.get_prices(first, CONTEXTS.get(self.variant)))
        tiered = [price for prices in all_prices for price in vars(prices).values() if isinstance(price, TieredPrices)]
        corrected = {one.prompt_above for one in self._corrections() if one.prompt_above is not None}
        return [None, *sorted({tier.start for price in tiered for tier in price.tiers} | corrected)]

    def _seconds(self) -> list[int]:
        """The seconds of the day, in UTC, at which a price may change; midnight first."""
        windows = [one for one in self._constraints() if isinstance(one, TimeOfDateConstraint)]
        said = {_second(end) for window in windows for end in (window.start_time, window.end_time)}
        corrected = {end for one in self._corrections() for span in one.hours or () for end in span}
        return sorted({0, *said, *corrected})

    def _weekdays(self) -> list[tuple[int, ...] | None]:
        """Groups of days of the week on which the same corrections hold; [None] where none asks for the day."""
        asked = [one.weekdays for one in self._corrections() if one.weekdays is not None]
        if not asked:
            return [None]
        groups: dict[tuple[bool, ...], list[int]] = {}
        for weekday in _WEEK:
            groups.setdefault(tuple(weekday in days for days in asked), []).append(weekday)
        return [tuple(days) for days in groups.values()]

    def _constraints(self) -> list[_Constraint]:
        return [*(record.constraint for record in _records(self.model)), *(one.constraint for one in self.overrides)]

    def _corrections(self) -> list[Correction]:
        return [*self.standard_corrections, *self.own_corrections]

    def _holding(self, corrections: Iterable[Correction], moment: _Moment) -> list[Correction]:
        return [one for one in corrections if one.holds(moment.day, moment.weekday, moment.second, moment.above)]


def flatten(
    provider_id: str,
    model: ModelInfo,
    corrections: Sequence[Correction] = (),
    promises: Sequence[Promise] = (),
    *,
    page: str | None = None,
    free: bool = False,
) -> Iterator[PriceRow]:
    """List all prices of a model, in ascending order of variant, day, window of the week and size of prompt.

    `corrections` and `promises` are those for this model; `page` is where its vendor states prices; a `free` model
    costs nothing although it has no prices.
    """
    model_key = f"{provider_id}/{model.id}"
    standard = [one for one in corrections if one.variant == STANDARD]
    for variant in dict.fromkeys([STANDARD, *CONTEXTS, *(one.variant for one in corrections)]):
        overrides = [entry for entry in model.price_variants or () if _selected(entry, variant)]
        own = [one for one in corrections if one.variant == variant and variant != STANDARD]
        if variant != STANDARD and not overrides and not own:
            continue
        prices = _List(model, variant, free, overrides, standard, own)
        before: list[_Window] = []
        for day in prices.days():
            windows = prices.windows(day)
            if windows != before:
                promise = _promise(promises, variant, day)
                yield from _rows(model_key, variant, day, windows, promise, page)
            before = windows


def _rows(
    model_key: str, variant: str, day: date, windows: Sequence[_Window], promise: Promise | None, page: str | None
) -> Iterator[PriceRow]:
    for window in windows:
        for above, cell in window.cells:
            source = cell.correction or promise
            yield PriceRow(
                *(model_key, variant, day, window.weekdays, window.second, above, cell.offered, cell.rates),
                page=source.page if source else page,
                checked_on=source.checked_on if source else None,
                verified_until=source.verified_until if source else None,
                known_from=cell.correction.known_from if cell.correction else None,
                why=source.why if source else None,
            )


def _promise(promises: Sequence[Promise], variant: str, day: date) -> Promise | None:
    found = [one for one in promises if one.variant in {None, variant} and one.valid_from <= day <= one.verified_until]
    return found[-1] if found else None


def own_prices(prices: ModelPrice, prompt_above: int | None) -> dict[str, int]:
    """Every price that is stated, in pico-dollars, for prompts above a size."""
    stated = {name: price for name, price in vars(prices).items() if price is not None}
    return {name: pico(name, _of_size(price, prompt_above)) for name, price in stated.items()}


def _of_size(price: Decimal | TieredPrices, prompt_above: int | None) -> Decimal:
    if not isinstance(price, TieredPrices):
        return price
    reached = [tier.price for tier in price.tiers if prompt_above is not None and tier.start <= prompt_above]
    return reached[-1] if reached else price.base


def _share(standard: _Prices, share: Fraction) -> dict[str, int]:
    """A share of the prices of tokens; fees stay."""
    return {name: round(price * share) if name.endswith(_TOKENS) else price for name, price in standard.items()}


def _records(model: ModelInfo) -> Sequence[ConditionalPrice]:
    return model.prices if isinstance(model.prices, list) else (ConditionalPrice(prices=model.prices),)


def _selected(entry: PriceVariant, variant: str) -> bool:
    return entry.when.items() <= CONTEXTS.get(variant, {}).items()


def _active(entry: PriceVariant, moment: datetime) -> bool:
    return entry.constraint is None or entry.constraint.active(moment)


def _second(of_day: time) -> int:
    moment = datetime.combine(FIRST_DAY, of_day)
    utc = moment.astimezone(UTC) if of_day.tzinfo else moment
    return utc.hour * 3600 + utc.minute * 60 + utc.second


def clock(second: int) -> time:
    """The time of day of a second of it."""
    return (datetime.min + timedelta(seconds=second)).time()
