"""OpenInference (Arize): `llm.token_count.*`, and what kind of span it is in `openinference.span.kind`."""

from typing import Final

from spanledger.processors.dialects.dialect import INCLUSIVE, Dialect, Text

_RESPONSE_ID: Final = "gen_ai.response.id"

# Quotes inside what was said are escaped, so only a member of the JSON text itself can match.
_OPENAI_ID: Text = ("output.value", r'[{,]\s*"id"\s*:\s*"((?:chatcmpl|cmpl|resp)[-_][^"\\]+)"', _RESPONSE_ID)
_ANTHROPIC_ID: Text = ("output.value", r'^\s*\{\s*"id"\s*:\s*"(msg_[^"]+)"', _RESPONSE_ID)
_LANGCHAIN_ID: Text = ("output.value", r'[{,]\s*"id": "((?:chatcmpl-|resp_|msg_01)[^"\\]+)"', _RESPONSE_ID)
_PREFIX: Text = ("llm.model_name", r"^([a-z0-9_]+)/", "gen_ai.provider.name")

OPENINFERENCE: Final[tuple[Dialect, ...]] = (
    Dialect(
        "openinference-openai", rank=1, scopes=("openinference.instrumentation.openai",), reading=INCLUSIVE,
        source="openinference-instrumentation-openai 0.1.66 (recorded)", texts=(_OPENAI_ID,),
        traps="the response id stands only inside output.value; a refused call names no model",
    ),
    Dialect(
        "openinference-anthropic", rank=1, scopes=("openinference.instrumentation.anthropic",), reading=INCLUSIVE,
        source="openinference-instrumentation-anthropic 3.1.0 (recorded)", texts=(_ANTHROPIC_ID,), provider="anthropic",
        traps="the response id stands only inside output.value; of a stream that was left early it says 1 output token;"
        " versions before 1.0 left the cache out",
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
        "openinference", rank=3, who_rank=3, scopes=("openinference.instrumentation.", "@arizeai/openinference*"),
        marks=("openinference.span.kind",), texts=(_OPENAI_ID, _ANTHROPIC_ID),
        source="openinference-semantic-conventions 0.1.42", traps="CHAIN and AGENT may repeat their calls' tokens",
    ),
)  # fmt: skip
