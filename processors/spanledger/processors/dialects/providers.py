"""Providers: names that stand for one of the conventions' provider names, and names that are no provider."""

import re
from typing import Final

PROVIDERS: Final[dict[str, str]] = {
    # Deprecated names of the conventions (before 1.33 to 1.37), and others in use
    "az.ai.inference": "azure.ai.inference",
    "az.ai.openai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "azure.openai": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "aws": "aws.bedrock",
    "amazon-bedrock": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "aws_bedrock": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "google.generative-ai": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google.vertex": "gcp.vertex_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "moonshotai": "moonshot_ai",
    "openai_llm": "openai",
    "openai_responses_llm": "openai",
    "perplexity_ai": "perplexity",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""Name in lower case → the conventions' name."""

WELL_KNOWN: Final = frozenset({
    "anthropic", "aws.bedrock", "azure.ai.inference", "azure.ai.openai", "cohere", "deepseek", "gcp.gemini",
    "gcp.gen_ai", "gcp.vertex_ai", "groq", "ibm.watsonx.ai", "mistral_ai", "moonshot_ai", "openai", "perplexity",
    "x_ai",
})  # fmt: skip
"""The conventions' names."""

NO_PROVIDERS: Final = frozenset({
    "agno", "autogen", "crewai", "dspy", "gcp.vertex.agent", "github", "haystack", "langchain", "langfuse", "langgraph",
    "litellm", "llama_index", "llamaindex", "microsoft.agent_framework", "mlflow", "semantic_kernel", "strands",
    "strands-agents", "_other",
})  # fmt: skip
"""Names that emitters say for a provider, of those who sell no model: the model's name tells whose it is."""

MAKERS: Final[tuple[tuple[str, str], ...]] = (
    (r"(?:[a-z]{2,6}\.)?(?:anthropic|amazon|meta|cohere|mistral|ai21|deepseek|openai)\.", "aws.bedrock"),
    (r"arn:aws[^:]*:bedrock:", "aws.bedrock"),
    (r"(?:gpt-|chatgpt-|o[134](?:-|$)|text-embedding-(?:3|ada)|dall-e-|whisper-|codex-)", "openai"),
    (r"claude-", "anthropic"),
    (r"gemini-", "gcp.gemini"),
    (r"(?:mistral|ministral|codestral|devstral|magistral|pixtral)-", "mistral_ai"),
    (r"(?:command-|embed-v|rerank-v)", "cohere"),
    (r"deepseek-", "deepseek"),
    (r"grok-", "x_ai"),
)
"""How a model's name begins → who sells models under such names."""

_MAKERS: Final = re.compile("|".join(f"(?P<m{place}>{begin})" for place, (begin, _) in enumerate(MAKERS)))


def provider_said(name: str) -> str | None:
    """The conventions' name of a provider; the name as it was said where none is known, None for no provider.

    What follows a dot may be a flavour of the interface, as in the ids of the AI SDK: `openai.chat`.
    """
    part = name.lower()
    if part in NO_PROVIDERS:
        return None
    while part:
        if part in PROVIDERS:
            return PROVIDERS[part]
        if part in WELL_KNOWN:
            return part
        part = part.rpartition(".")[0]
    return name


def maker_of(model: str) -> str | None:
    """The provider that a model's name tells, or None: for records whose emitter names none that sells models."""
    head, slash, _ = model.partition("/")
    if slash and (provider := provider_said(head)) in WELL_KNOWN:
        return provider
    found = _MAKERS.match(model.lower())
    return MAKERS[int(str(found.lastgroup)[1:])][1] if found else None
