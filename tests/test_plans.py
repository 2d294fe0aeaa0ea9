"""Which calls a plan pays for: what coding agents say of it reaches the cost's basis."""

from typing import Any

import numpy as np
import pytest

from spanledger.processors.normalise import Sender
from spanledger.processors.pipeline import Group, process
from spanledger.processors.pricing.plans import is_plan
from tests.otlp_logs import event, log_body
from tests.price_calls import PRICE

CODEX = {
    "event.name": "codex.sse_event",
    "event.kind": "response.completed",
    "conversation.id": "0199f1c2-0000-7000-8000-000000000001",
    "model": "gpt-5",
    "input_token_count": "1000",
    "output_token_count": "100",
    "cached_token_count": "0",
    "reasoning_token_count": "0",
    "tool_token_count": "1100",
}
GEMINI = {
    "event.name": "gemini_cli.api_response",
    "model": "gemini-2.5-pro",
    "input_token_count": 1000,
    "output_token_count": 100,
    "cached_content_token_count": 0,
    "thoughts_token_count": 0,
    "total_token_count": 1100,
}


def priced(scope: str, attributes: dict[str, Any]) -> dict[str, Any]:
    group = Group("logs", [log_body(event(attributes), scope=scope)], [Sender("default", "")], np.zeros(1, np.int64))
    (call,) = PRICE(process([group], 0, ()).calls).to_pylist()
    found: dict[str, Any] = call
    return found


@pytest.mark.parametrize(
    ("said", "basis"), [("Chatgpt", "api_equivalent"), ("chatgpt", "api_equivalent"), ("ApiKey", "estimated")]
)
def test_codex_says_how_it_was_signed_in(said: str, basis: str) -> None:
    call = priced("codex_otel.log_only", CODEX | {"auth_mode": said})
    assert (call["plan"], call["cost_basis"], str(call["cost_usd"].normalize())) == (said, basis, "0.00225")


@pytest.mark.parametrize(
    ("said", "basis"), [("oauth-personal", "api_equivalent"), ("gemini-api-key", "estimated"), (None, "estimated")]
)
def test_gemini_cli_says_how_it_was_signed_in(said: str | None, basis: str) -> None:
    call = priced("gemini-cli", GEMINI | ({} if said is None else {"auth_type": said}))
    assert (call["plan"], call["cost_basis"], str(call["cost_usd"].normalize())) == (said, basis, "0.00225")


def test_saying_nothing_is_no_plan() -> None:
    assert not is_plan(None)
    assert not is_plan("")
