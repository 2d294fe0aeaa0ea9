"""Clauses: the conditions by which price data tells which model a name means. Those of `genai_prices`, read once.

Our own types, since importing the package's takes 18 MB and a fifth of a second, which only who compiles should pay.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Equals:
    """The name is this, whatever its case."""

    equals: str

    def is_match(self, name: str) -> bool:
        """Whether a lower-case name fulfils it."""
        return name == self.equals.lower()


@dataclass(frozen=True, slots=True)
class StartsWith:
    """The name starts with this, whatever its case."""

    starts_with: str

    def is_match(self, name: str) -> bool:
        """Whether a lower-case name fulfils it."""
        return name.startswith(self.starts_with.lower())


@dataclass(frozen=True, slots=True)
class EndsWith:
    """The name ends with this, whatever its case."""

    ends_with: str

    def is_match(self, name: str) -> bool:
        """Whether a lower-case name fulfils it."""
        return name.endswith(self.ends_with.lower())


@dataclass(frozen=True, slots=True)
class Contains:
    """The name has this in it, whatever its case."""

    contains: str

    def is_match(self, name: str) -> bool:
        """Whether a lower-case name fulfils it."""
        return self.contains.lower() in name


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression is found in the name."""

    regex: str

    def is_match(self, name: str) -> bool:
        """Whether a lower-case name fulfils it."""
        return re.search(self.regex, name) is not None


@dataclass(frozen=True, slots=True)
class And:
    """All of these."""

    parts: tuple["Clause", ...]

    def is_match(self, name: str) -> bool:
        """Whether a lower-case name fulfils it."""
        return all(part.is_match(name) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """Any of these."""

    parts: tuple["Clause", ...]

    def is_match(self, name: str) -> bool:
        """Whether a lower-case name fulfils it."""
        return any(part.is_match(name) for part in self.parts)


Clause: TypeAlias = Equals | StartsWith | EndsWith | Contains | Regex | And | Or

ClauseJson: TypeAlias = dict[str, Any]
"""A clause as the data files of `genai_prices` have it: `{"starts_with": "gpt-4o"}`, `{"or": […]}`."""

_SIMPLE: Final[Mapping[str, Callable[[str], Clause]]] = {
    "equals": Equals,
    "starts_with": StartsWith,
    "ends_with": EndsWith,
    "contains": Contains,
    "regex": Regex,
}
_COMPOUND: Final[Mapping[str, Callable[[tuple[Clause, ...]], Clause]]] = {"and": And, "or": Or}


class Foreign(Protocol):
    """A clause of `genai_prices.types`: one field, `equals`, `starts_with`, …, `and_` or `or_`."""

    def is_match(self, text: str) -> bool:
        """Whether a name fulfils it."""


def clause_of(foreign: Foreign) -> Clause:
    """Read a clause of `genai_prices.types`."""
    return clause_from_json(_json_of(foreign))


def describe(clause: Clause) -> str:
    """Say a clause in words, for `price_rule`."""
    match clause:
        case Equals(equals=text):
            return f'equals "{text}"'
        case StartsWith(starts_with=text):
            return f'starts with "{text}"'
        case EndsWith(ends_with=text):
            return f'ends with "{text}"'
        case Contains(contains=text):
            return f'contains "{text}"'
        case Regex(regex=text):
            return f"matches /{text}/"
        case And(parts=parts):
            return " and ".join(f"({describe(part)})" if isinstance(part, Or) else describe(part) for part in parts)
        case Or(parts=parts):
            return " or ".join(map(describe, parts))


def clause_to_json(clause: Clause) -> ClauseJson:
    """Write a clause as the data files of `genai_prices` do."""
    match clause:
        case Equals(equals=text):
            return {"equals": text}
        case StartsWith(starts_with=text):
            return {"starts_with": text}
        case EndsWith(ends_with=text):
            return {"ends_with": text}
        case Contains(contains=text):
            return {"contains": text}
        case Regex(regex=text):
            return {"regex": text}
        case And(parts=parts):
            return {"and": [clause_to_json(part) for part in parts]}
        case Or(parts=parts):
            return {"or": [clause_to_json(part) for part in parts]}


def clause_from_json(said: ClauseJson) -> Clause:
    """Read what `clause_to_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    ((kind, value),) = said.items()
    if kind in _COMPOUND:
        if not isinstance(value, list):
            raise TypeError(kind)
        return _COMPOUND[kind](tuple(clause_from_json(part) for part in value))
    if not isinstance(value, str):
        raise TypeError(kind)
    return _SIMPLE[kind](value)


def _json_of(foreign: Any) -> ClauseJson:
    ((name, value),) = vars(foreign).items()
    return {name.rstrip("_"): [_json_of(part) for part in value] if isinstance(value, list) else value}
