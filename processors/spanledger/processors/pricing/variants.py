"""Which of a model's price lists a call was billed on: the standard one, batch, flex, priority or fast."""

from collections.abc import Mapping
from typing import Final

STANDARD: Final = "standard"

SERVICE_TIERS: Final[Mapping[str, str]] = {
    "default": STANDARD,
    "standard": STANDARD,
    "standard_only": STANDARD,  # Anthropic's request parameter: never the priority tier
    "auto": STANDARD,  # asked for whatever there is; a call served otherwise says so in its response
    "on_demand": STANDARD,  # Groq, Bedrock, Vertex
    "scale": STANDARD,  # OpenAI's reserved capacity: bought per day, its calls are valued at the list price
    "unspecified": STANDARD,
    "service_tier_unspecified": STANDARD,
}
"""`service_tier` → variant. Any other tier is a variant of its own name, for which a model has a price or has not."""

SPEEDS: Final[Mapping[str, str]] = {"standard": STANDARD, "normal": STANDARD}
"""`speed` → variant, in the same way."""

CONTEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast", "speed": "fast"},  # OpenAI names a service tier so, Anthropic a speed
}
"""Variant → request context by which the price data of `genai_prices` selects it."""

_ONE_AND_THE_SAME: Final = frozenset({"priority", "fast"})
"""OpenAI sells its priority tier as "fast": a call that says both was sped up once."""


def find_variant(service_tier: str | None, speed: str | None) -> str:
    """Name the price list that a service tier and a speed ask for together.

    Two different wishes at once (batch and fast) make a name that no model has a price for.
    """
    tier = _variant(service_tier, SERVICE_TIERS)
    pace = _variant(speed, SPEEDS)
    if pace in {STANDARD, tier} or {tier, pace} == _ONE_AND_THE_SAME:
        return tier
    return pace if tier == STANDARD else f"{tier}+{pace}"


def _variant(said: str | None, names: Mapping[str, str]) -> str:
    name = (said or STANDARD).strip().casefold().replace("-", "_")
    return names.get(name, name)
