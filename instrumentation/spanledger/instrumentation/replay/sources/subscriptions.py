"""Providers that a subscription pays for: what their calls would have cost is no bill."""

from typing import Final

SUBSCRIPTIONS: Final = {
    "github-copilot": "copilot",
    "github-copilot-enterprise": "copilot",
    "openai-codex": "chatgpt",
    "google-gemini-cli": "gemini-code-assist",
    "google-antigravity": "antigravity",
    "qwen-portal": "qwen-oauth",
}
"""Provider, by the names that opencode, pi and OpenClaw share (models.dev's and their own) → the plan."""


def plan_of(provider: str | None) -> str | None:
    """The subscription that a provider's name stands for, or None."""
    return None if provider is None else SUBSCRIPTIONS.get(provider)
