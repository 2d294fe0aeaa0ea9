"""Names of providers, as they are sent, lead to the right price list or to none."""

import pytest

from spanledger.processors.pricing.bundled import bundled_overlay
from spanledger.processors.pricing.provider_names import comparable, find_provider

OVERLAY = bundled_overlay()
OWN_IDS = {comparable(provider): provider for provider in ("openai", "huggingface_cerebras", "x-ai")}
KNOWN = OWN_IDS | dict(OVERLAY.providers)


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("openai", "openai"),
        ("OpenAI", "openai"),
        ("openai.responses", "openai"),
        ("anthropic.messages", "anthropic"),
        ("aws.bedrock", "aws"),
        ("AWS", "aws"),
        ("aws.anthropic", "aws"),
        ("amazon-bedrock", "aws"),
        ("azure.ai.openai", "azure"),
        ("azure.ai.inference", "azure"),
        ("az.ai.openai", "azure"),
        ("azure.openai", "azure"),
        ("azure-openai.chat", "azure"),
        ("gcp.gen_ai", "google"),
        ("gcp.gemini", "google"),
        ("gcp.vertex_ai", "google"),
        ("gcp.vertex.agent", "google"),
        ("gcp.anthropic", "google"),
        ("google.generative-ai", "google"),
        ("vertex_ai", "google"),
        ("vertexai", "google"),
        ("gemini", "google"),
        ("mistral_ai", "mistral"),
        ("mistralai", "mistral"),
        ("moonshot_ai", "moonshotai"),
        ("x_ai", "x-ai"),
        ("xai", "x-ai"),
        ("x.ai", "x-ai"),
        ("together_ai", "together"),
        ("together", "together"),
        ("github", "github-copilot"),
        ("zai", "zai"),
        ("huggingface_cerebras", "huggingface_cerebras"),
    ],
)
def test_a_name_seen_in_the_wild_means_a_provider(name: str, provider: str) -> None:
    assert find_provider(name, KNOWN) == provider


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "ibm.watsonx.ai",
        "ollama",
        "vLLM",
        "hugging_face",
        "langchain",
        "openai-compatible",
        "_OTHER",
        "openai" + ".a" * 10**6,
    ],
)
def test_a_name_that_nobody_listed_is_unknown_and_not_the_most_similar_one(name: str) -> None:
    assert find_provider(name, KNOWN) is None


def test_a_name_of_a_million_dots_is_unknown_at_once() -> None:
    assert find_provider("openai" + ".a" * 10**6, KNOWN) is None


def test_who_only_passes_calls_on_has_no_prices() -> None:
    assert OVERLAY.passing_on & OVERLAY.providers.keys() == set()
