"""Names of providers, as they are sent, lead to the right price list or to none."""

import pytest

from spanledger.processors.provider_names import PASSING_ON, PROVIDERS, comparable, find_provider

OWN_IDS = {comparable(provider): provider for provider in ("openai", "huggingface_cerebras", "x-ai")}


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
    assert find_provider(name, OWN_IDS) == provider


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
    assert find_provider(name, OWN_IDS) is None


def test_a_name_of_a_million_dots_is_unknown_at_once() -> None:
    assert find_provider("openai" + ".a" * 10**6, OWN_IDS) is None


def test_the_table_is_written_in_the_form_in_which_names_are_compared() -> None:
    assert [name for name in (*PROVIDERS, *PASSING_ON) if comparable(name) != name] == []


def test_who_only_passes_calls_on_has_no_prices() -> None:
    assert PASSING_ON & PROVIDERS.keys() == set()
