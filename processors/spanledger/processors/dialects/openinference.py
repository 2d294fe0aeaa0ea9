"""OpenInference (Arize): `llm.token_count.*`, and what kind of span it is in `openinference.span.kind`."""

from typing import Final

from spanledger.processors.dialects.dialect import INCLUSIVE, Dialect, Sign, Text

_RESPONSE_ID: Final = "gen_ai.response.id"
_INPUT: Final = "gen_ai.usage.input_tokens"

# Quotes inside what was said are escaped, so only a member of the JSON text itself can match.
_OPENAI_ID: Text = ("output.value", r'[{,]\s*"id"\s*:\s*"((?:chatcmpl|cmpl|resp)[-_][^"\\]+)"', _RESPONSE_ID)
_ANTHROPIC_ID: Text = ("output.value", r'^\s*\{\s*"id"\s*:\s*"(msg_[^"]+)"', _RESPONSE_ID)
_LANGCHAIN_ID: Text = ("output.value", r'[{,]\s*"id": "((?:chatcmpl-|resp_|msg_01)[^"\\]+)"', _RESPONSE_ID)
_PREFIX: Text = ("llm.model_name", r"^([a-z0-9_]+)/", "gen_ai.provider.name")


def _of_haystack(side: str, name: str, key: str) -> Text:
    """A detail of the usage in the last of the messages that Python wrote down."""
    return ("output.value", rf"(?s)^.*'{side}_tokens_details': \{{[^{{}}]*'{name}': (\d+)", key)


OPENINFERENCE: Final[tuple[Dialect, ...]] = (
    Dialect(
        "openinference-openai", rank=1, scopes=("openinference.instrumentation.openai",), reading=INCLUSIVE,
        source="openinference-instrumentation-openai 0.1.66 (recorded)", texts=(_OPENAI_ID,),
        traps="the response id stands only inside output.value; a refused call names no model",
    ),
    Dialect(
        "openinference-anthropic", rank=1, scopes=("openinference.instrumentation.anthropic",), reading=INCLUSIVE,
        source="openinference-instrumentation-anthropic 3.1.0 (recorded)", texts=(_ANTHROPIC_ID,), provider="anthropic",
        unfinished=(Sign(r'^\s*\{.*"stop_reason"\s*:\s*null', "output.value"),),
        traps="the response id stands only inside output.value; of a stream that was left early it says the output of"
        " its beginning; versions before 1.0 left the cache out",
    ),
    Dialect(
        "openinference-langchain", rank=3, who_rank=2, scopes=("openinference.instrumentation.langchain",),
        source="openinference-instrumentation-langchain 0.1.80 (recorded)", texts=(_LANGCHAIN_ID,), reading=INCLUSIVE,
        traps="its span is not current: the span of the SDK's instrumentation is its sibling, or in another trace",
    ),
    Dialect(
        "openinference-litellm", rank=2, scopes=("openinference.instrumentation.litellm",), texts=(_PREFIX,),
        source="openinference-instrumentation-litellm 0.1.51 (recorded)", reading=INCLUSIVE,
        traps="no response id; the model keeps its provider in front; no 5m/1h split",
    ),
    Dialect(
        "openinference-haystack", rank=3, who_rank=2, scopes=("openinference.instrumentation.haystack",),
        source="openinference-instrumentation-haystack 0.1.46 (recorded)", reading=INCLUSIVE, provider="haystack",
        texts=(
            _of_haystack("prompt", "cached_tokens", "gen_ai.usage.cache_read.input_tokens"),
            _of_haystack("prompt", "cache_write_tokens", "gen_ai.usage.cache_write.input_tokens"),
            _of_haystack("completion", "reasoning_tokens", "gen_ai.usage.reasoning.output_tokens"),
            ("output.value", r'"usage": \{"prompt_tokens": (\d+), "total_tokens": \d+\}\}\}$', _INPUT),
        ),
        traps="what was cached and reasoned stands only inside output.value, as Python's text of a dict, and so do the"
        " tokens of embeddings; no response id",
    ),
    Dialect(
        "openinference-llama-index", rank=3, who_rank=2, scopes=("openinference.instrumentation.llama_index",),
        source="openinference-instrumentation-llama-index 4.6.1 (recorded)", reading=INCLUSIVE, provider="llama_index",
        repeats=(Sign(r"\._prepare_chat_with_tools$"), Sign(r"\.a?get_[a-z_]*embedding")),
        traps="embeddings are two spans, one in the other, and have no tokens; what prepares a call is called one, too;"
        " no response id, and no tokens of streams of the Responses API",
    ),
    Dialect(
        "openinference", rank=3, who_rank=3, scopes=("openinference.instrumentation.", "@arizeai/openinference*"),
        marks=("openinference.span.kind",), texts=(_OPENAI_ID, _ANTHROPIC_ID),
        source="openinference-semantic-conventions 0.1.42", traps="CHAIN and AGENT may repeat their calls' tokens",
    ),
)  # fmt: skip
