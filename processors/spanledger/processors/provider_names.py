"""Whose price list a provider's name means: the names of the conventions and those seen in the wild.

Names are compared without case and without `_`, `-` and blanks (`x_ai`, `x-ai` and `xAI` are one name). What follows a
dot is a flavour of the interface (`openai.responses`, `aws.bedrock`, `azure.ai.openai`) and is cut off from the right
until a name is known. There is no search for similar names: a name not listed is unknown.
"""

from collections.abc import Mapping
from typing import Final

PROVIDERS: Final[Mapping[str, str]] = {
    # OpenTelemetry's well-known values of gen_ai.provider.name, and the shorter names that SDKs and agents send
    "openai": "openai",
    "anthropic": "anthropic",
    "aws": "aws",  # also aws.bedrock, and aws.anthropic of Envoy AI Gateway: Claude sold by AWS
    "bedrock": "aws",
    "amazon": "aws",
    "amazonbedrock": "aws",
    "awsbedrock": "aws",
    "azure": "azure",  # also azure.ai.openai and azure.ai.inference: OpenAI's models sold by Microsoft
    "az": "azure",  # az.ai.openai, az.ai.inference: the names before semantic conventions 1.35
    "azureopenai": "azure",
    "azureaiopenai": "azure",
    "azureaiinference": "azure",
    "gcp": "google",  # also gcp.gemini, gcp.gen_ai, gcp.vertex_ai, gcp.vertex.agent, gcp.anthropic
    "google": "google",  # also google.generative-ai, google.vertex
    "googlegenai": "google",
    "googlevertex": "google",
    "googlevertexai": "google",
    "gemini": "google",
    "vertex": "google",
    "vertexai": "google",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "groq": "groq",
    "mistral": "mistral",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "moonshotai": "moonshotai",
    "perplexity": "perplexity",
    "perplexityai": "perplexity",
    "xai": "x-ai",
    "x.ai": "x-ai",
    # Providers outside the conventions
    "cerebras": "cerebras",
    "cloudflare": "cloudflare",
    "workersai": "cloudflare",
    "databricks": "databricks",
    "elevenlabs": "elevenlabs",
    "fireworks": "fireworks",
    "fireworksai": "fireworks",
    "github": "github-copilot",
    "githubcopilot": "github-copilot",
    "copilot": "github-copilot",
    "minimax": "minimax",
    "novita": "novita",
    "novitaai": "novita",
    "openrouter": "openrouter",
    "together": "together",
    "togetherai": "together",
    "voyage": "voyageai",
    "voyageai": "voyageai",
    "zai": "zai",
    "z.ai": "zai",
    "zhipu": "zhipuai",
    "zhipuai": "zhipuai",
}
"""Name as compared → id of the provider in the catalogue. A catalogue's own ids are names without being listed here."""

PASSING_ON: Final = frozenset({"crewai", "gateway", "litellm", "vercel"})
"""Names of gateways and frameworks: they sell nothing, and put the provider in front of the model: `openai/gpt-4o`."""

_LENGTH_MAX: Final = 100
"""No provider has a longer name. It bounds the work that a name of a million dots makes."""
_SEPARATORS: Final = str.maketrans("", "", "_- ")


def comparable(name: str) -> str:
    """Reduce a provider's name to the form in which names are compared."""
    return name.casefold().translate(_SEPARATORS)


def find_provider(name: str, own_ids: Mapping[str, str]) -> str | None:
    """Find the provider a name means, or None for a name nobody listed.

    `own_ids`: the ids of the catalogue, by their comparable form.
    """
    part = comparable(name) if len(name) <= _LENGTH_MAX else ""
    while part:
        if (provider := PROVIDERS.get(part) or own_ids.get(part)) is not None:
            return provider
        part = part.rpartition(".")[0]
    return None
