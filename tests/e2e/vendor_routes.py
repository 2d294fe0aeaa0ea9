"""Which path of the stand-in is which vendor's which interface."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from urllib.parse import unquote

from tests.e2e import vendor_anthropic, vendor_bedrock, vendor_gemini, vendor_openai
from tests.e2e.vendor_wire import Answer, Call


@dataclass(frozen=True)
class Route:
    """One interface: `vendor` by the name the conventions give it; `free` ones are answered without a charge."""

    path: re.Pattern[str]
    vendor: str
    api: str
    answer: Callable[[Call], Answer]
    streams: bool = False
    free: bool = False


WIRES: dict[str, ModuleType] = {
    "openai": vendor_openai,
    "anthropic": vendor_anthropic,
    "aws.bedrock": vendor_bedrock,
    "gcp.gemini": vendor_gemini,
}
"""Vendor → the module with its headers, refusals and type of stream."""

_ROUTES = (
    ("/openai/v1/chat/completions", "openai", "chat.completions", vendor_openai.chat_completion),
    ("/openai/v1/responses", "openai", "responses", vendor_openai.response),
    ("/openai/v1/embeddings", "openai", "embeddings", vendor_openai.embeddings),
    ("/anthropic/v1/messages", "anthropic", "messages", vendor_anthropic.message),
    ("/bedrock/model/MODEL/converse", "aws.bedrock", "converse", vendor_bedrock.converse),
    ("/bedrock/model/MODEL/converse-stream", "aws.bedrock", "converse-stream", vendor_bedrock.converse),
    ("/bedrock/model/MODEL/invoke", "aws.bedrock", "invoke", vendor_bedrock.invoke),
    (
        "/bedrock/model/MODEL/invoke-with-response-stream",
        "aws.bedrock",
        "invoke-with-response-stream",
        vendor_bedrock.invoke,
    ),
    ("/gemini/VERSION/models/MODEL:generateContent", "gcp.gemini", "generateContent", vendor_gemini.generated),
    (
        "/gemini/VERSION/models/MODEL:streamGenerateContent",
        "gcp.gemini",
        "streamGenerateContent",
        vendor_gemini.generated,
    ),
)
_FREE = (("/anthropic/v1/messages/count_tokens", "anthropic", "messages.count_tokens", vendor_anthropic.count_tokens),)


def _routes() -> tuple[Route, ...]:
    made = []
    for free, rows in ((False, _ROUTES), (True, _FREE)):
        for path, vendor, api, answer in rows:
            pattern = re.compile(
                re.escape(path).replace("MODEL", "(?P<model>[^/]+?)").replace("VERSION", "v1(?:beta)?")
            )
            made.append(Route(pattern, vendor, api, answer, streams="stream" in api, free=free))
    return tuple(made)


ROUTES = _routes()


def route_of(path: str, body: dict[str, Any]) -> tuple[Route, str]:
    """The route of a request's path, and the model asked for: named in the path or in the body.

    Raises `LookupError` for a path that no vendor's stand-in has.
    """
    for route in ROUTES:
        if found := route.path.fullmatch(path):
            model = found.groupdict().get("model")
            return route, unquote(model) if model else str(body["model"])
    raise LookupError(f"no vendor's stand-in answers {path}")
