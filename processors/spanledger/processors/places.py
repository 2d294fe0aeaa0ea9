"""Where and by whom a call was served: what the address of the endpoint tells, and a gateway's own cache.

Sources: https://developers.openai.com/api/docs/guides/data-residency,
https://docs.x.ai/developers/advanced-api-usage/regions,
https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations,
https://docs.aws.amazon.com/general/latest/gr/bedrock.html
"""

import re
from typing import Final

ADDRESS: Final = "server.address"
"""The key under which the conventions have the endpoint's host."""

_RESIDENCY: Final = re.compile(r"^([a-z]{2})\.api\.openai\.com$")
_REGION: Final = re.compile(
    r"^(?:([a-z0-9-]+)-aiplatform\.googleapis\.com"
    r"|aiplatform\.([a-z]{2})\.rep\.googleapis\.com"
    r"|bedrock-runtime\.([a-z0-9-]+)\.amazonaws\.com"
    r"|([a-z0-9-]+)\.api\.x\.ai)$"
)
_GLOBAL: Final = "aiplatform.googleapis.com"
_HITS: Final = frozenset({"true", "hit", "1", "yes"})


def residency_of(host: str) -> str | None:
    """In which part of the world an endpoint of OpenAI computes, if it is one that promises that."""
    found = _RESIDENCY.match(host.lower())
    return found[1] if found else None


def region_of(host: str) -> str | None:
    """The region of an endpoint of Vertex AI, Bedrock or xAI; "global" where it says so."""
    host = host.lower()
    if host == _GLOBAL:
        return "global"
    found = _REGION.match(host)
    return next((group for group in found.groups() if group), None) if found else None


def cache_said(said: str) -> str:
    """Say "hit" where a gateway tells that it answered from its own cache, else "miss"."""
    return "hit" if said.strip().lower() in _HITS else "miss"
