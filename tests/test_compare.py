"""Two price lists side by side: what an update changes, and where our two sources disagree."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.types import ClauseEquals, ClauseStartsWith, ModelInfo, ModelPrice, Provider

from spanledger.processors.pricing.catalogue import Catalogue, CatalogueError
from spanledger.processors.pricing.compare import Disagreement, diff, disagreements
from spanledger.processors.pricing.genai_prices_data import compile_catalogue
from tests.price_calls import CATALOGUE

DAY = date(2026, 11, 15)


def model(name: str, match: Any = None, **prices: str) -> ModelInfo:
    decimals = {key: Decimal(price) for key, price in prices.items()}
    return ModelInfo(name, match or ClauseEquals(name), prices=ModelPrice(**decimals))


def catalogue(*models: ModelInfo) -> Catalogue:
    return compile_catalogue([Provider("p", "P", "", models=list(models))], "a file")


def test_the_same_prices_differ_in_nothing() -> None:
    assert not diff(CATALOGUE, CATALOGUE)


def test_models_come_and_go_and_prices_change() -> None:
    old = catalogue(model("a", input_mtok="1", output_mtok="2"), model("b", input_mtok="1"))
    new = catalogue(model("a", input_mtok="1", output_mtok="2.5"), model("c", input_mtok="1"))
    found = diff(old, new)
    assert (found.added, found.removed, found.renamed) == (["p/c"], ["p/b"], [])
    (change,) = found.changed
    assert (change.price_id, change.model_key) == ("p/a", "p/a")
    assert (change.before["output"], change.after["output"]) == (Decimal(2), Decimal("2.5"))
    assert "input" not in change.before


def test_a_price_that_came_or_went_has_nothing_on_the_other_side() -> None:
    found = diff(catalogue(model("a", input_mtok="1")), catalogue(model("a", input_mtok="1", output_mtok="2")))
    assert (found.changed[0].before["output"], found.changed[0].after["output"]) == (None, Decimal(2))


def test_a_model_that_is_known_by_other_names_is_told() -> None:
    old, new = model("a", input_mtok="1"), model("a", ClauseStartsWith("a"), input_mtok="1")
    assert diff(catalogue(old), catalogue(new)).renamed == ["p/a"]


def litellm(**entries: Any) -> bytes:
    return json.dumps({"sample_spec": {"input_cost_per_token": 0}} | entries).encode()


GPT_4O = {
    "litellm_provider": "openai",
    "input_cost_per_token": 2.5e-06,
    "output_cost_per_token": 1e-05,
    "cache_read_input_token_cost": 1.25e-06,
}


def test_what_both_sources_say_alike_is_an_agreement() -> None:
    found = disagreements(
        CATALOGUE, litellm(**{"gpt-4o": GPT_4O, "azure/gpt-4o": GPT_4O | {"litellm_provider": "azure"}}), DAY
    )
    assert (found.compared, found.agreeing, found.disagreements) == (2, 2, [])


def test_what_they_say_differently_is_told_with_both_prices() -> None:
    wrong = GPT_4O | {"output_cost_per_token": 2e-05, "cache_creation_input_token_cost": 3e-06}
    found = disagreements(CATALOGUE, litellm(**{"gpt-4o": wrong}), DAY)
    assert (found.compared, found.agreeing) == (1, 0)
    assert list(found.disagreements) == [
        Disagreement("openai/gpt-4o", "gpt-4o", "cache_write_5m", Decimal("2.5"), Decimal(3)),
        Disagreement("openai/gpt-4o", "gpt-4o", "output", Decimal(10), Decimal(20)),
    ]


def test_the_price_of_the_day_is_compared_and_floating_point_noise_is_none() -> None:
    o3 = {"litellm_provider": "openai", "input_cost_per_token": 2.0000000000000003e-06}
    assert disagreements(CATALOGUE, litellm(o3=o3), DAY).agreeing == 1
    assert disagreements(CATALOGUE, litellm(o3=o3), date(2025, 6, 1)).agreeing == 0


def test_what_only_one_source_knows_or_sells_by_the_picture_is_not_compared() -> None:
    entries = {
        "gpt-99": GPT_4O,
        "gpt-4o": {"litellm_provider": "openai", "output_cost_per_image": 0.04},
        "command": {"litellm_provider": "nobody", "input_cost_per_token": 1e-06},
        "gpt-4o-mini": {"input_cost_per_token": 1e-06},
    }
    assert disagreements(CATALOGUE, litellm(**entries), DAY).compared == 0


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"a": 1}', b'{"a": {"input_cost'])
def test_what_is_no_such_list_is_refused(content: bytes) -> None:
    with pytest.raises(CatalogueError, match=r"^map\.json is no (JSON|list of models)"):
        disagreements(CATALOGUE, content, DAY, "map.json")
