"""Explain costs: from the names of a call to its price row, its units, multipliers and sum."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from spanledger.processors.pricing.charges import PARTS, TOTAL, items
from spanledger.processors.pricing.conditions import decimal_text
from spanledger.processors.pricing.price import Reckoned, reckon, rule_of
from spanledger.processors.pricing.price_book import PriceBook
from spanledger.processors.pricing.price_rows import FIRST_DAY, PriceRow, clock_text, days_text
from spanledger.processors.pricing.quotes import BASES, STATUSES, Quote
from spanledger.processors.pricing.rules import Rule
from spanledger.processors.pricing.units import PER, dollars_per
from spanledger.storage.schema import PICO, Batch

_REASONS: Final[Mapping[str, str]] = {
    "past_verified_until": "the price was promised until an earlier day, and nobody has said since what it is",
    "unknown_provider": "no provider of this name is in the catalogue",
    "unknown_model": "no model of this name is in the catalogue; an alias or a price of your own helps",
    "missing_usage": "the record does not say how much was used",
    "bad_usage": "the counts contradict each other, or come to a million dollars and more",
    "unpriced_unit": "something that was used has no price in the catalogue",
}


@dataclass(frozen=True)
class Line:
    """One line of a bill: so many of a unit at a rate, `per` a million, a thousand, an hour."""

    part: str
    unit: str
    count: int
    rate_usd: Decimal
    per: str
    usd: Decimal


@dataclass(frozen=True)
class Factor:
    """What a part of the bill was multiplied by, and why."""

    factor: str
    applies_to: str
    why: str
    page: str | None = None
    checked_on: date | None = None


@dataclass(frozen=True)
class Source:
    """The price row that was used: whom it is from, and when it holds."""

    price_id: str
    page: str | None = None
    checked_on: date | None = None
    valid_from: date | None = None
    weekdays: str | None = None
    from_time_utc: str | None = None
    prompt_above: int | None = None
    verified_until: date | None = None
    why: str | None = None


@dataclass(frozen=True)
class Explanation:
    """How the cost of one call came about, or why it is not known; amounts are dollars.

    `tried` are the names that were looked for, the first that is in the catalogue counts; `rule` says which clause and
    which rules applied. `parts` are the cost columns.
    """

    provider: str | None
    request_model: str | None
    response_model: str | None
    tried: Sequence[str]
    model_key: str | None
    variant: str | None
    rule: str | None
    price_status: str
    reason: str | None
    source: Source | None
    lines: Sequence[Line]
    factors: Sequence[Factor]
    cost_basis: str | None
    cost_usd: Decimal | None
    parts: Mapping[str, Decimal]
    reported_cost_usd: Decimal | None
    catalogue_id: str

    def to_json(self) -> dict[str, Any]:
        """As JSON: amounts and days as text, exact."""
        return {key: _json(value) for key, value in asdict(self).items()} | {"arithmetic": list(self.arithmetic())}

    def arithmetic(self) -> Iterator[str]:
        """The sum as it would be written on paper, a line each."""
        for line in self.lines:
            yield (
                f"{line.count:,} {line.unit.replace('_', ' ')} × ${line.rate_usd} per {line.per} = ${_plain(line.usd)}"
            )
        for factor in self.factors:
            yield f"{factor.applies_to} × {factor.factor}: {factor.why}"
        if self.cost_usd is not None:
            yield f"= ${_plain(self.cost_usd)}"
        if self.reason is not None:
            yield self.reason


def explain(batch: Batch, book: PriceBook) -> list[Explanation]:
    """Explain the cost of every call of a batch: one entry a row, in order. The batch has the columns of `CALLS`."""
    reckoned = reckon(batch, book)
    names = batch.select(["provider", "request_model", "response_model", "reported_cost_usd"]).to_pylist()
    lines = _lines(reckoned)
    return [_explanation(book, reckoned, call, lines[row], row) for row, call in enumerate(names)]


def _explanation(
    book: PriceBook, reckoned: Reckoned, call: Mapping[str, Any], lines: Sequence[Line], row: int
) -> Explanation:
    quote = reckoned.quotes[reckoned.which[row]]
    known = bool(reckoned.known[row])
    status = STATUSES[reckoned.status[row]]
    amounts = {part: Decimal(int(reckoned.amounts[part][row])) / PICO for part in (TOTAL, *PARTS)}
    priced = known and not quote.cached
    return Explanation(
        **call,
        tried=quote.tried,
        model_key=quote.match.model_key if quote.match else None,
        variant=quote.variant if quote.match else None,
        rule=rule_of(quote, is_sum=bool(reckoned.usage.is_sum[row])),
        price_status=status,
        reason=_REASONS.get(status),
        source=_source(book, reckoned, quote, row) if priced else None,
        lines=lines if priced else (),
        factors=list(_factors(quote)) if priced else (),
        cost_basis=BASES[reckoned.basis[row]] if known else None,
        cost_usd=amounts[TOTAL] if known else None,
        parts={part: amounts[part] for part in PARTS} if known else {},
        catalogue_id=book.catalogue.id,
    )


def _lines(reckoned: Reckoned) -> list[list[Line]]:
    """The lines of every call's bill: what was used, units of which there were none left out."""
    lines: list[list[Line]] = [[] for _ in range(len(reckoned.which))]
    for part, unit, counts in items(reckoned.usage, reckoned.rates):
        for row in counts.nonzero()[0].tolist():
            count, rate = int(counts[row]), int(reckoned.rates[unit][row])
            usd = Decimal(count * rate) / PICO
            lines[row].append(Line(part, unit, count, dollars_per(unit, rate), PER[unit], usd))
    return lines


def _factors(quote: Quote) -> Iterator[Factor]:
    dearest = max(quote.conditions, key=lambda one: one.factor, default=None)
    if dearest is not None and dearest.factor != 1:
        why = f"{dearest.column}: {dearest.why}"
        yield Factor(decimal_text(dearest.factor), "tokens", why, dearest.page, dearest.checked_on)
    if quote.discount is not None:
        why = _named(quote.discount)
        yield Factor(decimal_text(quote.discount.factor), quote.discount.applies_to, why)


def _source(book: PriceBook, reckoned: Reckoned, quote: Quote, row: int) -> Source:
    price_id = reckoned.price_ids[reckoned.price[row]]
    if quote.own_price is not None:
        rule = quote.own_price
        return Source(price_id, valid_from=rule.valid_from, why=_named(rule))
    listed: PriceRow = book.catalogue.rows[reckoned.cells[row]]
    return Source(
        price_id,
        page=listed.page,
        checked_on=listed.checked_on,
        valid_from=None if listed.valid_from == FIRST_DAY else listed.valid_from,
        weekdays=None if listed.weekdays is None else days_text(listed.weekdays),
        from_time_utc=None if listed.second is None else clock_text(listed.second),
        prompt_above=listed.prompt_above,
        verified_until=listed.verified_until,
        why=listed.why,
    )


def _named(rule: Rule) -> str:
    where = f", line {rule.line}" if rule.line else ""
    return f'{rule.kind} "{rule.name}"{where}'


def _plain(amount: Decimal) -> str:
    """A number without an exponent."""
    return f"{amount.normalize():f}"


def _json(value: object) -> Any:
    match value:
        case Decimal():
            return _plain(value)
        case date():
            return value.isoformat()
        case Fraction():
            return decimal_text(value)
        case dict():
            return {key: _json(one) for key, one in value.items()}
        case list() | tuple():
            return [_json(one) for one in value]
        case _:
            return value
