"""Which model a name means: the clauses of the price data, read without guessing.

Every model of a provider has a clause (equals, starts with, contains, …, and, or); the first model whose clause matches
wins, as in `genai_prices`. What the literal clauses say is kept in a dictionary: a known name costs one look-up.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final, NamedTuple

from spanledger.processors.pricing.clauses import Clause, Equals, Or, describe

_RESOURCE_PATH: Final = re.compile(r"^(?:projects/.+/)?(?:publishers/[^/]+/)?models/")
"""What Google's interfaces put in front of a model's id."""
_ARN: Final = re.compile(r"^arn:aws[^:]*:bedrock:[^:]*:[^:]*:(?P<kind>[^/]+)/(?P<id>.+)$")
_NAMED_BY_ARN: Final = frozenset({"foundation-model", "inference-profile"})
"""Resources of Bedrock whose ARN ends in the model's id. All others (application profiles, provisioned and custom
models) hide the model: https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles.html"""
_AT_DATE: Final = re.compile(r"@(?=20\d{6}$)|@(?:default|latest)$")
"""`claude-opus-4-1@20250805`, as Vertex writes what Anthropic calls `claude-opus-4-1-20250805`."""
_COMPACT_DATE: Final = re.compile(r"-(20\d\d)(\d\d)(\d\d)(?=[-:]|$)")
"""`gpt-5.2-20251211`, as gateways write what OpenAI calls `gpt-5.2-2025-12-11`."""


class Named(NamedTuple):
    """A model and why it is meant: `rule` is the clause that matched, in words."""

    model_key: str
    rule: str


@dataclass(frozen=True, eq=False)
class ModelNames:
    """The model names of one provider; `model_keys` and `clauses` in the order in which they are tried."""

    model_keys: Sequence[str]
    clauses: Sequence[Clause]

    @cached_property
    def _tried(self) -> tuple[Mapping[str, int], Sequence[tuple[int, Clause]]]:
        """What is equal to a name, and what else may match it, with their positions.

        Made for a provider that somebody asks for: there are dozens, and a ledger knows a few.
        """
        literals: dict[str, int] = {}
        patterns: list[tuple[int, Clause]] = []
        for position, clause in enumerate(self.clauses):
            for choice in _choices(clause):
                if isinstance(choice, Equals):
                    literals.setdefault(choice.equals.lower(), position)
                else:
                    patterns.append((position, choice))
        return literals, patterns

    def find(self, name: str) -> Named | None:
        """Find the model that a lower-case name means, or None."""
        literals, patterns = self._tried
        literal = literals.get(name)
        for position, pattern in patterns:
            if literal is not None and position >= literal:
                break
            if pattern.is_match(name):
                return Named(self.model_keys[position], describe(pattern))
        return None if literal is None else Named(self.model_keys[literal], f'equals "{name}"')


def spellings(name: str) -> Iterator[str]:
    """List the ways to read a model's name, lower-case, the one to try first first.

    As it is; without a resource path; with its date as OpenAI writes dates; with a date behind an `@` as others write
    it. Of an ARN only the id at its end counts, and only where the kind of resource promises that it is a
    model's.
    """
    name = name.strip().lower()
    if arn := _ARN.match(name):
        if arn["kind"] not in _NAMED_BY_ARN:
            return
        name = arn["id"]
    plain = _RESOURCE_PATH.sub("", name)
    at_date = _AT_DATE.sub(lambda found: "" if len(found[0]) > 1 else "-", plain)
    readings = (name, plain, at_date, _COMPACT_DATE.sub(_dashed, plain))
    yield from dict.fromkeys(spelling for spelling in readings if spelling)


def _choices(clause: Clause) -> Iterator[Clause]:
    if isinstance(clause, Or):
        for part in clause.parts:
            yield from _choices(part)
    else:
        yield clause


def _dashed(found: re.Match[str]) -> str:
    year, month, day = map(int, found.groups())
    try:
        return f"-{date(year, month, day).isoformat()}"
    except ValueError:  # eight digits that are no date
        return found.group(0)
