"""Rules as a file: `prices.toml`, read as a whole or not at all.

[[alias]]
model = "azure/my-gpt4o-prod"     # as calls name it
means = "azure/gpt-4o"            # as the catalogue does

[[model]]                         # not in the catalogue: dollars per million tokens
model = "ollama/llama3.3:70b"
input = 0.10
output = 0.30

[[override]]                      # a negotiated price
model = "anthropic/claude-sonnet-4-5*"
input = "2.40"
output = 12
valid_from = 2026-10-01
valid_to = 2027-10-01             # the first day on which it holds no more

[[discount]]
model = "openai/*"
percent = 22
applies_to = "tokens"

[[subscription]]
dialect = "claude-code*"
team = "platform"

[[currency]]
code = "EUR"
per_usd = 0.86
valid_from = 2026-11-01
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

from spanledger.processors.pricing.currencies import CODES
from spanledger.processors.pricing.price_rows import FIRST_DAY
from spanledger.processors.pricing.rules import (
    APPLIES_TO,
    Alias,
    CurrencyRate,
    Discount,
    Override,
    OwnModel,
    Rule,
    Rules,
    RulesError,
    Subscription,
    Tier,
)
from spanledger.processors.pricing.units import PER, TOKENS, UNITS, own_price_name, pico
from spanledger.processors.pricing.variants import CONTEXTS, STANDARD

Table: TypeAlias = dict[str, Any]

FORMAT: Final = 1
"""`format = 1` may stand at the top; a greater number is of a version to come."""

PRICE_KEYS: Final[Mapping[str, str]] = {("audio_hour" if unit == "audio_second" else unit): unit for unit in UNITS}
"""How a rule names a price → the unit it is for."""

DOLLARS_MAX: Final = 10**6
"""More than a million dollars for a million tokens is a mistake, and a call of it would not fit the ledger."""
DECIMALS_MAX: Final = 6
"""Decimals of a price, in dollars for a million tokens: the pico-dollar a token."""
PERCENT_DECIMALS_MAX: Final = 4
"""What remains of an amount is worked out in 64 bits."""
_PERCENT_MIN, _PERCENT_MAX = -1000, 100

_SCOPE: Final = ("name", "tenant", "provider", "model", "valid_from", "valid_to")
_SPAN: Final = ("valid_from", "valid_to")
_HEADER: Final = re.compile(r"^\s*\[\[\s*([A-Za-z_]+)\s*\]\]")


@dataclass(frozen=True)
class _Place:
    """A rule's place in the file: to say where something is wrong."""

    file: str
    kind: str
    line: int
    lines: Mapping[str, int]
    table: Table

    def error(self, what: str, key: str | None = None) -> RulesError:
        """An error at a key of the rule, or at the rule."""
        named = next((self.table[one] for one in ("name", "model", "code") if one in self.table), None)
        rule = f'{self.kind} "{named}"' if isinstance(named, str) else self.kind
        return RulesError(f"{self.file}, line {self.lines.get(key or '', self.line)}, {rule}: {what}")


def read_rules(text: str, name: str = "prices.toml") -> Rules:
    """Read rules; `name` is the file, for people. Raises RulesError, one sentence naming file, line and rule."""
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"{name} is no TOML: {error}") from error
    number = tables.pop("format", FORMAT)
    if number != FORMAT:
        raise RulesError(f"{name} is of format {number}, and {FORMAT} is read here: update Spanledger")
    for key, value in tables.items():
        if key not in _KINDS:
            line = _line_of(text, key)
            raise RulesError(f'{name}, line {line}: unknown key "{key}"; there are {", ".join(_KINDS)}')
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise RulesError(f"{name}, line {_line_of(text, key)}: {key} is no list of rules; write [[{key}]] above it")
    made: dict[str, list[Any]] = {kind: [] for kind in _KINDS}
    places = _places(text, name, tables)
    for place in places:
        made[place.kind].append(_KINDS[place.kind](place))
    rules = Rules(
        name,
        aliases=made["alias"],
        models=made["model"],
        overrides=made["override"],
        discounts=made["discount"],
        subscriptions=made["subscription"],
        currencies=made["currency"],
    )
    _refuse_overlaps(rules, {place.line: place for place in places})
    return rules


def _line_of(text: str, key: str) -> int:
    """The line on which a key or a table of the top begins; 1 where it is written in some other way."""
    found = re.compile(rf'^\s*(?:\[+\s*)?"?{re.escape(key)}\b', re.MULTILINE).search(text)
    return text.count("\n", 0, found.start() + len(found[0]) - len(found[0].lstrip())) + 1 if found else 1


def _places(text: str, name: str, tables: Table) -> list[_Place]:
    """Every rule with its lines, in the order of the file."""
    starts: dict[str, list[int]] = {kind: [] for kind in _KINDS}
    headers = []
    for number, line in enumerate(text.splitlines(), 1):
        if found := _HEADER.match(line):
            headers.append(number)
            starts.get(found[1], []).append(number)
    lines = text.splitlines()
    places = []
    for kind, rules in tables.items():
        for index, table in enumerate(rules):
            begins = starts[kind][index] if index < len(starts[kind]) else 1
            ends = next((header for header in headers if header > begins), len(lines) + 1)
            keys: dict[str, int] = {}
            for number in range(begins, ends):
                key, equals, _ = lines[number - 1].partition("=")
                if equals:
                    keys.setdefault(key.strip().strip("\"'"), number)
            places.append(_Place(name, kind, begins, keys, table))
    return sorted(places, key=lambda place: place.line)


def _refuse_overlaps(rules: Rules, places: Mapping[int, _Place]) -> None:
    """Two rules of one kind and scope must not hold on one day: nobody could say which is meant."""
    seen: dict[tuple[Any, ...], list[Rule | CurrencyRate]] = {}
    for rule in (*rules, *rules.currencies):
        scope = rule.scope if isinstance(rule, Rule) else (rule.kind, rule.code)
        for other in seen.setdefault(scope, []):
            if _starts(rule) < _ends(other) and _starts(other) < _ends(rule):
                raise places[rule.line].error(
                    f"it holds at the same time as the {rule.kind} of the same scope on line {other.line}; "
                    "end one with valid_to before the other begins"
                )
        seen[scope].append(rule)


def _starts(rule: Rule | CurrencyRate) -> date:
    return rule.valid_from or FIRST_DAY


def _ends(rule: Rule | CurrencyRate) -> date:
    return rule.valid_to or date.max


def _known(place: _Place, *keys: str) -> None:
    for key in place.table:
        if key not in keys:
            raise place.error(f'unknown key "{key}"; there are {", ".join(keys)}', key)


def _scope(place: _Place) -> dict[str, Any]:
    """The fields that all rules have; their name is the model's where none is given."""
    given: dict[str, Any] = {key: _text(place, key) for key in ("tenant", "provider", "model")}
    given["name"] = _text(place, "name") or given["model"] or given["provider"] or given["tenant"] or place.kind
    return given | _span(place) | {"line": place.line}


def _span(place: _Place) -> dict[str, Any]:
    given = {key: place.table.get(key) for key in _SPAN}
    for key, day in given.items():
        if day is not None and type(day) is not date:
            raise place.error(f"{key} is {day!r}, no day; write it like 2026-10-01, without quotes", key)
    start, end = given["valid_from"], given["valid_to"]
    if start is not None and end is not None and start >= end:
        raise place.error(f"valid_to {end} is not after valid_from {start}", "valid_to")
    return given


def _text(place: _Place, key: str, *, needed: bool = False) -> str | None:
    value = place.table.get(key)
    if value is None and needed:
        raise place.error(f"{key} is missing", key)
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise place.error(f"{key} is {value!r}, no text", key)
    return value


def _number(place: _Place, key: str, table: Table | None = None) -> Decimal:
    """A number, as such or as a text, exactly as it is written."""
    value = (place.table if table is None else table)[key]
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise place.error(f"{key} is {value!r}, no number", key)
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise place.error(f"{key} is {value!r}, no number", key) from error
    if not number.is_finite():
        raise place.error(f"{key} is {value!r}, no number", key)
    return number


def _alias(place: _Place) -> Alias:
    _known(place, *_SCOPE, "means")
    _text(place, "model", needed=True)
    means = _text(place, "means", needed=True) or ""
    provider, slash, model = means.partition("/")
    if not (provider and slash and model):
        raise place.error(f'means is "{means}"; write provider and model, like "azure/gpt-4o"', "means")
    return Alias(means=means, **_scope(place))


def _model(place: _Place) -> OwnModel:
    _known(place, *_SCOPE, *_PRICES)
    _text(place, "model", needed=True)
    return OwnModel(tiers=_tiers(place), **_scope(place))


def _override(place: _Place) -> Override:
    _known(place, *_SCOPE, "variant", *_PRICES)
    variant = _text(place, "variant") or STANDARD
    if variant not in _VARIANTS:
        raise place.error(f'variant is "{variant}", none of {", ".join(_VARIANTS)}', "variant")
    return Override(tiers=_tiers(place), variant=variant, **_scope(place))


def _discount(place: _Place) -> Discount:
    _known(place, *_SCOPE, "percent", "applies_to")
    if "percent" not in place.table:
        raise place.error("percent is missing")
    percent = _number(place, "percent")
    if not _PERCENT_MIN <= percent <= _PERCENT_MAX:
        raise place.error(f"{percent} per cent off is no discount; at most {_PERCENT_MAX} can be taken off", "percent")
    if percent != round(percent, PERCENT_DECIMALS_MAX):
        raise place.error(f"percent {percent} has more than {PERCENT_DECIMALS_MAX} decimals", "percent")
    applies_to = _text(place, "applies_to") or "all"
    if applies_to not in APPLIES_TO:
        raise place.error(f'applies_to is "{applies_to}", none of {", ".join(APPLIES_TO)}', "applies_to")
    return Discount(percent=percent, applies_to=applies_to, **_scope(place))


def _subscription(place: _Place) -> Subscription:
    more = ("dialect", "team", "service_name")
    _known(place, *_SCOPE, *more)
    given: dict[str, Any] = {key: _text(place, key) for key in more}
    scope = _scope(place)
    if "name" not in place.table:
        scope["name"] = next((text for text in given.values() if text), scope["name"])
    return Subscription(**given, **scope)


def _currency(place: _Place) -> CurrencyRate:
    _known(place, "code", "per_usd", *_SPAN)
    code = _text(place, "code", needed=True) or ""
    _currency_code(place, code, "code")
    if "per_usd" not in place.table:
        raise place.error("per_usd is missing: what one US dollar is in it")
    per_usd = _number(place, "per_usd")
    if per_usd <= 0:
        raise place.error(f"per_usd is {per_usd}; a rate is above 0", "per_usd")
    return CurrencyRate(code, per_usd, line=place.line, **_span(place))


def _currency_code(place: _Place, code: str, key: str) -> None:
    if code not in CODES:
        raise place.error(f'unknown currency "{code}"; write the code of ISO 4217, like EUR', key)


def _tiers(place: _Place) -> tuple[Tier, ...]:
    """The prices of a rule: those at its top, and those of long prompts."""
    currency = _text(place, "currency")
    if currency is not None and currency != "USD":
        _currency_code(place, currency, "currency")
        raise place.error(f"prices are US dollars, not {currency}; a [[currency]] is for reading", "currency")
    tiers: list[Tier] = [(None, _prices(place, place.table))]
    longer = place.table.get("tiers", [])
    if not isinstance(longer, list) or not all(isinstance(tier, dict) for tier in longer):
        raise place.error("tiers is no list like [{ prompt_above = 200000, input = 6 }]", "tiers")
    for tier in longer:
        above = tier.get("prompt_above")
        if type(above) is not int or above < 0:
            raise place.error(f"prompt_above is {above!r}, no number of tokens", "tiers")
        if unknown := set(tier) - set(PRICE_KEYS) - {"prompt_above"}:
            raise place.error(f'unknown key "{min(unknown)}" in tiers', "tiers")
        tiers.append((above, {**tiers[0][1], **_prices(place, tier, "tiers")}))
    if not any(rates for _, rates in tiers):
        raise place.error(f"it has no price; give one of {', '.join(PRICE_KEYS)}")
    sizes = [above for above, _ in tiers[1:]]
    if len(set(sizes)) != len(sizes):
        raise place.error("two tiers begin at the same prompt_above", "tiers")
    return (tiers[0], *sorted(tiers[1:], key=lambda tier: tier[0] or 0))


def _prices(place: _Place, table: Table, at: str | None = None) -> dict[str, int]:
    rates = {}
    for key, unit in PRICE_KEYS.items():
        if key not in table:
            continue
        dollars = _number(place, key, table)
        if dollars < 0:
            raise place.error(f"{key} is {dollars}, a negative price; a price is 0 or more", at or key)
        if dollars > DOLLARS_MAX:
            raise place.error(f"{key} is {dollars}; prices are dollars per {PER[unit]}", at or key)
        if unit in TOKENS and dollars != round(dollars, DECIMALS_MAX):
            raise place.error(f"{key} is {dollars}; a price has at most {DECIMALS_MAX} decimals", at or key)
        rates[unit] = pico(own_price_name(unit), dollars)
    return rates


_PRICES: Final = (*PRICE_KEYS, "tiers", "currency")
_VARIANTS: Final = (STANDARD, *CONTEXTS)
_KINDS: Final[Mapping[str, Callable[[_Place], Rule | CurrencyRate]]] = {
    "alias": _alias,
    "model": _model,
    "override": _override,
    "discount": _discount,
    "subscription": _subscription,
    "currency": _currency,
}

KINDS: Final[Sequence[str]] = tuple(_KINDS)
"""The kinds of rules that a file may hold."""
