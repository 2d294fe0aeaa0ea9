"""The price data of `genai_prices`, corrected by the overlay, compiled into a catalogue.

Prices become integers of pico-dollars: exact for prices of up to six decimals per million tokens, which is all that
vendors publish; the few with more (float noise such as 0.18000000000000002, thirds such as 0.0833333333333333) are
rounded half-even to the pico-dollar.
"""

from collections.abc import Sequence
from typing import Final

from genai_prices.types import ClauseEquals, ClauseOr, ModelInfo, ModelPrice, Provider

from spanledger.processors.pricing.catalogue import Catalogue
from spanledger.processors.pricing.catalogue_file import identified
from spanledger.processors.pricing.clauses import clause_of
from spanledger.processors.pricing.conditions import matches
from spanledger.processors.pricing.flatten import flatten
from spanledger.processors.pricing.model_names import ModelNames
from spanledger.processors.pricing.overlay import EMPTY, Overlay
from spanledger.processors.pricing.price_rows import PriceRow

_FREE_BY_NAME: Final = ":free"
"""How OpenRouter and others name a model that costs nothing."""


def compile_catalogue(providers: Sequence[Provider], source: str, overlay: Overlay = EMPTY) -> Catalogue:
    """Compile price data into a catalogue; `source` tells people where the data is from."""
    whole = [_with_models(provider, overlay) for provider in providers]
    return identified(
        Catalogue(
            id="",
            source=source,
            rows=tuple(row for provider in whole for row in _rows(provider, overlay)),
            names={provider.id: _names(provider) for provider in whole},
            lenders={provider.id: tuple(provider.fallback_model_providers or ()) for provider in whole},
            lent_variants=overlay.lent_variants,
            providers=overlay.providers,
            passing_on=overlay.passing_on,
            conditions=tuple(overlay.conditions),
            audio_seconds_min=overlay.audio_seconds_min,
        )
    )


def _with_models(provider: Provider, overlay: Overlay) -> Provider:
    """The provider with those of its models first that the data takes for parts of others."""
    own = [model for model in overlay.models if model.key.startswith(f"{provider.id}/")]
    if not own:
        return provider
    added = [
        ModelInfo(
            model.key.partition("/")[2], ClauseOr([ClauseEquals(name) for name in model.names]), prices=ModelPrice()
        )
        for model in own
    ]
    return Provider(
        provider.id,
        provider.name,
        provider.api_pattern,
        pricing_urls=provider.pricing_urls,
        fallback_model_providers=provider.fallback_model_providers,
        models=[*added, *provider.models],
    )


def _rows(provider: Provider, overlay: Overlay) -> list[PriceRow]:
    page = next(iter(provider.pricing_urls or ()), None)
    corrections = [one for one in overlay.corrections if any(_concerns(one_of, provider.id) for one_of in one.models)]
    promises = [one for one in overlay.promises if any(_concerns(one_of, provider.id) for one_of in one.models)]
    rows: list[PriceRow] = []
    for model in provider.models:
        key = f"{provider.id}/{model.id}"
        rows += flatten(
            provider.id,
            model,
            [one for one in corrections if _named(one.models, key)],
            [one for one in promises if _named(one.models, key)],
            page=page,
            free=key in overlay.free or key.endswith(_FREE_BY_NAME),
        )
    return rows


def _concerns(pattern: str, provider_id: str) -> bool:
    return pattern.partition("/")[0] == provider_id


def _named(patterns: Sequence[str], model_key: str) -> bool:
    return any(matches(pattern, model_key) for pattern in patterns)


def _names(provider: Provider) -> ModelNames:
    return ModelNames(
        tuple(f"{provider.id}/{model.id}" for model in provider.models),
        tuple(clause_of(model.match) for model in provider.models),
    )
