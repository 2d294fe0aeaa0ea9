"""What pricing alone costs: batches of calls of many models, from names to amounts, on one core."""

import random
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

import numpy as np
import pyarrow as pa

from benchmarks.figure import SPANS, Figure, Session
from benchmarks.workload import Workload
from spanledger.processors.identify import identify
from spanledger.processors.normalise import Sender
from spanledger.processors.pipeline import Group, process
from spanledger.processors.pricing.bundled import bundled_catalogue
from spanledger.processors.pricing.price import price
from spanledger.processors.pricing.price_book import PriceBook
from spanledger.processors.pricing.rules_toml import read_rules
from spanledger.storage.schema import COLUMNS, LABEL, Batch

CALLS_PER_S: Final = 1_000_000
BATCH_ROWS: Final = 20_000
MODELS: Final = 50
APPLICATIONS: Final = 4
"""For each model: each has its own tier, region, residency and way to tell."""
BATCHES: Final = 60
INTAKE_REQUESTS: Final = 16
SEED: Final = 20261122
RULES: Final = """
[[discount]]
model = "openai/*"
percent = 22

[[override]]
model = "anthropic/claude-sonnet-4-5*"
input = 2.40
output = 12
valid_from = 2026-10-01

[[subscription]]
dialect = "claude-code*"
"""


def calls(book: PriceBook) -> Batch:
    """A batch of calls of `MODELS` models at random times of a month, with cached tokens, places and tiers."""
    chance = random.Random(SEED)
    known = [
        (provider, key.partition("/")[2])
        for provider in ("openai", "anthropic", "google", "azure", "aws")
        for key in book.catalogue.names[provider].model_keys
        if book.catalogue.resolve(provider, key.partition("/")[2])
    ]
    applications = [
        {
            "dialect": chance.choice(["claude-code", "otel-genai", "litellm"]),
            "provider": provider,
            "request_model": model,
            "response_model": chance.choice([model, None]),
            "service_tier": chance.choice([None, None, "default", "batch"]),
            "region": chance.choice([None, "global", "us-east5"]),
            "residency": chance.choice([None, None, None, "us"]),
        }
        for provider, model in chance.sample(known, MODELS)
        for _ in range(APPLICATIONS)
    ]
    callers = [chance.choice(applications) for _ in range(BATCH_ROWS)]
    first = datetime(2026, 10, 20, tzinfo=UTC)
    prompts = [chance.randrange(300_000) for _ in range(BATCH_ROWS)]
    said: dict[str, list[object]] = {name: [caller[name] for caller in callers] for name in applications[0]}
    said |= {
        "tenant": ["default"] * BATCH_ROWS,
        "started_at": [first + timedelta(seconds=chance.randrange(30 * 86_400)) for _ in range(BATCH_ROWS)],
        "input_tokens": list(prompts),
        "cache_read_tokens": [prompt // 2 for prompt in prompts],
        "cache_write_tokens": [prompt // 4 for prompt in prompts],
        "output_tokens": [chance.randrange(4_000) for _ in range(BATCH_ROWS)],
        "reasoning_tokens": [0] * BATCH_ROWS,
        "web_searches": [chance.choice([None, None, 1]) for _ in range(BATCH_ROWS)],
    }
    columns = {}
    for name, kind in COLUMNS.items():
        values = said.get(name, [None] * BATCH_ROWS)
        columns[name] = pa.array(values, pa.string()).dictionary_encode() if kind is LABEL else pa.array(values, kind)
    return pa.table(columns)


def rate(batch: Batch, book: PriceBook, batches: int) -> float:
    """Calls priced in a second of one core: the median batch, by the processor's time, of all threads together."""
    price(batch, book)
    took = []
    for _ in range(batches):
        began = time.process_time()
        price(batch, book)
        took.append(time.process_time() - began)
    return batch.num_rows / median(took)


def share(book: PriceBook, batches: int) -> tuple[float, float]:
    """Microseconds of processor time for a span of the intake's traffic: from bytes to columns, and to price it."""
    work = Workload(SPANS, 1_800_000_000_000_000_000)
    bodies = [work.request(number) for number in range(INTAKE_REQUESTS)]
    group = Group("traces", bodies, [Sender("default", "")] * len(bodies), np.arange(len(bodies)))
    made, priced = [], []
    for _ in range(batches):
        began = time.process_time()
        batch = process([group], 1_800_000_000_000_000, (identify,)).calls
        between = time.process_time()
        price(batch, book)
        made.append(between - began)
        priced.append(time.process_time() - between)
    spans = SPANS * INTAKE_REQUESTS / 1_000_000
    return median(made) / spans, median(priced) / spans


def measure(session: Session) -> list[Figure]:
    """With the bundled catalogue alone, with rules of every kind, and beside the rest of the intake."""
    catalogue = bundled_catalogue()
    plain, ruled = PriceBook(catalogue), PriceBook(catalogue, read_rules(RULES))
    batch = calls(plain)
    session.say("pricing …")
    batches = session.scaled(BATCHES)
    figures = []
    for what, book in {"without rules": plain, "with rules": ruled}.items():
        per_s = rate(batch, book, batches)
        figures.append(
            Figure(
                f"pricing alone, {what}",
                f"≥ {CALLS_PER_S:,} calls/s" if book is plain else "",
                f"{per_s:,.0f} calls/s",
                per_s >= CALLS_PER_S if book is plain else None,
                f"batches of {BATCH_ROWS:,} calls of {MODELS} models, by processor time",
            )
        )
    made, priced = share(plain, max(batches // 3, 1))
    figures.append(
        Figure(
            "pricing as a part of the intake",
            "(reported)",
            f"{priced:.2f} µs a span",
            None,
            f"{INTAKE_REQUESTS * SPANS:,} spans of 17 attributes; {made:.2f} µs to decode, normalise and identify one",
        )
    )
    return figures
