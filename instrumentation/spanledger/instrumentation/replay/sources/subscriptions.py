"""Providers that a subscription pays for: what their calls would have cost is no bill, and is on another's list."""

from typing import Final

from spanledger.instrumentation.replay.providers import UNSAID

SUBSCRIPTIONS: Final = {
    "github-copilot": "copilot",
    "github-copilot-enterprise": "copilot",
    "openai-codex": "chatgpt",
    "google-gemini-cli": "gemini-code-assist",
    "google-antigravity": "antigravity",
    "qwen-portal": "qwen-oauth",
}
"""Provider, by the names that opencode, pi and OpenClaw share (models.dev's and their own) → the plan."""

SELLERS: Final = {
    "openai-codex": "openai",
    "google-gemini-cli": "google",
    # It passes on models of several makers.
    "google-antigravity": UNSAID,
}
"""Provider → whose price list says what its calls would have cost; the others have lists of their own, or none."""


def plan_of(provider: str | None) -> str | None:
    """The subscription that a provider's name stands for, or None."""
    return None if provider is None else SUBSCRIPTIONS.get(provider)


def seller_of(provider: str | None) -> str | None:
    """Whose models a provider passes on, where its name is that of a subscription; else itself."""
    return None if provider is None else SELLERS.get(provider, provider)
