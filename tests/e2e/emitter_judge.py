"""Holds the ledger's rows against what the vendors served, and says each difference instead of stopping at the first.

A difference is no verdict: `emitter_gaps` says which of them the emitter itself has caused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tests.e2e.truth import TOKENS, Truth, cost_usd, has_price

QUESTION = """
SELECT operation, provider, request_model, response_model, response_id, status, error_type,
       input_tokens, cache_read_tokens, cache_write_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
       output_tokens, reasoning_tokens, cost_usd, price_status, partial, flags, usage_rule, sources, dialect
FROM calls ORDER BY started_at, call_id
"""
"""Everything that `judge` looks at."""

NO_ROW = "row"
"""The field of a difference that is about the row itself: missing, or one too many."""

COST = "cost_usd"
COST_OF_TOKENS = "cost_usd of the tokens stored"
"""The field of a difference between a row's cost and the vendor's price of that row's own tokens."""

TRUTH_FIELDS = ("input_total", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h", "output", "reasoning")
"""Those of `Truth`, in the order of `TOKENS`."""


@dataclass(frozen=True)
class Difference:
    """One field of one call that is not as served; `call` is the truth's number, 0 for a row that is no call."""

    call: int
    field: str
    stored: object
    served: object

    def __str__(self) -> str:
        about = f"call {self.call}" if self.call else "no call"
        return f"{about}: {self.field} is {self.stored!r}, served was {self.served!r}"


@dataclass(frozen=True)
class Verdict:
    """What came of one emitter."""

    truth: tuple[Truth, ...]
    rows: tuple[dict[str, Any], ...]
    differences: tuple[Difference, ...]

    @property
    def served(self) -> tuple[Truth, ...]:
        """The billable calls."""
        return tuple(call for call in self.truth if call.status == 200)

    @property
    def right(self) -> int:
        """How many calls are one row with every token and the dollars as served."""
        return len(self.served) - len({difference.call for difference in self.differences if difference.call})

    @property
    def usd_served(self) -> Decimal:
        """What the vendors charge for the calls whose usage a client was told in full and that have a price."""
        told = (call for call in self.served if call.usage_sent == "all" and has_price(call))
        return sum((cost_usd(call) for call in told), Decimal(0))

    @property
    def usd_stored(self) -> Decimal:
        """What the ledger says all calls cost."""
        return sum((Decimal(row[COST]) for row in self.rows if row[COST] is not None), Decimal(0))


def judge(rows: Sequence[dict[str, Any]], truth: Sequence[Truth]) -> Verdict:
    """Compare all rows of a ledger with all requests that the vendors had."""
    calls = [row for row in rows if row["status"] != "error"]
    served = [call for call in truth if call.status == 200]
    differences = []
    pairs = _pairs(calls, served)
    for call in served:
        if call.n not in pairs:
            differences.append(Difference(call.n, NO_ROW, "missing", _brief(call)))
        else:
            differences.extend(_differences(pairs[call.n], call))
    used = {id(row) for row in pairs.values()}
    differences.extend(Difference(0, NO_ROW, _brief_row(row), "nothing") for row in calls if id(row) not in used)
    for row in rows:
        said = {name: row[name] for name in (*TOKENS, COST) if row[name] is not None and Decimal(row[name]) != 0}
        if row["status"] == "error" and said:
            differences.append(Difference(0, NO_ROW, f"failed, with {said}", "refused"))
    return Verdict(tuple(truth), tuple(rows), tuple(differences))


def _pairs(rows: Sequence[dict[str, Any]], served: Sequence[Truth]) -> dict[int, dict[str, Any]]:
    """Which row stands for which call: by the vendor's id, then by the most tokens in common of the same model."""
    by_id = {call.response_id: call for call in served if call.response_id is not None}
    pairs: dict[int, dict[str, Any]] = {}
    rest = []
    for row in rows:
        call = by_id.get(row["response_id"])
        if call is not None and call.n not in pairs:
            pairs[call.n] = row
        else:
            rest.append(row)
    candidates = [
        (_likeness(row, call), -call.n, place)
        for place, row in enumerate(rest)
        for call in served
        if call.n not in pairs and _same_model(row, call)
    ]
    placed: set[int] = set()
    for likeness, negated, place in sorted(candidates, reverse=True):
        nothing_said = rest[place]["input_tokens"] is None
        if place not in placed and -negated not in pairs and (likeness > 0 or nothing_said):
            pairs[-negated] = rest[place]
            placed.add(place)
    return pairs


def _likeness(row: dict[str, Any], call: Truth) -> int:
    """How many counts agree that are not zero."""
    return sum(bool(row[name]) and row[name] == told for name, told in _told(call).items())


def _same_model(row: dict[str, Any], call: Truth) -> bool:
    """Whether a row may stand for a call: some emitters cut a model's prefix off, some put one on."""
    said = [str(row[name]) for name in ("request_model", "response_model") if row[name] is not None]
    return not said or any(
        ours.endswith(theirs) or theirs.endswith(ours)
        for ours in said
        for theirs in (call.model, call.served_model or "")
    )


def _differences(row: dict[str, Any], call: Truth) -> list[Difference]:
    told = _told(call)
    found = []
    for name, tokens in told.items():
        stored = row[name]
        if call.usage_sent == "partly" and name in ("output_tokens", "reasoning_tokens"):
            if stored is not None and stored >= tokens and tokens:
                found.append(Difference(call.n, name, stored, "not told"))
        elif call.usage_sent == "none":
            if stored is not None:
                found.append(Difference(call.n, name, stored, "not told"))
        elif stored != tokens and not (stored is None and tokens == 0):
            found.append(Difference(call.n, name, stored, tokens))
    if str(row["provider"]).partition(".")[0] != call.vendor.partition(".")[0]:
        found.append(Difference(call.n, "provider", row["provider"], call.vendor))
    said = {row["request_model"], row["response_model"]} - {None}
    if not said & {call.model, call.served_model}:
        found.append(Difference(call.n, "model", (row["request_model"], row["response_model"]), call.served_model))
    if row["response_id"] not in (call.response_id, None):
        found.append(Difference(call.n, "response_id", row["response_id"], call.response_id))
    if call.usage_sent == "all" and has_price(call):
        if row[COST] is None or Decimal(row[COST]) != cost_usd(call):
            found.append(Difference(call.n, COST, row[COST] and str(row[COST]), str(cost_usd(call))))
    elif call.usage_sent == "none" and row[COST] is not None:
        found.append(Difference(call.n, COST, str(row[COST]), "not told"))
    elif call.usage_sent == "partly" and row[COST] is not None and not row["partial"]:
        found.append(Difference(call.n, COST, str(row[COST]), "not told in full"))
    if row[COST] is not None and has_price(call) and Decimal(row[COST]) != cost_usd(_as_stored(row, call)):
        found.append(Difference(call.n, COST_OF_TOKENS, str(row[COST]), str(cost_usd(_as_stored(row, call)))))
    return found


def _as_stored(row: dict[str, Any], call: Truth) -> Truth:
    """The call with the tokens that the ledger has of it: what is unknown costs nothing."""
    stored = {field: row[name] or 0 for name, field in zip(TOKENS, TRUTH_FIELDS, strict=True)}
    return replace(call, **stored)


def _told(call: Truth) -> dict[str, int]:
    return {name: getattr(call, field) for name, field in zip(TOKENS, TRUTH_FIELDS, strict=True)}


def _brief(call: Truth) -> str:
    return (
        f"{call.vendor} {call.api}{' streamed' if call.streamed else ''} {call.model} {call.input_total}/{call.output}"
    )


def _brief_row(row: dict[str, Any]) -> str:
    model = row["response_model"] or row["request_model"]
    return f"{row['dialect']} {row['operation']} {model} {row['input_tokens']}/{row['output_tokens']}"
