"""A dialect: one row of data that says how one emitter speaks. The engine reads the rows, the other files fill them.

Two kinds of records of one tool, its span and its event, are two dialects: a fingerprint joins only records of
different ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

INCLUSIVE: Final = "inclusive"
EXCLUSIVE: Final = "exclusive"
UNSAID: Final = ""
"""How an input count is meant: with cached tokens, without them, or to be found out from the numbers."""

NOISE: Final = ""
"""Instead of an operation: the record repeats others or tells nothing, and is left out."""

STARTED_MS_AGO: Final = "spanledger.duration_ms"
FIRST_CHUNK_MS: Final = "spanledger.time_to_first_chunk_ms"
"""What `words` may lead to besides the conventions' keys: by how much an event's call began before the event, and a
time to the first chunk, both in milliseconds."""

PLAN: Final = "spanledger.plan"
GATEWAY_CACHE: Final = "spanledger.gateway_cache"
"""And how a call is paid for, in the emitter's words, and whether a gateway answered it from its own cache."""

Text: TypeAlias = tuple[str, str, str]
"""An attribute whose text holds a value, a regular expression (RE2) with one group, and the key that it stands for."""


@dataclass(frozen=True, slots=True)
class Sign:
    """What gives a record away: `pattern` is found in the text under `key`; the empty key is the record's name.

    With `without` it does only where that key is absent.
    """

    pattern: str
    key: str = ""
    without: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """How one emitter speaks, and the package and version that show it (`source`).

    Recognised by: `signal` (None: spans and events), and `events` (names of its records; empty: any), and one of
    `scopes` (names of instrumentation scopes; one that ends in "." or "*" is a prefix), `services` (service.name, where
    no scope says more), `marks` (attribute keys that give it away where neither does). With `events` alone its records
    are known by their names. Of rows that fit, one with `events` comes first, then by scope, by service, by marks; then
    the order of the registry.

    Counts: `reading` is INCLUSIVE, EXCLUSIVE, the providers for which it is EXCLUSIVE, or UNSAID. `reasoning_beside`:
    the output leaves reasoning out and says it beside. `hides_reasoning`: leaves it out and does not say it.
    `says_the_end`: names a finish reason whenever an answer came to its end; without one the output is not the final
    one. `unfinished`: records that show that the answer never came to its end. `hides_cache`: records that do not know
    how much was cached. `guesses`: records whose counts the emitter made up. `repeats`: records that carry the usage of
    another one, or stand for one that does.

    Names: `operations` maps names of records to operations where no attribute says one (NOISE: left out; a key that
    ends in "*" is a prefix); `words` its own attribute keys to the conventions'; `texts` are values that stand only
    inside a text, read where the key itself is absent. `provider` is the one it means where it names none; one of
    NO_PROVIDERS lets the model's name tell. `own_ids`: its ids are its own, not the provider's, or other records of the
    call bear such. `in_context`: its events tell of the span in which they lie. `cumulative`: its roll-ups add up over
    more than what lies beneath them. `content_names`: names of records (a regular expression) that hold what was said.

    Ranks: 0 is best. `rank` (usage and cost): 0 the vendor's own SDK and gateways, 1 instrumentations of an SDK, 2 to 4
    frameworks, 9 unknown. `who_rank` (for whom): applications and frameworks first, gateways and vendors last.

    `traps` tells a reader what else to know.
    """

    name: str
    rank: int
    source: str
    who_rank: int = 5
    signal: str | None = None
    scopes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    operations: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    texts: tuple[Text, ...] = ()
    reading: str | frozenset[str] = UNSAID
    reasoning_beside: bool = False
    hides_reasoning: bool = False
    says_the_end: bool = False
    unfinished: tuple[Sign, ...] = ()
    hides_cache: tuple[Sign, ...] = ()
    guesses: tuple[Sign, ...] = ()
    repeats: tuple[Sign, ...] = ()
    own_ids: bool = False
    in_context: bool = False
    provider: str | None = None
    cumulative: bool = False
    content_names: str = ""
    traps: str = ""
