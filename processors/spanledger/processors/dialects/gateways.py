"""Gateways: what stands between an application and the vendors, and a library that is one inside the process."""

from typing import Final

from spanledger.processors.dialects.columns import ANSWERED_AS, ASKED_AS
from spanledger.processors.dialects.dialect import EXCLUSIVE, INCLUSIVE, NOISE, Dialect, Sign, Text

_INPUT: Final = "gen_ai.usage.input_tokens"
_OUTPUT: Final = "gen_ai.usage.output_tokens"
_READ: Final = "gen_ai.usage.cache_read.input_tokens"
_WRITE: Final = "gen_ai.usage.cache_write.input_tokens"
_REASONING: Final = "gen_ai.usage.reasoning.output_tokens"
_WRITE_5M: Final = "anthropic.usage.cache_creation.ephemeral_5m_input_tokens"
_WRITE_1H: Final = "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"

_OPENAI_LIKE: Final = (
    "openai",
    "None",
    "azure",
    "azure_ai",
    "openrouter",
    "deepseek",
    "groq",
    "xai",
    "mistral",
    "together_ai",
)
"""Vendors as LiteLLM names them in its keys; where it forgot, for Responses and embeddings, it writes None."""
_ANTHROPIC_LIKE: Final = ("anthropic", "bedrock", "vertex_ai", "azure_anthropic")


def _in_repr(attribute: str, name: str, key: str) -> Text:
    """A count in the text that Python writes of a dict."""
    return (attribute, rf"'(?:{name})': (\d+)", key)


def _raw_texts(vendors: tuple[str, ...], counts: tuple[tuple[str, str], ...]) -> tuple[Text, ...]:
    return tuple(_in_repr(f"llm.{vendor}.usage", name, key) for vendor in vendors for name, key in counts)


def _raw_words(vendors: tuple[str, ...]) -> dict[str, str]:
    return {
        f"llm.{vendor}.{name}": key
        for vendor in vendors
        for name, key in (("id", "gen_ai.response.id"), ("model", "gen_ai.response.model"))
    }


_REQUEST_MODEL: Final = "gen_ai.request.model"
_RESPONSE_MODEL: Final = "gen_ai.response.model"
_BEHIND: Final = r"^(?:[a-z0-9_]+/)?(.+)$"
"""The model of LiteLLM's `provider/model`."""

_MODELS_BEHIND: Final = (
    (ANSWERED_AS, r"^(.*20\d\d-?\d\d-?\d\d.*)$", _RESPONSE_MODEL),  # the vendor's own: nobody gives dated names
    ("litellm.provider.model", _BEHIND, _RESPONSE_MODEL),
    (ANSWERED_AS, r"^(.+)$", _RESPONSE_MODEL),
    ("litellm.provider.model", _BEHIND, _REQUEST_MODEL),
    (ASKED_AS, r"^(.+)$", _REQUEST_MODEL),
)
"""What was called for the name that the gateway's operator gave it."""

_USAGE_OBJECT: Final = (
    _in_repr("metadata.usage_object", "cached_tokens|cache_read_input_tokens", _READ),
    _in_repr("metadata.usage_object", "cache_creation_tokens|cache_write_tokens|cache_creation_input_tokens", _WRITE),
    _in_repr("metadata.usage_object", "ephemeral_5m_input_tokens", _WRITE_5M),
    _in_repr("metadata.usage_object", "ephemeral_1h_input_tokens", _WRITE_1H),
    _in_repr("metadata.usage_object", "reasoning_tokens", _REASONING),
    ("hidden_params", r'"(?:llm_provider-)?(?:x-)?request-id": "([^"]+)"', "anthropic.request.id"),
    ("litellm.call_id", r"^(.+)$", "anthropic.request.id"),
    ("litellm.provider.model", r"^([a-z0-9_]+)/", "gen_ai.provider.name"),
)

GATEWAYS: Final[tuple[Dialect, ...]] = (
    Dialect(
        "litellm-raw-openai", rank=0, who_rank=7, own_ids=True, signal="traces", events=("raw_gen_ai_request",),
        marks=tuple(f"llm.{vendor}.usage" for vendor in _OPENAI_LIKE), operations={"raw_gen_ai_request": "chat"},
        words=_raw_words(_OPENAI_LIKE), reading=INCLUSIVE, provider="litellm",
        source="litellm 1.109.1, legacy callback (recorded)",
        texts=_raw_texts(_OPENAI_LIKE, (
            ("prompt_tokens|input_tokens", _INPUT), ("completion_tokens|output_tokens", _OUTPUT),
            ("cached_tokens", _READ), ("cache_write_tokens", _WRITE), ("reasoning_tokens", _REASONING),
        )),
        traps="the usage stands only inside a text; the only trace of a synchronous call within a current span; bears"
        " the vendor's id where the span above it, and who called the gateway, bear LiteLLM's",
    ),
    Dialect(
        "litellm-raw-anthropic", rank=0, who_rank=7, own_ids=True, signal="traces", events=("raw_gen_ai_request",),
        marks=tuple(f"llm.{vendor}.usage" for vendor in _ANTHROPIC_LIKE), operations={"raw_gen_ai_request": "chat"},
        words=_raw_words(_ANTHROPIC_LIKE), reading=EXCLUSIVE, provider="litellm",
        source="litellm 1.109.1, legacy callback (recorded)",
        texts=_raw_texts(_ANTHROPIC_LIKE, (
            ("input_tokens", _INPUT), ("output_tokens", _OUTPUT), ("cache_read_input_tokens", _READ),
            ("cache_creation_input_tokens", _WRITE), ("ephemeral_5m_input_tokens", _WRITE_5M),
            ("ephemeral_1h_input_tokens", _WRITE_1H), ("thinking_tokens", _REASONING),
        )),
        traps="the vendor's own counts, without the cache in the input",
    ),
    Dialect(
        "litellm", rank=0, who_rank=6, scopes=("litellm", "litellm."), reading=INCLUSIVE, own_ids=True,
        provider="litellm", words={_REQUEST_MODEL: ASKED_AS, _RESPONSE_MODEL: ANSWERED_AS},
        marks=("litellm.provider.model", "litellm.call_id", "metadata.usage_object"),
        operations={"raw_gen_ai_request": NOISE, "Received Proxy Server Request": "workflow"},
        texts=(*_USAGE_OBJECT, *_MODELS_BEHIND),
        # A count that a vendor sent has the vendor's details; this is what LiteLLM's own tokenizer leaves.
        guesses=(
            Sign(
                r"'completion_tokens_details': \{'accepted_prediction_tokens': None.*'prompt_tokens_details': None",
                key="metadata.usage_object",
            ),
        ),
        source="litellm 1.109.1, legacy callback and otel v2 (recorded)",
        traps="with a current span it writes on that span, whatever its scope; replaces ids of Anthropic and Responses;"
        " cache and reasoning only inside a text; makes up counts where a stream says none; a gateway names models as"
        " its operator does; otel v2 has no span of a synchronous call",
    ),
    Dialect(
        "openrouter", rank=0, who_rank=4, scopes=("openrouter", "openrouter."), services=("openrouter",),
        source="OpenRouter Broadcast, documentation 2026", reading=INCLUSIVE,
        words={"cost": "gen_ai.usage.cost", "trace.metadata.openrouter.generation_id": "gen_ai.response.id"},
        traps="OTLP as JSON from the vendor's cloud; the client's span may lie in the same trace",
    ),
    Dialect(
        "envoy", rank=0, who_rank=6, scopes=("envoyproxy/ai-gateway",), source="Envoy AI Gateway, August 2026",
        reading=INCLUSIVE, traps="speaks OpenInference; no response id",
    ),
    Dialect(
        "kong", rank=0, who_rank=6, scopes=("kong-internal", "kong"), services=("kong",), source="Kong AI Gateway 3.13",
        operations={"kong.gen_ai": "chat", "kong.*": NOISE}, repeats=(Sign(".", key="gen_ai.tool.call.id"),),
        traps="a second span of the same name for a tool call repeats the usage",
    ),
    Dialect(
        "vllm", rank=0, who_rank=9, scopes=("vllm.llm_engine", "vllm."), source="vLLM, August 2026", reading=INCLUSIVE,
        operations={"llm_request": "chat"}, traps="joins the caller's trace: the same call as the client's span",
    ),
    Dialect(
        "cloudflare", rank=0, who_rank=6, scopes=("cloudflare-ai-gateway", "ai-gateway"),
        services=("cloudflare-ai-gateway", "ai-gateway"), source="Cloudflare AI Gateway, documentation 2026",
    ),
    Dialect(
        "bifrost", rank=0, who_rank=6, scopes=("bifrost", "bifrost."), services=("bifrost",),
        source="Bifrost, documentation 2026", traps="one span an attempt",
    ),
)  # fmt: skip
