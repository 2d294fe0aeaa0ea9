"""A quote: what the names of a call lead to. Which price list, which rules, and in which words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from math import lcm
from typing import Final, NamedTuple, TypeAlias

from spanledger.processors.pricing.catalogue import Catalogue, Match
from spanledger.processors.pricing.conditions import PLACES, Condition
from spanledger.processors.pricing.plans import is_plan
from spanledger.processors.pricing.rules import (
    Alias,
    Asked,
    Discount,
    Override,
    OwnModel,
    Rule,
    Rules,
    SomeRule,
    Subscription,
    most_specific,
)
from spanledger.processors.pricing.variants import STANDARD, find_variant

STATUSES: Final = (
    "priced",
    "past_verified_until",
    "unknown_provider",
    "unknown_model",
    "missing_usage",
    "bad_usage",
    "unpriced_unit",
)
"""Values of `price_status`; of several reasons the first in this order is given."""
PRICED, PAST_VERIFIED_UNTIL, UNKNOWN_PROVIDER, UNKNOWN_MODEL, MISSING_USAGE, BAD_USAGE, UNPRICED_UNIT = range(
    len(STATUSES)
)

BASES: Final = ("estimated", "billed", "api_equivalent")
"""Values of `cost_basis`."""
ESTIMATED, BILLED, API_EQUIVALENT = range(len(BASES))

NAMES: Final = (
    *("provider", "request_model", "response_model", "service_tier", "speed", *PLACES),
    *("plan", "gateway_cache", "dialect"),
)
"""The columns that always decide on the price list and the basis."""
RULE_NAMES: Final = ("tenant", "team", "service_name")
"""The columns that decide where a rule asks for them."""

_MODELS: Final = ("response_model", "request_model")
"""Where a call names its model, the column to believe first first."""

SELLERS_REPORTING: Final = frozenset({"openrouter"})
"""Dialects in which the seller itself tells what it charged."""
CACHE_HIT: Final = "hit"
_CACHE_RULE: Final = "answered by a gateway from its own cache"
_ONE: Final = Fraction(1)

Call: TypeAlias = Mapping[str, str | None]
"""Column → what a call says there."""


@dataclass(frozen=True)
class Quote:
    """What the names of a call lead to on a day.

    `status`: `PRICED`, or why to no price. `number`: of the price list. `own_price`: the rule whose prices are taken
    before those of the list. `tokens`, `fees`: what these are multiplied by. `cached`: a gateway answered, nobody was
    paid. `seller_tells`: a cost that the record reports is what the seller charged. `tried`: the names that were looked
    for. `codes`: the same in integers. The rest says why.
    """

    status: int
    number: int
    rule: str | None = None
    basis: int = ESTIMATED
    own_price: OwnModel | Override | None = None
    tokens: Fraction = _ONE
    fees: Fraction = _ONE
    audio_seconds_min: int = 0
    cached: bool = False
    seller_tells: bool = False
    match: Match | None = None
    variant: str = STANDARD
    alias: Alias | None = None
    conditions: Sequence[Condition] = field(default=())
    discount: Discount | None = None
    subscription: Subscription | None = None
    tried: Sequence[str] = field(default=())
    codes: "Codes" = field(init=False)

    def __post_init__(self) -> None:
        denominator = lcm(self.tokens.denominator, self.fees.denominator)
        codes = Codes(
            *(self.status, self.number, self.basis, self.audio_seconds_min),
            cached=self.cached,
            own_price=self.own_price is not None,
            seller_tells=self.seller_tells and self.basis == ESTIMATED,
            multiplied=not self.tokens == self.fees == 1,
            tokens=int(self.tokens * denominator),
            fees=int(self.fees * denominator),
            denominator=denominator,
        )
        object.__setattr__(self, "codes", codes)


class Codes(NamedTuple):
    """A quote in integers, for arithmetic on many; factors are two numerators over one denominator."""

    status: int
    number: int
    basis: int
    audio_seconds_min: int
    cached: int
    own_price: int
    seller_tells: int
    multiplied: int
    tokens: int
    fees: int
    denominator: int


def quote(catalogue: Catalogue, rules: Rules, call: Call, day: date) -> Quote:
    """Find the price list and the rules that apply to a call on a day."""
    if call["gateway_cache"] == CACHE_HIT:
        return Quote(PRICED, catalogue.nothing, _CACHE_RULE, BILLED, cached=True)
    return _Quoting(catalogue, rules, call, day).quote()


@dataclass(frozen=True)
class _Quoting:
    """One call on one day, and what it is looked up in."""

    catalogue: Catalogue
    rules: Rules
    call: Call
    day: date

    def quote(self) -> Quote:
        provider = self.call["provider"]
        names = {column: name for column in _MODELS if (name := self.call[column])}
        asked = self._asked(provider, names)
        alias = self._applying(self.rules.aliases, asked)
        if alias is not None:
            provider, _, model = alias.means.partition("/")
            names = {alias.text: model}
            asked = self._asked(provider, names)
        own = self._applying(self.rules.models, asked)
        if own is not None:
            text = _joined(_said(alias), own.text)
            return self._finished(Quote(PRICED, self.catalogue.nothing, text, own_price=own, alias=alias), asked)
        tried: list[str] = []
        for source, model in names.items():
            tried += [f"{source}: {spelling}" for spelling in self.catalogue.spellings(provider, model)]
            if (match := self.catalogue.resolve(provider, model)) is not None:
                asked = asked._replace(seller=match.seller, model_key=match.model_key)
                start = Quote(PRICED, self.catalogue.nothing, f"{source} {match.rule}", alias=alias, tried=tried)
                return self._listed(start, match, asked)
        known = any(self.catalogue.provider_of(provider, model) for model in (*names.values(), None))
        status = UNKNOWN_MODEL if known else UNKNOWN_PROVIDER
        return Quote(status, self.catalogue.nothing, _said(alias), alias=alias, tried=tried)

    def _asked(self, provider: str | None, names: Mapping[str, str]) -> Asked:
        sellers = (self.catalogue.provider_of(provider, name) for name in names.values())
        return Asked(
            tenant=self.call.get("tenant"),
            provider=provider,
            models=tuple(names.values()),
            seller=next((seller for seller in sellers if seller), None),
            dialect=self.call["dialect"],
            team=self.call.get("team"),
            service_name=self.call.get("service_name"),
        )

    def _applying(self, rules: Sequence[SomeRule], asked: Asked) -> SomeRule | None:
        return most_specific(rules, asked, self.day)

    def _listed(self, start: Quote, match: Match, asked: Asked) -> Quote:
        """A quote for a model of the catalogue: its list, what the place adds, the price that replaces it."""
        places = {column: self.call[column] for column in PLACES}
        conditions = [
            one for one in self.catalogue.conditions if one.holds(match.seller, match.model_key, places, self.day)
        ]
        variant = find_variant(self.call["service_tier"], self.call["speed"])
        if variant == STANDARD:
            variant = next((one.variant for one in conditions if one.variant), variant)
        # One place is often said twice (a region and a residency): it costs the most of them, not one times the other.
        dearest = max(conditions, key=lambda one: one.factor, default=None)
        number = self.catalogue.list_of(match, variant)
        override = self._applying([one for one in self.rules.overrides if one.variant == variant], asked)
        sold = not any(one.unsold for one in conditions) and (number is not None or override is not None)
        said = [one.text for one in conditions if one is dearest or one.unsold or one.variant]
        listed = replace(
            start,
            status=PRICED if sold else UNPRICED_UNIT,
            number=self.catalogue.nothing if number is None else number,
            rule=_joined(start.rule, *said, _said(override)),
            own_price=override,
            tokens=dearest.factor if dearest else _ONE,
            audio_seconds_min=self.catalogue.audio_seconds_min.get(match.model_key, 0),
            match=match,
            variant=variant,
            conditions=conditions,
        )
        return self._finished(listed, asked)

    def _finished(self, start: Quote, asked: Asked) -> Quote:
        """What holds for models of the catalogue and for one's own: a discount, a plan."""
        discount = self._applying(self.rules.discounts, asked)
        subscription = self._applying(self.rules.subscriptions, asked)
        tokens, fees = start.tokens, start.fees
        if discount is not None:
            tokens *= discount.factor if discount.applies_to in {"all", "tokens"} else _ONE
            fees *= discount.factor if discount.applies_to in {"all", "fees"} else _ONE
        return replace(
            start,
            rule=_joined(start.rule, _said(discount), _said(subscription)),
            basis=API_EQUIVALENT if subscription is not None or is_plan(self.call["plan"]) else ESTIMATED,
            tokens=tokens,
            fees=fees,
            seller_tells=self.call["dialect"] in SELLERS_REPORTING,
            discount=discount,
            subscription=subscription,
        )


def _said(rule: Rule | None) -> str | None:
    return None if rule is None else rule.text


def _joined(*texts: str | None) -> str | None:
    return "; ".join(text for text in texts if text) or None
