"""Which model a name means, and which price applies to a moment and a size of prompt."""

import dataclasses
from datetime import UTC, datetime

import numpy as np
import pytest
from genai_prices.data import providers
from genai_prices.data_snapshot import DataSnapshot

from spanledger.processors.pricing.bundled import bundled_catalogue
from spanledger.processors.pricing.catalogue import Catalogue, Match
from tests.price_calls import literals

RENAMED = {"mistral-large-latest"}
"""Names that the overlay takes from a model."""
FLASH = "deepseek/deepseek-flash@2026-09-10"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return bundled_catalogue()


def test_every_name_in_the_data_means_the_model_that_the_package_finds(catalogue: Catalogue) -> None:
    engine = DataSnapshot(providers, from_auto_update=False)
    differences = []
    for provider in providers:
        names = {name for model in provider.models for name in (model.id, *literals(model.match))}
        for name in sorted(names - RENAMED):
            model = provider.find_model(name, all_providers=engine.providers)
            found = catalogue.resolve(provider.id, name)
            if (found and found.model_key.partition("/")[2]) != (model and model.id):
                differences.append((provider.id, name, found))
    assert differences == []


@pytest.mark.parametrize(
    ("provider", "model", "match"),
    [
        ("openai", "GPT-4o", Match("openai/gpt-4o", 'equals "gpt-4o"', "openai")),
        ("openai", "gpt-5.2-20251211", Match("openai/gpt-5.2", 'equals "gpt-5.2-2025-12-11"', "openai")),
        ("azure.ai.openai", "gpt-4o", Match("openai/gpt-4o", 'openai: equals "gpt-4o"', "azure")),
        ("litellm", "openai/gpt-4o", Match("openai/gpt-4o", 'equals "gpt-4o"', "openai")),
        ("openai", "openai/gpt-4o", Match("openai/gpt-4o", 'equals "gpt-4o"', "openai")),
    ],
)
def test_a_match_says_whose_price_list_applies_and_why(
    catalogue: Catalogue, provider: str, model: str, match: Match
) -> None:
    assert catalogue.resolve(provider, model) == match


@pytest.mark.parametrize(
    ("provider", "model", "key"),
    [
        ("gcp.vertex_ai", "publishers/google/models/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("gcp.gemini", "models/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("openai", "ft:gpt-4o-2024-08-06:acme::abc123", "openai/ft:gpt-4o"),
        (
            "aws.bedrock",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
    ],
)
def test_a_name_is_read_as_its_seller_writes_it(catalogue: Catalogue, provider: str, model: str, key: str) -> None:
    found = catalogue.resolve(provider, model)
    assert found is not None
    assert found.model_key == key


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o-2024-12-31"),
        ("openai", "gpt-7"),
        ("anthropic", "claude-sonnet-9"),
        ("openai", "anthropic/claude-opus-5"),
        ("openai", ""),
        ("openai", None),
        ("azure.ai.openai", "my-gpt4o-prod"),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"),
        ("litellm", "gpt-4o"),
        ("ollama", "llama3.3:70b"),
        (None, "gpt-4o"),
        (None, "openai/gpt-4o"),
    ],
)
def test_an_unknown_name_is_nobody_and_not_the_most_similar_model(
    catalogue: Catalogue, provider: str | None, model: str | None
) -> None:
    assert catalogue.resolve(provider, model) is None


@pytest.mark.parametrize(
    ("provider", "model", "known"),
    [
        ("openai", "gpt-7", "openai"),
        ("litellm", "azure/x", "azure"),
        ("litellm", "x", None),
        ("ollama", "x", None),
        (None, "x", None),
    ],
)
def test_an_unknown_provider_is_told_from_an_unknown_model(
    catalogue: Catalogue, provider: str | None, model: str, known: str | None
) -> None:
    assert catalogue.provider_of(provider, model) == known


def test_answers_are_remembered_also_when_there_is_none_and_not_without_end(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = dataclasses.replace(catalogue)
    assert fresh.resolve("openai", "gpt-4o") is fresh.resolve("openai", "gpt-4o")
    fresh.resolve("openai", "gpt-7")
    assert len(fresh._remembered) == 2
    monkeypatch.setattr("spanledger.processors.pricing.catalogue._REMEMBERED_MAX", 2)
    fresh.resolve("openai", "gpt-8")
    assert list(fresh._remembered) == [("openai", "gpt-8")]


def test_absurdly_long_names_are_unknown_at_once_and_not_remembered(catalogue: Catalogue) -> None:
    fresh = dataclasses.replace(catalogue)
    assert fresh.resolve("openai", "gpt-4o-" * 10**6) is None
    assert fresh.resolve("openai." * 10**6, "gpt-4o") is None
    assert fresh._remembered == {}


def test_of_the_variants_of_a_borrowed_list_only_those_are_for_sale_that_go_with_it(catalogue: Catalogue) -> None:
    lent, own = Match("openai/gpt-4o", "", "azure"), Match("openai/gpt-4o", "", "openai")
    assert (lent.borrowed, own.borrowed) == (True, False)
    assert catalogue.list_of(lent, "priority") is None
    assert catalogue.list_of(own, "priority") is not None
    for variant in ("standard", "batch"):
        assert catalogue.list_of(lent, variant) == catalogue.list_of(own, variant) is not None


@pytest.mark.parametrize(
    ("model", "moment", "prompt", "price_id"),
    [
        ("openai/o3", "2025-06-09T23:59:59.999999", 1, "openai/o3"),
        ("openai/o3", "2025-06-10T00:00:00", 1, "openai/o3@2025-06-10"),
        ("openai/o3", "1969-12-31T23:59:59", 1, "openai/o3"),
        ("openai/o3", "9999-12-31T23:59:59", 1, "openai/o3@2025-06-10"),
        ("openai/gpt-6-sol", "2026-11-15T12:00:00", 272_000, "openai/gpt-6-sol"),
        ("openai/gpt-6-sol", "2026-11-15T12:00:00", 272_001, "openai/gpt-6-sol>272000"),
        ("openai/gpt-6-sol", "2026-11-15T12:00:00", 2**62, "openai/gpt-6-sol>272000"),
        ("deepseek/deepseek-flash", "2026-11-16T00:59:59.999999", 1, f"{FLASH}T00:00(Mon-Fri)"),
        ("deepseek/deepseek-flash", "2026-11-16T01:00:00", 1, f"{FLASH}T01:00(Mon-Fri)"),
        ("deepseek/deepseek-flash", "2026-11-20T23:59:59", 1, f"{FLASH}T10:00(Mon-Fri)"),
        ("deepseek/deepseek-flash", "2026-11-21T02:00:00", 1, f"{FLASH}(Sat,Sun)"),
        ("deepseek/deepseek-flash", "2026-11-22T23:59:59.999999", 1, f"{FLASH}(Sat,Sun)"),
        ("zhipuai/GLM-5.3-Flash", "1969-12-31T23:59:59", 1, "zhipuai/GLM-5.3-Flash"),
    ],
)
def test_day_window_and_size_of_prompt_lead_to_one_price(
    catalogue: Catalogue, model: str, moment: str, prompt: int, price_id: str
) -> None:
    started = datetime.fromisoformat(moment).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    started_us = (started.days * 86_400 + started.seconds) * 10**6 + started.microseconds
    number = catalogue.lists[model, "standard"]
    (cell,) = catalogue.cells(np.array([number]), np.array([started_us]), np.array([prompt]))
    assert catalogue.price_ids[cell] == price_id


def test_a_catalogue_cannot_be_changed(catalogue: Catalogue) -> None:
    with pytest.raises(ValueError, match="read-only"):
        catalogue.rates[0, 0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        catalogue.id = "other"  # type: ignore[misc]
