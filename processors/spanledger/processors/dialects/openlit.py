"""OpenLIT: a span and a details event for each call."""

from dataclasses import replace
from typing import Final

from spanledger.processors.dialects.dialect import EXCLUSIVE, INCLUSIVE, Dialect
from spanledger.processors.dialects.official import with_event

_SOURCE: Final = "openlit 1.45.0 (recorded)"
_EVENTS: Final = "its event for a stream lies outside the span: the response id joins them"
_BEDROCK: Final = Dialect(
    "openlit-bedrock", rank=3, scopes=("openlit.instrumentation.bedrock",), source="openlit 1.45.0", reading=EXCLUSIVE,
    provider="aws.bedrock",
)  # fmt: skip

OPENLIT: Final[tuple[Dialect, ...]] = (
    *with_event(Dialect(
        "openlit-anthropic", rank=3, scopes=("openlit.instrumentation.anthropic",), source=_SOURCE, reading=EXCLUSIVE,
        provider="anthropic", traps=f"its input leaves the cache out, that of the SDK's span does not; {_EVENTS}",
    ), in_context=False),
    *with_event(_BEDROCK, in_context=False),
    *with_event(Dialect(
        "openlit-openai", rank=3, scopes=("openlit.instrumentation.openai",), source=_SOURCE, reading=INCLUSIVE,
        traps=f"makes up token counts where a stream says none, without a mark; {_EVENTS}",
    ), in_context=False),
    *with_event(replace(
        _BEDROCK, name="openlit", scopes=("openlit.",), provider=None,
        reading=frozenset({"anthropic", "aws.bedrock"}), traps=_EVENTS,
    ), in_context=False),
)  # fmt: skip
