"""Rules of one's own: what names mean, what models cost, discounts, subscriptions, currencies.

Of a call, in this order: an alias says which model its name means; a model of one's own has the price that its rule
gives; else the catalogue has, and a replacement price takes the place of those prices it names; then what the place
adds to it (`conditions`); then a discount takes its part off. Of several rules of one kind the most specific applies:
one for a tenant before one for all, then the one that spells out more of the model's name, then one that names the
provider, then the later one in the file. They do not add up. A subscription changes no amount, only what the amount is
(`cost_basis`). Currencies are for reading only: the ledger holds dollars.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias, TypeVar

from spanledger.processors.pricing.conditions import decimal_text, matches, within
from spanledger.processors.pricing.provider_names import comparable
from spanledger.processors.pricing.units import dollars_per
from spanledger.processors.pricing.variants import STANDARD

APPLIES_TO: Final = ("all", "tokens", "fees")
"""What a discount may be taken off."""

_ID_LENGTH: Final = 12
_ARN: Final = "arn:"
"""How names begin that have a slash and name no provider before it."""

Tier: TypeAlias = tuple[int | None, Mapping[str, int]]
"""Above which size of prompt (None: from the first token on), and unit → pico-dollars."""


class RulesError(Exception):
    """Rules that cannot be used, in one sentence: which file, line and rule, what is wrong, what to do."""


class Asked(NamedTuple):
    """A call as rules see it.

    `provider` and `models` as it says them, the response's model first; `seller` is whose price list applies and
    `model_key` the catalogue's model, None where unknown.
    """

    tenant: str | None
    provider: str | None
    models: tuple[str, ...]
    seller: str | None = None
    model_key: str | None = None
    dialect: str | None = None
    team: str | None = None
    service_name: str | None = None


@dataclass(frozen=True)
class Rule:
    """What all rules have: a scope, a span of days (UTC, `valid_to` is the first day without it), a line in the file.

    `model` is a pattern: `*` stands for any characters. With a slash and without `provider` it is compared with
    "provider/model" (an ARN is not), else with the model's name: as the call says it, and as the catalogue calls it.
    """

    kind: ClassVar[str] = ""
    name: str
    tenant: str | None = None
    provider: str | None = None
    model: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    line: int = field(default=0, compare=False)

    @property
    def content(self) -> dict[str, Any]:
        """What the rule says, as JSON: the same rule on any line has the same content."""
        said = {one.name: _json(getattr(self, one.name)) for one in fields(self) if one.name != "line"}
        return {"kind": self.kind} | {key: value for key, value in said.items() if value is not None}

    @property
    def id(self) -> str:
        """The hash of what it says."""
        text = json.dumps(self.content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_ID_LENGTH]

    @property
    def text(self) -> str:
        """Say which rule it is, for `price_rule`."""
        return f'{self.kind} "{self.name}" {self.id}'

    @property
    def scope(self) -> tuple[Any, ...]:
        """What it holds for: two rules of one kind and scope must not hold at one time."""
        provider = comparable(self.provider) if self.provider else None
        return (self.kind, self.tenant, provider, self.model.casefold() if self.model else None)

    @property
    def specific(self) -> tuple[int, ...]:
        """How specific it is: the greater applies."""
        letters = len(self.model.replace("*", "")) if self.model else 0
        exact = self.model is not None and "*" not in self.model
        return (self.tenant is not None, exact, letters, self.provider is not None, self.line)

    def holds(self, asked: Asked, day: date) -> bool:
        """Whether it applies to a call on a day."""
        return (
            within(day, self.valid_from, self.valid_to)
            and self.tenant in {None, asked.tenant}
            and (self.provider is None or self._sold(asked))
            and (self.model is None or any(matches(self.model, name) for name in self._names(asked)))
        )

    def _sold(self, asked: Asked) -> bool:
        mine = comparable(self.provider or "")
        return mine in {comparable(name) for name in (asked.provider, asked.seller) if name}

    def _names(self, asked: Asked) -> list[str]:
        names = list(asked.models)
        if asked.model_key:
            names.append(asked.model_key.partition("/")[2])
        if self.provider is None and "/" in (self.model or "") and not (self.model or "").startswith(_ARN):
            sellers = [seller for seller in (asked.provider, asked.seller) if seller]
            return [f"{seller}/{name}" for seller in sellers for name in names]
        return names


@dataclass(frozen=True)
class Alias(Rule):
    """Calls that name `model` are calls of `means`: "azure/gpt-4o"."""

    kind: ClassVar[str] = "alias"
    means: str = ""


@dataclass(frozen=True)
class OwnModel(Rule):
    """A model that no catalogue has: self-hosted, or sold by somebody unknown. `tiers` are its prices."""

    kind: ClassVar[str] = "model"
    tiers: tuple[Tier, ...] = ()


@dataclass(frozen=True)
class Override(Rule):
    """A price that replaces the catalogue's, of one variant.

    Units that `tiers` do not name keep the catalogue's price, unless they have none of their own there: then they
    follow what they are a part of.
    """

    kind: ClassVar[str] = "override"
    tiers: tuple[Tier, ...] = ()
    variant: str = STANDARD

    @property
    def scope(self) -> tuple[Any, ...]:
        """What it holds for: a variant too."""
        return (*super().scope, self.variant)


@dataclass(frozen=True)
class Discount(Rule):
    """So many per cent off, of all, of tokens, or of fees; a negative number of per cent is a surcharge."""

    kind: ClassVar[str] = "discount"
    percent: Decimal = Decimal(0)
    applies_to: str = "all"

    @property
    def factor(self) -> Fraction:
        """What remains."""
        return 1 - Fraction(self.percent) / 100


@dataclass(frozen=True)
class Subscription(Rule):
    """Calls that a plan pays for: their cost is what they would have cost, `api_equivalent`.

    `dialect` is a pattern of the emitter's name; `team` and `service_name` are as the call says them.
    """

    kind: ClassVar[str] = "subscription"
    dialect: str | None = None
    team: str | None = None
    service_name: str | None = None

    @property
    def scope(self) -> tuple[Any, ...]:
        """What it holds for: also by whom it is told, and for whom it is made."""
        return (*super().scope, self.dialect, self.team, self.service_name)

    def holds(self, asked: Asked, day: date) -> bool:
        """Whether it applies to a call on a day."""
        return (
            super().holds(asked, day)
            and (self.dialect is None or (asked.dialect is not None and matches(self.dialect, asked.dialect)))
            and self.team in {None, asked.team}
            and self.service_name in {None, asked.service_name}
        )


@dataclass(frozen=True)
class CurrencyRate:
    """What one US dollar is in a currency, over a span of days."""

    kind: ClassVar[str] = "currency"
    code: str
    per_usd: Decimal
    valid_from: date | None = None
    valid_to: date | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Rules:
    """All rules of a file. `name` is the file, for people."""

    name: str = "prices.toml"
    aliases: Sequence[Alias] = ()
    models: Sequence[OwnModel] = ()
    overrides: Sequence[Override] = ()
    discounts: Sequence[Discount] = ()
    subscriptions: Sequence[Subscription] = ()
    currencies: Sequence[CurrencyRate] = ()

    def __iter__(self) -> Iterator[Rule]:
        """All rules that decide on a price or on what it is, currencies aside."""
        yield from (*self.aliases, *self.models, *self.overrides, *self.discounts, *self.subscriptions)

    @property
    def id(self) -> str:
        """The hash of all that decides on a price: of the same rules in the same order."""
        return hashlib.sha256(" ".join(rule.id for rule in self).encode()).hexdigest()[:_ID_LENGTH]

    def rate_on(self, code: str, day: date) -> Decimal:
        """What one dollar is in a currency on a day. Raises RulesError where no rate is known."""
        mine = [rate for rate in self.currencies if rate.code == code]
        for rate in mine:
            if within(day, rate.valid_from, rate.valid_to):
                return rate.per_usd
        known = ", ".join(sorted({rate.code for rate in self.currencies})) or "none"
        when = f" on {day}" if mine else f" (there are: {known})"
        raise RulesError(f"no rate for {code}{when} in {self.name}; add a [[currency]] with code and per_usd")


NO_RULES: Final = Rules()
SomeRule = TypeVar("SomeRule", bound=Rule)


def most_specific(rules: Sequence[SomeRule], asked: Asked, day: date) -> SomeRule | None:
    """Find the rule of one kind that applies to a call on a day, if any."""
    return max((rule for rule in rules if rule.holds(asked, day)), key=lambda rule: rule.specific, default=None)


def _json(value: object) -> Any:
    match value:
        case date():
            return value.isoformat()
        case Decimal():
            return decimal_text(Fraction(value))
        case tuple():
            return [
                {"prompt_above": above, **{unit: str(dollars_per(unit, rate)) for unit, rate in rates.items()}}
                for above, rates in value
            ]
        case _:
            return value
