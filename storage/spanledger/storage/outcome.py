"""Outcome: what a plan decided, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from spanledger.storage.merge import Plan
from spanledger.storage.refusals import Refusal
from spanledger.storage.schema import Arrivals, Ranks, Step


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did.

    `calls` the ledger has more than before, `joined` records that tell of a call with others, `repeated` ones that were
    there already, and the parts that were `refused`, with the reason.
    """

    calls: int
    joined: int
    repeated: int
    refused: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Planned:
    """What `plan` decided, for `commit`, and what it was made from, should it have to be made again in parts.

    `era`: what it rests on holds until that ends (see `pending`).
    """

    plan: Plan
    refusals: tuple[Refusal, ...]
    arrivals: Arrivals
    price: Step
    ranks: Ranks
    era: int
