"""The price data becomes a catalogue, the same on any machine."""

from decimal import Decimal
from typing import Any

from genai_prices.data import providers
from genai_prices.types import ClauseEquals, ClauseStartsWith, ModelInfo, ModelPrice, Provider

from spanledger.processors.pricing.bundled import bundled_catalogue, bundled_overlay
from spanledger.processors.pricing.genai_prices_data import compile_catalogue
from spanledger.processors.pricing.units import UNPRICED


def dollars(**prices: str) -> ModelPrice:
    return ModelPrice(**{name: Decimal(price) for name, price in prices.items()})


def test_the_free_models_are_still_in_the_data_and_still_without_prices() -> None:
    free = bundled_overlay().free
    known = {f"{provider.id}/{entry.id}": entry.prices for provider in providers for entry in provider.models}
    assert {key: known.get(key) for key in free} == dict.fromkeys(free, ModelPrice())


def test_a_model_whose_name_says_that_it_is_free_costs_zero_and_no_other_one_without_a_price() -> None:
    entries = [ModelInfo(name, ClauseEquals(name), prices=ModelPrice()) for name in ("m:free", "m")]
    catalogue = compile_catalogue([Provider("p", "P", "", models=entries)], "a file")
    assert [row.rates[0] for row in catalogue.rows] == [0, UNPRICED]


def test_every_row_of_the_real_data_has_a_name_of_its_own_and_no_negative_price() -> None:
    catalogue = bundled_catalogue()
    assert len(set(catalogue.price_ids)) == len(catalogue.price_ids) == catalogue.rates.shape[1]
    assert len(catalogue.price_ids) > 3_000
    assert (catalogue.rates >= UNPRICED).all()
    for keys in (catalogue.intervals, catalogue.windows, catalogue.prompts):
        assert (keys[1:] > keys[:-1]).all()


def one_provider(**changes: Any) -> Provider:
    entry = ModelInfo(
        "m", changes.get("match", ClauseEquals("m")), prices=dollars(input_mtok=changes.get("price", "1"))
    )
    return Provider("p", "P", "", fallback_model_providers=changes.get("lenders"), models=[entry])


def test_the_same_data_has_the_same_id_and_any_change_of_price_or_name_another() -> None:
    first = compile_catalogue([one_provider()], "a file")
    assert first.id == compile_catalogue([one_provider()], "another file").id
    changes: list[dict[str, Any]] = [{"price": "1.000001"}, {"match": ClauseStartsWith("m")}, {"lenders": ["q"]}]
    others = {compile_catalogue([one_provider(**change)], "a file").id for change in changes}
    assert len(others - {first.id}) == len(changes)


def test_the_id_is_short_hexadecimal_and_the_source_says_the_release() -> None:
    catalogue = bundled_catalogue()
    assert catalogue.id == bundled_catalogue().id
    assert len(bytes.fromhex(catalogue.id)) == 8
    assert catalogue.source.startswith("genai-prices ")
