"""A report in another currency: each call's cost at the rate of its day, from `prices.toml`. Nothing stored changes."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final, TypeAlias

from spanledger.cli.failures import Failed
from spanledger.dashboards.documents import Json, Report, sentence
from spanledger.processors.pricing.rules import CurrencyRate, Rules, RulesError

Ask: TypeAlias = Callable[[str | None, str | None], Report]
"""Makes the report from a time until another one, as people write them."""

_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)


def report_in(code: str, rules: Rules, ask: Ask, since: str | None, until: str | None) -> Report:
    """The report with `currency`, and `cost` in it beside every `cost_usd`.

    Raises Failed for a currency without a rate, or days without one on which something was spent.
    """
    rates = [rate for rate in rules.currencies if rate.code == code]
    if not rates:
        _refuse(rules, code, datetime.now(UTC).date())
    made = ask(since, until)
    costs: dict[tuple[Json, ...], Decimal] = {}
    for begin, end, rate in _spans(made, rates):
        part = ask(begin.isoformat(), end.isoformat())
        for group in part["groups"]:
            if group["cost_usd"] is None:
                continue
            if rate is None:
                _refuse(rules, code, (begin if begin > _FIRST else end - timedelta(days=1)).date())
            else:
                keys = tuple(group[name] for name in made["by"])
                costs[keys] = costs.get(keys, Decimal(0)) + Decimal(str(group["cost_usd"])) * rate.per_usd
    for group in made["groups"]:
        group["cost"] = _text(costs.get(tuple(group[name] for name in made["by"])))
    made["total"]["cost"] = _text(sum(costs.values(), Decimal(0)) if costs else None)
    made["currency"] = code
    return made


def _spans(made: Report, rates: list[CurrencyRate]) -> Iterator[tuple[datetime, datetime, CurrencyRate | None]]:
    """The time of a report, cut where a rate begins or ends, each part with the rate of its days."""
    first = datetime.fromisoformat(made["since"]) if made["since"] else _FIRST
    last = datetime.fromisoformat(made["until"]) if made["until"] else _LAST
    days = [day for rate in rates for day in (rate.valid_from, rate.valid_to) if day is not None]
    inside = sorted({first, last, *(edge for edge in map(_midnight, days) if first < edge < last)})
    for begin, end in pairwise(inside):
        yield begin, end, next((rate for rate in rates if _holds(rate, begin)), None)


def _holds(rate: CurrencyRate, moment: datetime) -> bool:
    begun = rate.valid_from is None or _midnight(rate.valid_from) <= moment
    return begun and (rate.valid_to is None or moment < _midnight(rate.valid_to))


def _refuse(rules: Rules, code: str, day: date) -> None:
    try:
        rules.rate_on(code, day)
    except RulesError as error:
        raise Failed(sentence(error)) from error


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
