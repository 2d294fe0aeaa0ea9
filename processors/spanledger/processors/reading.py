"""Reading: what an emitter says of the tokens becomes counts with one meaning: inclusive, whatever it meant.

Counts that contradict each other are kept as they were said and flagged; where a number cannot be used the record is
`partial`, and is not priced.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors.any_value import NO_CODE, NO_COUNT, as_integers
from spanledger.processors.attributes import COUNT_MAX, Attributes
from spanledger.processors.dialects.columns import ADDS_UP, COUNTS, PARTIAL, TOTAL, UNCACHED
from spanledger.processors.dialects.dialect import EXCLUSIVE, INCLUSIVE
from spanledger.processors.dialects.operations import BILLABLE, NO_OUTPUT
from spanledger.processors.operations_said import is_any
from spanledger.processors.records import Records
from spanledger.processors.said_in_texts import TOTAL_COLUMN, shown
from spanledger.processors.speakers import spoken, where
from spanledger.processors.wire_values import Members

Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

RULES: Final = (
    "inclusive",  # the dialect's word, or nothing speaks against it
    "exclusive",  # the dialect's word
    "total_inclusive",  # input and output make the total
    "total_exclusive",  # only with the cached tokens they do
    "uncached_inclusive",  # the uncached part is said and smaller than the input
    "uncached_exclusive",  # the uncached part is the input
    "exclusive_by_size",  # more was cached than the input has
)
"""How an input count was read: `usage_rule`."""
_INCLUSIVE, _EXCLUSIVE, _TOTAL_IN, _TOTAL_EX, _UNCACHED_IN, _UNCACHED_EX, _BY_SIZE = range(len(RULES))
_ADDS_CACHE: Final = np.array(["exclusive" in rule for rule in RULES])

FLAGS: Final = (
    "bad_count", "cache_above_input", "cumulative", "guessed_usage", "left_early", "sum", "total_differs", "two_values",
)  # fmt: skip
"""What is odd about the counts of a record, in the order in which `flags` lists them."""

FAILED: Final = 2
"""OTLP's status code of an error."""

_SAID_TWICE: Final = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")


class _Usage:
    """The counts of a batch while they are read; `odd` holds a bit for each flag of a record."""

    def __init__(self, records: Records, labels: Mapping[str, Any], inside: Mapping[str, pa.StringArray]) -> None:
        self.records, self.labels, self.inside = records, labels, inside
        self.odd = np.zeros(len(records), np.int16)
        self.partial = np.zeros(len(records), bool)
        self.counts: dict[str, Any] = {}

    def flag(self, name: str, rows: Mask) -> None:
        self.odd |= np.where(rows, np.int16(1 << FLAGS.index(name)), np.int16(0))

    def number(self, name: str) -> Integers:
        """A count with 0 for what was not said."""
        return _filled(self.counts[name], 0)

    def said(self, name: str) -> Mask:
        return _valid(self.counts[name])


def usage_of(records: Records, labels: Mapping[str, Any], inside: Mapping[str, pa.StringArray]) -> dict[str, Any]:
    """The columns of the counts, and `usage_rule`, `partial` and `flags`.

    `labels` are the columns `provider`, `stream` and `finish_reasons`; `inside` is what texts say (`said_in_texts`).
    """
    usage = _Usage(records, labels, inside)
    _take(usage)
    _take_back_guesses(usage)
    _take_back_nothing(usage)
    _flag_cumulative(usage)
    total, _ = _count(usage, TOTAL_COLUMN, TOTAL)
    rule, beside = _rules(usage, total)
    _flag_contradictions(usage, total, rule)
    if _ADDS_CACHE[rule].any():
        _add(usage, "input_tokens", _ADDS_CACHE[rule], _cached(usage))
    if beside.any():
        _add(usage, "output_tokens", beside, usage.number("reasoning_tokens"))
    _take_back_unfinished(usage)
    usage.partial |= _half_said(usage) | _hidden(usage) | _true(usage, PARTIAL)
    usage.flag("sum", _true(usage, ADDS_UP))
    read = pc.if_else(usage.counts["input_tokens"].is_valid(), pa.array(rule.astype(np.int32)), NO_CODE)
    return usage.counts | {
        "usage_rule": pa.DictionaryArray.from_arrays(read, pa.array(RULES)),
        "partial": pa.array(usage.partial),
        "flags": _flags(usage.odd),
    }


def _take(usage: _Usage) -> None:
    """The counts as they were said."""
    for name, keys in COUNTS.items():
        usage.counts[name], wrong = _count(usage, name, keys)
        if wrong.any():
            usage.flag("bad_count", wrong)
            usage.partial |= wrong
    split = _plus(usage.counts["cache_write_5m_tokens"], usage.counts["cache_write_1h_tokens"])
    usage.counts["cache_write_tokens"] = pc.coalesce(usage.counts["cache_write_tokens"], split)
    for name in _SAID_TWICE:
        differing = _differing(usage.records.attributes, COUNTS[name])
        if differing is not None:
            usage.flag("two_values", differing)


def _count(usage: _Usage, name: str, keys: tuple[str, ...]) -> tuple[pa.Int64Array, Mask]:
    counts, wrong = usage.records.attributes.count(*keys)
    texts = usage.inside.get(name)
    if texts is not None:
        counts = pc.coalesce(counts, _numbers(texts))
    return counts, wrong


def _numbers(texts: pa.StringArray) -> pa.Int64Array:
    """Texts as counts, of which most are NULL."""
    rows = np.flatnonzero(_valid(texts))
    read = as_integers(Members(len(rows), string_value=texts.take(pa.array(rows)))).fill_null(-1)
    numbers = np.full(len(texts), -1)
    numbers[rows] = read.to_numpy(zero_copy_only=False)
    return pa.array(numbers, mask=(numbers < 0) | (numbers > COUNT_MAX))


def _differing(attributes: Attributes, keys: tuple[str, ...]) -> Mask | None:
    """Records that say two values for one meaning; None where no record says it twice."""
    places = [(key, at) for key in keys if (at := attributes.layouts.places(key)) is not None]
    if len(places) < 2:
        return None
    held = np.stack([at >= 0 for _, at in places])
    twice = held.sum(axis=0) > 1
    if not twice.any():
        return None
    rows = np.flatnonzero(twice[attributes.layout])
    some = attributes.at(rows)
    least, most = np.full(len(rows), COUNT_MAX + 1), np.full(len(rows), -1)
    for key, _ in places:
        counts, _ = some.count(key)
        least, most = np.minimum(least, _filled(counts, COUNT_MAX + 1)), np.maximum(most, _filled(counts, -1))
    differing = np.zeros(attributes.rows, bool)
    differing[rows] = (most >= 0) & (least != most)
    return differing


def _rules(usage: _Usage, total: pa.Int64Array) -> tuple[npt.NDArray[np.int8], Mask]:
    """By which rule each input is read, and where the output leaves reasoning out that is said beside it."""
    speaker = usage.records.speaker
    rule = np.where(where(speaker, lambda dialect: dialect.reading == EXCLUSIVE), _EXCLUSIVE, _INCLUSIVE)
    beside = where(speaker, lambda dialect: dialect.reasoning_beside)
    open_ = where(speaker, lambda dialect: dialect.reading not in (INCLUSIVE, EXCLUSIVE))
    if open_.any():
        unsaid = where(speaker, lambda dialect: not dialect.reading)
        rule = np.where(open_, _by_provider(usage), rule)
        rule, beside = _by_numbers(usage, total, rule, unsaid, beside)
        rule = _by_uncached(usage, rule, open_)
    return rule.astype(np.int8), beside & usage.said("output_tokens")


def _by_provider(usage: _Usage) -> Integers:
    rule = np.full(len(usage.records), _INCLUSIVE)
    labels = usage.labels["provider"]
    names = [*labels.dictionary.to_pylist(), None]
    codes = labels.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False)
    for dialect, mine in spoken(usage.records.speaker):
        if isinstance(dialect.reading, frozenset):
            excluding = np.array([name in dialect.reading for name in names])
            rule[mine & excluding[codes]] = _EXCLUSIVE
    return rule


def _by_numbers(
    usage: _Usage, total: pa.Int64Array, rule: Integers, unsaid: Mask, beside: Mask
) -> tuple[Integers, Mask]:
    """The tests for emitters that no dialect knows: what makes the total, then what is possible at all."""
    cached, reasoning = _cached(usage), usage.number("reasoning_tokens")
    rest = _filled(total, -1) - usage.number("input_tokens") - usage.number("output_tokens")
    told = unsaid & _valid(total)
    tests = [
        (told & (cached > 0) & ((rest == cached) | (rest == cached + reasoning)), _TOTAL_EX),
        # What cannot be goes before a total that an emitter may have added up wrongly.
        (unsaid & (cached > usage.number("input_tokens")), _BY_SIZE),
        (told & ((rest == 0) | (rest == reasoning)), _TOTAL_IN),
    ]
    read = np.select([test for test, _ in tests], [code for _, code in tests], default=rule)
    apart = told & (reasoning > 0) & (rest > 0) & ((rest == reasoning) | (rest == cached + reasoning))
    return read, beside | (apart & (rest != cached))


def _by_uncached(usage: _Usage, rule: Integers, open_: Mask) -> Integers:
    if not any(usage.records.attributes.layouts.has(key) for key in UNCACHED):
        return rule
    uncached, _ = usage.records.attributes.count(*UNCACHED)
    told = open_ & _valid(uncached) & (_cached(usage) > 0)
    fresh = usage.number("input_tokens") == _filled(uncached, -1)
    return np.select([told & fresh, told], [_UNCACHED_EX, _UNCACHED_IN], default=rule)


def _flag_contradictions(usage: _Usage, total: pa.Int64Array, rule: npt.NDArray[np.int8]) -> None:
    """Before anything is added: the numbers as they were said."""
    cached, asked = _cached(usage), usage.number("input_tokens")
    usage.flag("cache_above_input", ~_ADDS_CACHE[rule] & usage.said("input_tokens") & (cached > asked))
    if total.null_count < len(total):
        reasoning = usage.number("reasoning_tokens")
        rest = _filled(total, -1) - asked - usage.number("output_tokens")
        fits = (rest == 0) | (rest == cached) | (rest == reasoning) | (rest == cached + reasoning)
        usage.flag("total_differs", _valid(total) & usage.said("input_tokens") & ~fits)


def _flag_cumulative(usage: _Usage) -> None:
    """Roll-ups whose counts are also those of earlier ones: they can stand for no calls."""
    adding = where(usage.records.speaker, lambda dialect: dialect.cumulative)
    if adding.any():
        around = _valid(usage.records.operation) & ~is_any(usage.records.operation, BILLABLE)
        usage.flag("cumulative", adding & around)


def _take_back_guesses(usage: _Usage) -> None:
    """Counts that the emitter made up are no counts."""
    for dialect, mine in spoken(usage.records.speaker):
        if dialect.guesses:
            guessed = shown(usage.records, mine, dialect.guesses)
            if guessed.any():
                usage.flag("guessed_usage", guessed)
                usage.partial |= guessed
                usage.counts = {
                    name: pc.if_else(pa.array(guessed), NO_COUNT, column) for name, column in usage.counts.items()
                }


def _take_back_nothing(usage: _Usage) -> None:
    """What a failed call did not use is not known to be 0: some emitters fill in zeros where no answer came."""
    failed = usage.records.status == FAILED
    if failed.any():
        failed &= (usage.number("input_tokens") == 0) & (usage.number("output_tokens") == 0)
    if failed.any():
        mask = pa.array(failed)
        usage.counts = {name: pc.if_else(mask, NO_COUNT, column) for name, column in usage.counts.items()}


def _take_back_unfinished(usage: _Usage) -> None:
    """The output of an answer that was left early is not the one that is billed.

    Known of emitters that name a reason for every end, and of those that show where there was none.
    """
    early = np.zeros(len(usage.records), bool)
    telling = where(usage.records.speaker, lambda dialect: dialect.says_the_end)
    if telling.any():
        unfinished = telling & ~_valid(usage.labels["finish_reasons"]) & ~is_any(usage.records.operation, NO_OUTPUT)
        streamed = pc.equal(usage.labels["stream"].dictionary_decode(), "true").fill_null(False)
        early |= unfinished & (usage.said("output_tokens") | streamed.to_numpy(zero_copy_only=False))
    for dialect, mine in spoken(usage.records.speaker):
        if dialect.unfinished:
            early |= shown(usage.records, mine, dialect.unfinished)
    if early.any():
        usage.flag("left_early", early)
        usage.partial |= early
        usage.counts["output_tokens"] = pc.if_else(pa.array(early), NO_COUNT, usage.counts["output_tokens"])


def _half_said(usage: _Usage) -> Mask:
    """Records with only one of input and output where the operation bills both: a stream that was left early."""
    asked, answered = usage.said("input_tokens"), usage.said("output_tokens")
    lacking = asked & ~answered
    if lacking.any():
        lacking &= ~is_any(usage.records.operation, NO_OUTPUT)
    return lacking | (answered & ~asked)


def _hidden(usage: _Usage) -> Mask:
    """Records whose emitter leaves out reasoning, or what was cached, and does not say how much."""
    hidden = where(usage.records.speaker, lambda dialect: dialect.hides_reasoning) & usage.said("output_tokens")
    hidden &= ~usage.said("reasoning_tokens")
    for dialect, mine in spoken(usage.records.speaker):
        if dialect.hides_cache:
            unsaid = ~(usage.said("cache_read_tokens") | usage.said("cache_write_tokens"))
            hidden |= shown(usage.records, mine, dialect.hides_cache) & unsaid & usage.said("input_tokens")
    return hidden


def _true(usage: _Usage, key: str) -> Mask:
    """Records that say yes to a key."""
    if not usage.records.attributes.layouts.has(key):
        return np.zeros(len(usage.records), bool)
    said = pc.equal(usage.records.attributes.text(key), "true").fill_null(False)
    return np.asarray(said.to_numpy(zero_copy_only=False), bool)


def _cached(usage: _Usage) -> Integers:
    return usage.number("cache_read_tokens") + usage.number("cache_write_tokens")


def _add(usage: _Usage, name: str, rows: Mask, more: Integers) -> None:
    column = usage.counts[name]
    usage.counts[name] = pc.if_else(pa.array(rows), pc.add(column, pa.array(more)), column)


def _plus(left: pa.Array, right: pa.Array) -> pa.Array:
    """The sum where either is known."""
    if left.null_count == right.null_count == len(left):
        return left
    either = pc.or_(left.is_valid(), right.is_valid())
    return pc.if_else(either, pc.add(left.fill_null(0), right.fill_null(0)), NO_COUNT)


def _filled(column: Any, missing: int) -> Integers:
    return np.asarray((column.fill_null(missing) if column.null_count else column).to_numpy(zero_copy_only=False))


def _valid(column: Any) -> Mask:
    if isinstance(column, pa.DictionaryArray):
        column = column.indices
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False))


def _flags(odd: npt.NDArray[np.int16]) -> pa.Array:
    """Each record's flags, joined by commas."""
    if not odd.any():
        return pa.nulls(len(odd), pa.string()).dictionary_encode()
    labels = pa.array([_names(odds) for odds in range(1, 1 << len(FLAGS))], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(odd.astype(np.int32) - 1, mask=odd == 0), labels)


def _names(odds: int) -> str:
    return ",".join(name for bit, name in enumerate(FLAGS) if odds >> bit & 1)
