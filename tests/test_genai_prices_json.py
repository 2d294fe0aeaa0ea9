"""The data file that `genai_prices` publishes is read like the package's own data."""

import json
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.data import providers
from genai_prices.types import ModelPrice, StartDateConstraint, TieredPrices

from spanledger.processors.pricing.bundled import bundled_overlay
from spanledger.processors.pricing.catalogue import CatalogueError
from spanledger.processors.pricing.clauses import clause_of, clause_to_json
from spanledger.processors.pricing.genai_prices_data import compile_catalogue
from spanledger.processors.pricing.genai_prices_json import read_providers
from tests.price_calls import CATALOGUE

SMALL: list[dict[str, Any]] = [
    {
        "id": "openai",
        "name": "OpenAI",
        "api_pattern": "https://api\\.openai\\.com",
        "pricing_urls": ["https://openai.com/pricing"],
        "models": [
            {
                "id": "gpt-x",
                "match": {"or": [{"equals": "gpt-x"}, {"starts_with": "gpt-x-"}]},
                "prices": [
                    {
                        "prices": {
                            "input_mtok": 0.1,
                            "output_mtok": {"base": 1, "tiers": [{"start": 200000, "price": 2}]},
                        }
                    },
                    {"constraint": {"start_date": "2026-10-01"}, "prices": {"input_mtok": 0.05, "output_mtok": 1}},
                ],
                "price_variants": [{"when": {"processing": "batch"}, "prices": {"input_mtok": 0.025}}],
            }
        ],
    }
]


def content(data: Any) -> bytes:
    return json.dumps(data).encode()


def test_prices_are_decimals_as_they_are_written() -> None:
    (provider,) = read_providers(content(SMALL))
    (model,) = provider.models
    assert isinstance(model.prices, list)
    first, second = model.prices
    assert first.prices.input_mtok == Decimal("0.1")
    assert isinstance(first.prices.output_mtok, TieredPrices)
    assert isinstance(second.constraint, StartDateConstraint)
    assert model.price_variants is not None
    assert model.price_variants[0].when == {"processing": "batch"}


def test_the_packages_own_data_written_as_such_a_file_makes_the_same_catalogue() -> None:
    read = read_providers(content([as_json(provider) for provider in providers]))
    assert compile_catalogue(read, "a file", bundled_overlay()).id == CATALOGUE.id


def as_json(provider: Any) -> dict[str, Any]:
    return {
        "id": provider.id,
        "name": provider.name,
        "pricing_urls": provider.pricing_urls,
        "fallback_model_providers": provider.fallback_model_providers,
        "models": [
            {
                "id": model.id,
                "match": clause_to_json(clause_of(model.match)),
                "prices": prices(model.prices),
                "price_variants": [
                    {"when": one.when, "prices": prices(one.prices), "constraint": constraint(one.constraint)}
                    for one in model.price_variants or ()
                ],
            }
            for model in provider.models
        ],
    }


def prices(said: Any) -> Any:
    if isinstance(said, ModelPrice):
        return {name: prices(price) for name, price in vars(said).items() if price is not None}
    if isinstance(said, TieredPrices):
        return {"base": str(said.base), "tiers": [{"start": one.start, "price": str(one.price)} for one in said.tiers]}
    if isinstance(said, list):
        return [{"constraint": constraint(one.constraint), "prices": prices(one.prices)} for one in said]
    return str(said)


def constraint(said: Any) -> Any:
    return None if said is None else {name: value.isoformat() for name, value in vars(said).items()}


def changed(**model: Any) -> bytes:
    (provider,) = SMALL
    return content([provider | {"models": [provider["models"][0] | model]}])


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (content(SMALL)[:-20], "data.json is cut off or no JSON: "),
        (b"\xff\xfe", "data.json is cut off or no JSON: "),
        (b"{}", "data.json is no list of providers; give the v2/data.json of genai-prices"),
        (b"[]", "data.json is no list of providers"),
        (b'[{"name": "x"}]', "data.json, a provider: 'id' is missing; it is of a form that is not known here"),
        (changed(match={"near": "gpt"}), "data.json, model openai/gpt-x: 'near' is missing; it is of a form"),
        (changed(prices={"input_mtok": -1}), "data.json, model openai/gpt-x: input_mtok is Decimal('-1'), no price"),
        (changed(prices={"input_mtok": "NaN"}), "data.json, model openai/gpt-x: input_mtok is 'NaN', no price"),
        (
            changed(prices=[{"constraint": {"weekday": "Sun"}, "prices": {}}]),
            "data.json, model openai/gpt-x: a constraint has the keys weekday; it is of a form that is not known here",
        ),
    ],
)
def test_a_file_of_another_form_is_refused_and_says_where(data: bytes, sentence: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        read_providers(data, "data.json")
    assert str(refused.value).startswith(sentence)
