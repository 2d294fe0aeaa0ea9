"""What the vendors served, what it costs by their price lists, and how the ledger's rows are held against it."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

MILLION = 1_000_000


@dataclass(frozen=True)
class Truth:
    """One request as the vendor saw it. Input holds the cached tokens, output the reasoning.

    `usage_sent` is "all", "partly" (a stream of Anthropic's, left early: the output is not known to the client) or
    "none".
    """

    n: int
    vendor: str
    api: str
    model: str
    served_model: str | None
    response_id: str | None
    request_id: str
    input_total: int
    cache_read: int
    cache_write: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    reasoning: int
    streamed: bool
    status: int
    usage_sent: str
    left_early: bool


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens, as the vendor's page says."""

    input: str
    output: str = "0"
    cache_read: str = "0"
    cache_write: str = "0"
    cache_write_1h: str = "0"


# https://developers.openai.com/api/docs/pricing and https://platform.claude.com/docs/en/about-claude/pricing,
# https://ai.google.dev/gemini-api/docs/pricing (prompts up to 200,000 tokens) and, for Claude on Bedrock (a tenth more
# within a region's profile), https://aws.amazon.com/bedrock/pricing/, read on 22 November 2026.
PRICES = {
    "gpt-4o-mini": Price(input="0.15", cache_read="0.075", output="0.60"),
    "gpt-5": Price(input="1.25", cache_read="0.125", output="10"),
    "gpt-5-mini": Price(input="0.25", cache_read="0.025", output="2"),
    "gpt-6-sol": Price(input="2", cache_read="0.20", cache_write="2.50", output="10"),
    "text-embedding-3-small": Price(input="0.02"),
    "claude-haiku-4-5": Price(input="1", cache_read="0.10", cache_write="1.25", cache_write_1h="2", output="5"),
    "claude-sonnet-4-5": Price(input="3", cache_read="0.30", cache_write="3.75", cache_write_1h="6", output="15"),
    "global.anthropic.claude-haiku-4-5-20251001-v1:0": Price(
        input="1", cache_read="0.10", cache_write="1.25", cache_write_1h="2", output="5"
    ),
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": Price(
        input="3.30", cache_read="0.33", cache_write="4.125", cache_write_1h="6.60", output="16.50"
    ),
    "gemini-2.5-flash": Price(input="0.30", cache_read="0.03", output="2.50"),
    "gemini-2.5-pro": Price(input="1.25", cache_read="0.125", output="10"),
}

LONG_PROMPT_OVER = 272_000
LONG_PROMPT_PRICES = {"gpt-6-sol": Price(input="4", cache_read="0.40", cache_write="5", output="15")}
"""The same page: a prompt over 272,000 tokens, cached ones included, makes the whole request dearer."""


def read_truth(path: Path) -> list[Truth]:
    """Read what a stand-in wrote; what a recording says beyond the fields of `Truth` is passed over."""
    wanted = {field.name for field in fields(Truth)}
    lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [Truth(**{name: value for name, value in line.items() if name in wanted}) for line in lines]


def has_price(call: Truth) -> bool:
    """Whether the lists above name a price for everything in a call (the vendor has none for some made-up ones)."""
    price = PRICES.get(call.model)
    return price is not None and (call.cache_write == 0 or price.cache_write != "0")


def cost_usd(call: Truth) -> Decimal:
    """What the vendor charges for a call, from the price list alone."""
    price = PRICES[call.model]
    if call.input_total > LONG_PROMPT_OVER:
        price = LONG_PROMPT_PRICES.get(call.model, price)
    written_otherwise = call.cache_write - call.cache_write_1h
    terms = (
        (call.input_total - call.cache_read - call.cache_write, price.input),
        (call.cache_read, price.cache_read),
        (written_otherwise, price.cache_write),
        (call.cache_write_1h, price.cache_write_1h),
        (call.output, price.output),
    )
    return sum((tokens * Decimal(usd) for tokens, usd in terms), Decimal(0)) / MILLION


QUESTION = """
SELECT operation, provider, request_model, response_model, response_id, status, error_type,
       input_tokens, cache_read_tokens, cache_write_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
       output_tokens, reasoning_tokens, cost_usd, price_status, sources, revision, scope_name, partial,
       service_name, environment, trace_id, span_id
FROM calls ORDER BY started_at, call_id
"""
"""Everything that `check` looks at."""

TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
          "output_tokens", "reasoning_tokens")  # fmt: skip


def _told(call: Truth) -> dict[str, int]:
    """The tokens that a client was told, by the ledger's names."""
    numbers = (call.input_total, call.cache_read, call.cache_write, call.cache_write_5m, call.cache_write_1h,
               call.output, call.reasoning)  # fmt: skip
    return dict(zip(TOKENS, numbers, strict=True))


def check(rows: Sequence[dict[str, Any]], truths: Iterable[Truth]) -> None:
    """Hold the ledger against the truth: one row per served call, its tokens and dollars, and nothing more.

    A part of the usage that was zero may be unknown in the ledger (instrumentations leave zeros out); nothing else
    may differ.
    """
    served = [truth for truth in truths if truth.status == 200]
    failed = [row for row in rows if row["status"] == "error"]
    calls = [row for row in rows if row["status"] != "error"]

    without_id = [truth for truth in served if truth.response_id is None]
    ids = Counter(row["response_id"] for row in calls)
    assert ids == Counter(truth.response_id for truth in served), "each served call is one row, under the vendor's id"

    by_id = {row["response_id"]: row for row in calls if row["response_id"] is not None}
    for truth in served:
        if truth.response_id is not None:
            check_call(by_id[truth.response_id], truth)
    embedded = sorted((row for row in calls if row["response_id"] is None), key=lambda row: row["input_tokens"])
    for row, truth in zip(embedded, sorted(without_id, key=lambda truth: truth.input_total), strict=True):
        assert row["operation"] == "embeddings"
        check_call(row, truth)

    for row in failed:
        said = {name: row[name] for name in (*TOKENS, "cost_usd") if row[name] is not None}
        assert said == {}, f"a refused call has neither tokens nor a price: {row}"


def check_call(row: dict[str, Any], truth: Truth) -> None:
    """Hold one row against the call that it stands for."""
    about = f"call {truth.n} ({truth.vendor} {truth.api} {truth.model})"
    assert (row["provider"], row["request_model"]) == (truth.vendor, truth.model), about
    assert row["response_model"] == truth.served_model, about
    told = _told(truth)
    if truth.usage_sent == "none":
        told = dict.fromkeys(TOKENS)
    stored = {name: row[name] if row[name] is not None or told[name] != 0 else 0 for name in TOKENS}
    if truth.usage_sent == "partly":
        assert (stored.pop("output_tokens") or 0) < told.pop("output_tokens"), f"{about}: output that nobody was told"
        stored.pop("reasoning_tokens")
        told.pop("reasoning_tokens")
    assert stored == told, about
    if truth.usage_sent == "all" and has_price(truth):
        assert row["price_status"] == "priced", about
        assert Decimal(row["cost_usd"]) == cost_usd(truth), f"{about}: dollars"
    elif truth.usage_sent == "partly":
        assert row["partial"] or row["cost_usd"] is None, f"{about}: a cost that claims to be all of it"
    elif truth.usage_sent == "none":
        # a stand-in's made-up model has no price in any case; the ledger may name either reason
        reasons = {"missing_usage"} if truth.model in PRICES else {"missing_usage", "unknown_model"}
        assert row["cost_usd"] is None, about
        assert row["price_status"] in reasons, about
