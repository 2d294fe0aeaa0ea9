"""The shapes of answers as JSON has them, the same from a ledger on disk and from a server."""

from typing import Final, NotRequired, TypeAlias, TypedDict

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

TOKENS: Final = (
    "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens",
)  # fmt: skip
"""What is counted per group. Counts are inclusive: cache reads and writes are parts of the input, reasoning is part of
the output."""


COST_BASES: Final = ("billed", "estimated", "api_equivalent")
"""What kind of amount a cost is: of an invoice; of the price list; the price list's for what a plan has paid for."""


class Column(TypedDict):
    """A column of a document: its name and its type, as DuckDB calls it."""

    name: str
    type: str


class Document(TypedDict):
    """A table as JSON: what `POST /api/v1/sql` answers."""

    columns: list[Column]
    rows: list[dict[str, Json]]
    truncated: bool


class Measures(TypedDict):
    """What is known of some calls.

    `priced` have a cost, `unpriced` should have one, and `unpriced_why` counts these by `price_status`. Calls that
    failed and name no tokens have nothing to price: they are among the `calls` and the `errors` only.
    `cost_by_basis` says what kinds of amounts `cost_usd` adds up (COST_BASES), without those that there are none of.
    """

    calls: int
    input_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: str | None
    cost_by_basis: dict[str, str]
    priced: int
    unpriced: int
    unpriced_why: dict[str, int]
    errors: int
    cost: NotRequired[str | None]


class UnpricedModel(TypedDict):
    """A model of which some calls have no cost, and why (`price_status`)."""

    provider: str | None
    model: str | None
    why: str | None
    calls: int


class Report(TypedDict):
    """A report as JSON has it.

    A group holds the columns named in `by`, and those of Measures; `priced_percent` is of the calls that should
    have a cost; `unpriced_models` are the ten most called.
    """

    by: list[str]
    since: str | None
    until: str | None
    timezone: str
    groups: list[dict[str, Json]]
    total: Measures
    priced_percent: float | None
    unpriced_models: list[UnpricedModel]
    currency: NotRequired[str]


class View(TypedDict):
    """A table of figures as JSON has it: what one of the views of `spanledger report` answers.

    Names of columns end in their unit: `_s` seconds, `_usd` dollars, `_percent`, `_at` an instant with its distance
    from UTC. `total` has the columns that can be totalled; `notes` say what is not known, in sentences.
    """

    view: str
    by: list[str]
    since: str | None
    until: str | None
    timezone: str
    columns: list[Column]
    rows: list[dict[str, Json]]
    total: dict[str, Json] | None
    notes: list[str]


def sentence(error: Exception) -> str:
    """An error's words as a sentence: with a capital letter and a full stop."""
    words = str(error).rstrip(".! ")
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('?') else '.'}"
