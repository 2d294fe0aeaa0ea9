"""The invented company of the demo: who works there, what they run, and which models that calls.

All of it is data; nothing here decides anything. Model names and their prices are the vendors' own, so that the bill
of the demo is a plausible one; `IN_HOUSE` is a model that no price list knows, to show what becomes of such a call.
"""

from dataclasses import dataclass
from typing import Final

SERVICE_PREFIX: Final = "demo-"
"""Every demo service is named with it, and nothing else should be: it is how the demo is found and removed."""

MARK: Final = "spanledger.demo"
"""Resource attribute of every demo span, true."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its caller's instrumentation reports it."""

    provider: str
    request_model: str
    response_model: str
    scope_name: str
    server_address: str
    id_prefix: str  # how the vendor's response ids begin; empty where the API gives none
    output_tokens_per_s: float
    operation: str = "chat"


OPENAI: Final = ("openai", "opentelemetry.instrumentation.genai.openai", "api.openai.com", "chatcmpl-")
ANTHROPIC: Final = ("anthropic", "opentelemetry.instrumentation.genai.anthropic", "api.anthropic.com", "msg_")
GEMINI: Final = ("gcp.gemini", "opentelemetry.instrumentation.google_genai", "generativelanguage.googleapis.com", "")


def model(
    vendor: tuple[str, str, str, str], request: str, response: str, speed: float, operation: str = "chat"
) -> Model:
    """A model of one of the vendors above; `speed` is in output tokens a second."""
    provider, scope_name, server_address, id_prefix = vendor
    if operation == "embeddings":
        id_prefix = ""
    return Model(provider, request, response, scope_name, server_address, id_prefix, speed, operation)


GPT: Final = model(OPENAI, "gpt-5.5", "gpt-5.5", 70)
GPT_MINI: Final = model(OPENAI, "gpt-5.4-mini", "gpt-5.4-mini-2026-03-17", 140)
GPT_NANO: Final = model(OPENAI, "gpt-5-nano", "gpt-5-nano-2025-08-07", 180)
EMBEDDING: Final = model(OPENAI, "text-embedding-3-small", "text-embedding-3-small", 0, "embeddings")
SONNET: Final = model(ANTHROPIC, "claude-sonnet-5", "claude-sonnet-5", 80)
OPUS: Final = model(ANTHROPIC, "claude-opus-4-8", "claude-opus-4-8", 45)
HAIKU: Final = model(ANTHROPIC, "claude-haiku-4-5", "claude-haiku-4-5-20251001", 150)
FLASH: Final = model(GEMINI, "gemini-2.5-flash", "gemini-2.5-flash", 200, "generate_content")
FLASH_LITE: Final = model(GEMINI, "gemini-2.5-flash-lite", "gemini-2.5-flash-lite", 260, "generate_content")
PRO: Final = model(GEMINI, "gemini-2.5-pro", "gemini-2.5-pro", 90, "generate_content")
IN_HOUSE: Final = Model(
    provider="demo-inference",
    request_model="demo-layout-reader-7b",
    response_model="demo-layout-reader-7b",
    scope_name="opentelemetry.util.genai.handler",
    server_address="inference.demo.internal",
    id_prefix="demo-",
    output_tokens_per_s=60,
)

TEAMS: Final[dict[str, tuple[str, ...]]] = {
    "support": ("ada", "bruno", "chen", "dalia", "emeka", "freja", "goran", "hana", "ilse", "jamal"),
    "sales": ("kofi", "lena", "mateo", "nadia", "oskar", "priya"),
    "finance": ("quentin", "rosa", "samir", "tova"),
    "platform": ("uma", "viktor", "wanda", "xavier", "yuki", "zoran", "anouk", "bashir"),
    "web": ("carmen", "dmitri", "elif", "femi", "greta", "hugo"),
    "mobile": ("ines", "jonas", "kira", "luca", "mina", "noor"),
}
"""Team → its people: 40 users in all."""

COST_CENTERS: Final = {
    "support": "CC-100",
    "sales": "CC-200",
    "finance": "CC-300",
    "platform": "CC-410",
    "web": "CC-420",
    "mobile": "CC-430",
}

DEVELOPERS: Final = ("platform", "web", "mobile")
DESKS: Final = ("support", "sales", "finance")
REPOSITORIES: Final = {"platform": "demo/billing-api", "web": "demo/storefront", "mobile": "demo/shop-app"}

# Share of a day's traffic per hour of the day, UTC; only the proportions count.
OFFICE_HOURS: Final = (0, 0, 0, 0, 0, 0, 1, 4, 9, 11, 12, 10, 6, 9, 11, 11, 9, 6, 3, 1, 1, 0, 0, 0)
SHOP_HOURS: Final = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 10, 11, 10, 9, 9, 9, 9, 10, 11, 10, 8, 5, 3)
NIGHT_BATCH: Final = (0, 30, 40, 20, 0, 0, 0, 1, 3, 3, 3, 3, 2, 3, 3, 3, 2, 1, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class App:
    """One service of the company and its rhythm."""

    service_name: str
    service_version: str
    cloud_region: str
    share: float  # of the calls of a working day
    weekend: float  # a Saturday's or Sunday's traffic, as part of a working day's
    hours: tuple[int, ...]


CHAT: Final = App("demo-support-chat", "4.12.0", "eu-west-1", 0.40, 0.45, SHOP_HOURS)
EXTRACTION: Final = App("demo-document-extraction", "2.3.1", "eu-central-1", 0.20, 0.10, NIGHT_BATCH)
REVIEW: Final = App("demo-code-review", "0.9.4", "eu-west-1", 0.25, 0.06, OFFICE_HOURS)
SEARCH: Final = App("demo-semantic-search", "1.7.2", "eu-west-1", 0.15, 0.60, SHOP_HOURS)
APPS: Final = (CHAT, EXTRACTION, REVIEW, SEARCH)
