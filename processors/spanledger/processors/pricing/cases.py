"""Cases: hypothetical calls, one JSON object a line, so that anyone can check a bill of theirs.

    {"id": "mine", "provider": "openai", "model": "gpt-4o", "timestamp": "2026-11-15T12:00:00Z",
     "usage": {"input_total": 1000, "cache_read": 400, "output": 100}, "context": {"service_tier": "priority"}}

`usage` counts are inclusive: `input_total` is all of the prompt. `context` says what else decides on the price:
`batch`, `service_tier`, `speed`, `inference_geo`, `data_residency`, `region`, `deployment_type`, `response_model`,
`plan`, `gateway_cache`; `tenant_alias` maps "provider/name" to a model of the catalogue, and `tenant_rule` is one rule
or a list of them: `match` ("openai/*"), `price` by unit, `discount_pct`, `applies_to`, `valid_from`, `valid_to`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import pyarrow as pa

from spanledger.processors.pricing.catalogue import Catalogue
from spanledger.processors.pricing.price_book import PriceBook
from spanledger.processors.pricing.rules import APPLIES_TO, Alias, Discount, Override, OwnModel, Rules
from spanledger.processors.pricing.units import UNITS, own_price_name, pico
from spanledger.storage.schema import CALLS, LABEL, TIME, Batch

COUNTS: Final[Mapping[str, str]] = {
    "input_total": "input_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "output": "output_tokens",
    "reasoning": "reasoning_tokens",
    "input_audio": "input_audio_tokens",
    "cache_read_audio": "cache_read_audio_tokens",
    "output_audio": "output_audio_tokens",
    "input_image": "input_image_tokens",
    "output_image": "output_image_tokens",
    "web_searches": "web_searches",
    "audio_seconds": "audio_seconds",
}
"""Name of a count in a case → column of a call."""
CONTEXT: Final[Mapping[str, str]] = {
    "service_tier": "service_tier",
    "speed": "speed",
    "region": "region",
    "inference_geo": "residency",
    "data_residency": "residency",
    "deployment_type": "deployment_type",
    "response_model": "response_model",
    "plan": "plan",
    "gateway_cache": "gateway_cache",
}
"""Name of a circumstance in a case → column of a call."""

_OF_RULES: Final = frozenset({"match", "price", "discount_pct", "applies_to", "valid_from", "valid_to"})
_TENANT: Final = "case "


class CasesError(Exception):
    """Cases that cannot be read, in one sentence: which file and line, what is wrong."""


@dataclass(frozen=True)
class Cases:
    """Cases as calls: `batch` has a row each, in order, `ids` their names. `rules` hold for one case each."""

    batch: Batch
    ids: Sequence[str]
    rules: Rules

    def book(self, book: PriceBook) -> PriceBook:
        """A price book with which these cases are priced: the catalogue, the rules, and those of the cases."""
        mine, more = book.rules, self.rules
        rules = replace(
            mine,
            aliases=(*mine.aliases, *more.aliases),
            models=(*mine.models, *more.models),
            overrides=(*mine.overrides, *more.overrides),
            discounts=(*mine.discounts, *more.discounts),
        )
        return PriceBook(book.catalogue, rules)


def read_cases(lines: Iterable[str], catalogue: Catalogue, name: str = "the cases") -> Cases:
    """Read cases; `name` is the file, for people. Raises CasesError, one sentence with the line."""
    rows: list[dict[str, Any]] = []
    ids: list[str] = []
    rules: dict[str, list[Any]] = {"aliases": [], "models": [], "overrides": [], "discounts": []}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            case = json.loads(line, parse_float=Decimal)
            row = _row(case, f"{_TENANT}{number}")
            for kind, made in _rules(case, row, catalogue):
                rules[kind].append(made)
        except (ValueError, TypeError, KeyError, AttributeError, InvalidOperation) as error:
            missing = isinstance(error, KeyError)
            said = f"{error.args[0]} is missing" if missing else str(error)
            raise CasesError(f"{name}, line {number}: {said}") from error
        rows.append(row)
        ids.append(str(case.get("id", number)))
    return Cases(_batch(rows), ids, Rules(name, **{kind: tuple(found) for kind, found in rules.items()}))


def _row(case: Mapping[str, Any], tenant: str) -> dict[str, Any]:
    usage, context = case.get("usage"), case.get("context") or {}
    if unknown := _said(context) - set(CONTEXT) - {"batch", "tenant_alias", "tenant_rule"}:
        raise ValueError(f'context has an unknown key "{min(unknown)}"')
    if unknown := _said(usage or {}) - set(COUNTS):
        raise ValueError(f'usage has an unknown count "{min(unknown)}"; there are {", ".join(COUNTS)}')
    row = {
        "tenant": tenant,
        "provider": case["provider"],
        "request_model": case["model"],
        "started_at": _moment(case["timestamp"]),
    }
    row |= {CONTEXT[key]: value for key, value in context.items() if key in CONTEXT and value is not None}
    if context.get("batch"):
        row["service_tier"] = "batch"
    counts = {key: value for key, value in (usage or {}).items() if key in COUNTS and value is not None}
    return row | {COUNTS[key]: _count(key, value) for key, value in counts.items()}


def _said(table: Mapping[str, Any]) -> set[str]:
    """The keys that say something: what is none, no or nothing changes no price."""
    return {key for key, value in table.items() if value}


def _count(key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{key} is {value!r}, no whole number")
    return value


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _rules(case: Mapping[str, Any], row: Mapping[str, Any], catalogue: Catalogue) -> Iterable[tuple[str, Any]]:
    context, tenant = case.get("context") or {}, row["tenant"]
    for said, means in (context.get("tenant_alias") or {}).items():
        yield "aliases", Alias(f"{tenant}: {said}", tenant=tenant, model=said, means=means)
    rules = context.get("tenant_rule") or []
    for rule in [rules] if isinstance(rules, dict) else rules:
        if unknown := set(rule) - _OF_RULES:
            raise ValueError(f'tenant_rule has an unknown key "{min(unknown)}"')
        scope: dict[str, Any] = {"name": tenant, "tenant": tenant, "model": rule["match"]}
        scope |= {key: date.fromisoformat(rule[key]) for key in ("valid_from", "valid_to") if rule.get(key)}
        if rule.get("price"):
            tiers = ((None, _prices(rule["price"])),)
            known = any(catalogue.resolve(row["provider"], row.get(key)) for key in ("response_model", "request_model"))
            yield ("overrides", Override(tiers=tiers, **scope)) if known else ("models", OwnModel(tiers=tiers, **scope))
        if rule.get("discount_pct") is not None:
            applies_to = rule.get("applies_to") or "all"
            if applies_to not in APPLIES_TO:
                raise ValueError(f'applies_to is "{applies_to}", none of {", ".join(APPLIES_TO)}')
            yield "discounts", Discount(percent=Decimal(rule["discount_pct"]), applies_to=applies_to, **scope)


def _prices(prices: Mapping[str, Any]) -> dict[str, int]:
    if unknown := set(prices) - set(UNITS):
        raise ValueError(f'price has an unknown unit "{min(unknown)}"; there are {", ".join(UNITS)}')
    rates = {unit: pico(own_price_name(unit), Decimal(dollars)) for unit, dollars in prices.items()}
    if negative := next((unit for unit, rate in rates.items() if rate < 0), None):
        raise ValueError(f"{negative} is {prices[negative]}, a negative price")
    return rates


def _batch(rows: Sequence[Mapping[str, Any]]) -> Batch:
    columns = {}
    for column in CALLS:
        values = [row.get(column.name) for row in rows]
        if column.type == LABEL:
            columns[column.name] = pa.array(values, pa.string()).dictionary_encode()
        elif column.type == TIME:
            columns[column.name] = pa.array(values, TIME)
        else:
            columns[column.name] = pa.array(values, column.type)
    return pa.table(columns)
