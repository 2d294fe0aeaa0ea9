"""Who speaks, and what the words mean, a second time: plain loops over one record. Shares only the tables."""

import re
from collections.abc import Callable
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanledger.processors.dialects import columns
from spanledger.processors.dialects.dialect import EXCLUSIVE, INCLUSIVE, Dialect, Sign
from spanledger.processors.dialects.operations import NO_OUTPUT, SAYING, operation_said
from spanledger.processors.dialects.providers import maker_of, provider_said
from spanledger.processors.dialects.registry import DIALECTS, UNKNOWN, fits

Values = dict[str, AnyValue]
Text = Callable[[AnyValue | None], str | None]


def speaker_of(scope: str, service: str | None, name: str, values: Values) -> Dialect:
    """The dialect of a span."""
    rows = [row for row in DIALECTS if row.signal in (None, "traces")]
    by_scope = [row for row in rows if scope and any(fits(one, scope) for one in row.scopes)]
    by_service = [row for row in rows if service in row.services]
    by_mark = [row for row in rows if any(mark in values for mark in row.marks)]
    for row in rows:
        anywhere = not (row.scopes or row.services or row.marks)
        if name in row.events and (anywhere or any(row in found for found in (by_scope, by_service, by_mark))):
            return row
    return next((row for row in (*by_scope, *by_service, *by_mark) if not row.events), UNKNOWN)


def put_into_words(values: Values, dialect: Dialect) -> Values:
    """The attributes under the conventions' keys."""
    for word, key in dialect.words.items():
        if word in values and key not in values:
            values = {(key if name == word else name): said for name, said in values.items()}
    return values


def operation_of(values: Values, dialect: Dialect, name: str, text: Text) -> str | None:
    """What a span says that it did; "" for noise."""
    for key in SAYING:
        said = text(values.get(key))
        if said is not None:
            return operation_said(key, said)
    for pattern, means in dialect.operations.items():
        if name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1])):
            return dialect.operations.get(name, means)
    return None


def inside_texts(values: Values, dialect: Dialect, text: Text) -> dict[str, str]:
    """Column → what a text says for it."""
    said: dict[str, str] = {}
    for attribute, pattern, key in dialect.texts:
        found = re.search(pattern.replace("$", r"\Z"), text(values.get(attribute)) or "", re.ASCII)
        if found:
            said.setdefault("total" if key in columns.TOTAL else columns.COLUMN_OF[key], found[1])
    return said


def shows(signs: tuple[Sign, ...], values: Values, name: str, text: Text) -> bool:
    """Whether a record shows any of the signs."""
    said = [(sign, text(values.get(sign.key)) if sign.key else name) for sign in signs]
    return any(
        found is not None and re.search(sign.pattern, found) and sign.without not in values for sign, found in said
    )


def provider_of(said: str | None, row: dict[str, Any], dialect: Dialect) -> str | None:
    """The conventions' name of a provider."""
    said = said or dialect.provider
    if said is None:
        return None
    known = provider_said(said)
    for model in (row["response_model"], row["request_model"]):
        known = known or (maker_of(model) if model else None)
    return known


def usage(row: dict[str, Any], dialect: Dialect, *, total: int | None, uncached: int | None, odd: set[str],
          failed: bool, shown: Callable[[tuple[Sign, ...]], bool]) -> dict[str, Any]:  # fmt: skip
    """The counts of a row as they were said, made inclusive; `odd` are flags that are known already."""
    counts = {name: row[name] for name in columns.COUNTS}
    lifetimes = [counts[f"cache_write_{lifetime}_tokens"] for lifetime in ("5m", "1h")]
    if counts["cache_write_tokens"] is None and lifetimes != [None, None]:
        counts["cache_write_tokens"] = sum(count or 0 for count in lifetimes)
    partial = "bad_count" in odd
    if shown(dialect.guesses):
        counts = dict.fromkeys(counts)
        odd.add("guessed_usage")
        partial = True
    if failed and not (counts["input_tokens"] or counts["output_tokens"]):
        counts = dict.fromkeys(counts)
    asked, answered = counts["input_tokens"], counts["output_tokens"]
    cached = (counts["cache_read_tokens"] or 0) + (counts["cache_write_tokens"] or 0)
    reasoning = counts["reasoning_tokens"] or 0
    rest = None if total is None else total - (asked or 0) - (answered or 0)

    rule, beside = dialect.reading if dialect.reading == EXCLUSIVE else INCLUSIVE, dialect.reasoning_beside
    if dialect.reading not in (INCLUSIVE, EXCLUSIVE):
        if isinstance(dialect.reading, frozenset) and row["provider"] in dialect.reading:
            rule = EXCLUSIVE
        if not dialect.reading:
            if rest is not None and cached and rest in (cached, cached + reasoning):
                rule = "total_exclusive"
            elif cached > (asked or 0):
                rule = "exclusive_by_size"
            elif rest in (0, reasoning):
                rule = "total_inclusive"
            beside |= bool(reasoning and rest and rest in (reasoning, cached + reasoning) and rest != cached)
        if uncached is not None and cached:
            rule = "uncached_exclusive" if (asked or 0) == uncached else "uncached_inclusive"
    if asked is not None:
        if "exclusive" not in rule and cached > asked:
            odd.add("cache_above_input")
        if rest is not None and rest not in (0, cached, reasoning, cached + reasoning):
            odd.add("total_differs")
        if "exclusive" in rule:
            counts["input_tokens"] += cached
    if beside and answered is not None:
        counts["output_tokens"] += reasoning
    early = dialect.says_the_end and row["finish_reasons"] is None and row["operation"] not in NO_OUTPUT
    if (early and (counts["output_tokens"] is not None or row["stream"] == "true")) or shown(dialect.unfinished):
        odd.add("left_early")
        counts["output_tokens"] = None
        partial = True
    asked, answered = asked is not None, counts["output_tokens"] is not None
    partial |= (asked and not answered and row["operation"] not in NO_OUTPUT) or (answered and not asked)
    partial |= dialect.hides_reasoning and answered and counts["reasoning_tokens"] is None
    uncounted = counts["cache_read_tokens"] is None and counts["cache_write_tokens"] is None
    partial |= asked and uncounted and shown(dialect.hides_cache)
    return counts | {
        "usage_rule": rule if asked else None, "partial": partial, "flags": ",".join(sorted(odd)) or None,
    }  # fmt: skip
