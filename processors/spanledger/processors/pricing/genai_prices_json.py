"""The data file that `genai_prices` publishes (`v2/data.json`), read into its own types, without its network.

A list of providers: https://github.com/pydantic/genai-prices/tree/main/prices. Prices are read as decimals, as written.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any, Final, TypeAlias

from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    ConditionalPrice,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from spanledger.processors.pricing.catalogue import CatalogueError
from spanledger.processors.pricing.clauses import clause_from_json

Json: TypeAlias = Mapping[str, Any]

_SIMPLE_CLAUSES: Final[Mapping[str, Callable[[str], MatchLogic]]] = {
    "equals": ClauseEquals,
    "starts_with": ClauseStartsWith,
    "ends_with": ClauseEndsWith,
    "contains": ClauseContains,
    "regex": ClauseRegex,
}
_CONSTRAINT_KEYS: Final = ({"start_date"}, {"start_time", "end_time"})


def read_providers(content: bytes, name: str = "the price data") -> list[Provider]:
    """Read a data file; `name` is the file, for people.

    Raises CatalogueError for a file that was cut off, is of an unknown form, or has a price that is none.
    """
    try:
        said = json.loads(content, parse_float=Decimal, parse_int=Decimal)
    except ValueError as error:
        raise CatalogueError(f"{name} is cut off or no JSON: {error}") from error
    if not isinstance(said, list) or not said:
        raise CatalogueError(f"{name} is no list of providers; give the v2/data.json of genai-prices")
    return [_provider(one, name) for one in said]


def _provider(said: Json, name: str) -> Provider:
    where = f"{name}, a provider"
    try:
        where = f"{name}, provider {said['id']}"
        models = []
        for model in said["models"]:
            where = f"{name}, model {said['id']}/{model['id']}"
            models.append(_model(model))
        return Provider(
            id=_text(said["id"]),
            name=said.get("name", said["id"]),
            api_pattern=said.get("api_pattern", ""),
            pricing_urls=said.get("pricing_urls"),
            fallback_model_providers=said.get("fallback_model_providers"),
            models=models,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        said_so = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise CatalogueError(f"{where}: {said_so}; it is of a form that is not known here") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _model(said: Json) -> ModelInfo:
    return ModelInfo(
        id=_text(said["id"]),
        match=_match(said["match"]),
        prices=_all_prices(said["prices"]),
        price_variants=[_variant(one) for one in said.get("price_variants") or []] or None,
    )


def _match(said: Json) -> MatchLogic:
    clause_from_json(dict(said))  # raises for what is none
    ((kind, value),) = said.items()
    match kind:
        case "and":
            return ClauseAnd([_match(part) for part in value])
        case "or":
            return ClauseOr([_match(part) for part in value])
        case _:
            return _SIMPLE_CLAUSES[kind](value)


def _all_prices(said: Json | list[Json]) -> ModelPrice | list[ConditionalPrice]:
    if isinstance(said, list):
        return [
            ConditionalPrice(constraint=_constraint(one.get("constraint")), prices=_prices(one["prices"]))
            for one in said
        ]
    return _prices(said)


def _variant(said: Json) -> PriceVariant:
    return PriceVariant(dict(said["when"]), _prices(said["prices"]), _constraint(said.get("constraint")))


def _prices(said: Json) -> ModelPrice:
    return ModelPrice(**{key: _price(key, price) for key, price in said.items() if price is not None})


def _price(key: str, said: object) -> Decimal | TieredPrices:
    if isinstance(said, dict):
        tiers = [Tier(int(tier["start"]), _amount(key, tier["price"])) for tier in said["tiers"]]
        return TieredPrices(_amount(key, said["base"]), tiers)
    return _amount(key, said)


def _amount(key: str, said: object) -> Decimal:
    amount = Decimal(said) if isinstance(said, str) else said
    if not isinstance(amount, Decimal) or not amount.is_finite() or amount < 0:
        raise ValueError(f"{key} is {said!r}, no price")
    return amount


def _constraint(said: Json | None) -> StartDateConstraint | TimeOfDateConstraint | None:
    if said is None:
        return None
    keys = set(said) - {"type"}
    if keys not in _CONSTRAINT_KEYS:
        raise ValueError(f"a constraint has the keys {', '.join(sorted(keys))}")
    if "start_date" in keys:
        return StartDateConstraint(date.fromisoformat(said["start_date"]))
    return TimeOfDateConstraint(time.fromisoformat(said["start_time"]), time.fromisoformat(said["end_time"]))
