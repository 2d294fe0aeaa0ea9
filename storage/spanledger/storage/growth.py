"""Bounds on constants that would make one value of a user's statement huge.

DuckDB checks a query's time and memory between vectors of rows, not within one value: `length(repeat('x',
2000000000))` held 3.9 GB under a limit of 512 MB and came back up to 25 s after its interrupt, `len(range(100000000))`
held 4.9 GB. So what multiplies takes constants only, and their product over the whole statement is bounded.

This stops accidents and the obvious attempt, not somebody who means harm (`x || x`, forty times): who may not be
trusted with the process needs a process of their own.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from spanledger.storage.errors import StatementRefused

GROWTH_MAX: Final = 10_000
"""How many times larger than its arguments a value may be made: with 2,048 values a vector, some 20 MB of text."""

_SIZED_BY_ALL: Final = frozenset({"range", "generate_series"})
_SIZED_BY_SECOND: Final = frozenset({"repeat", "list_resize", "array_resize"})
_PADDING: Final = frozenset({"lpad", "rpad"})
_FORMATTING: Final = frozenset({"format", "printf"})

_HUGE_WIDTH: Final = re.compile(r"\d{5,}|\{[^{}]*\{|%[^a-zA-Z%]*\*")
"""In a format: a width of five digits, or one taken from an argument."""


class Growth:
    """The growth that one statement asks for; `check` is called with every scalar function in it."""

    def __init__(self) -> None:
        self._factor = 1

    def check(self, name: str, call: Mapping[str, Any]) -> None:
        """Raise `StatementRefused` where a size is too large, or is not a constant and so might be."""
        arguments = list(_arguments(call))
        if name in _FORMATTING and not _is_modest_format(arguments):
            raise StatementRefused(f"The format of {name} must be a constant text with widths below {GROWTH_MAX:,}.")
        if name in _PADDING and _constant(arguments[1:2]) > GROWTH_MAX:
            raise StatementRefused(f"The length of {name} must be a constant number up to {GROWTH_MAX:,}.")
        if name in _SIZED_BY_ALL:
            self._grow(name, arguments, f"; use FROM {name}(…) instead")
        elif name in _SIZED_BY_SECOND:
            self._grow(name, arguments[1:2], "")

    def _grow(self, name: str, sizes: list[Mapping[str, Any]], advice: str) -> None:
        self._factor *= max([1, *(_constant([size]) for size in sizes)])
        if self._factor > GROWTH_MAX:
            raise StatementRefused(
                f"The size in {name} must be a constant number, all of them together up to {GROWTH_MAX:,}{advice}."
            )


def _arguments(call: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The arguments: `children` before DuckDB 2, `arguments` since; one with a name counts as unknown."""
    yield from call.get("children") or ()
    for argument in call.get("arguments") or ():
        yield {} if argument.get("name") else argument["expression"]


def _literal(node: Mapping[str, Any]) -> object:
    """The value of a constant, since DuckDB 2 its text before it has a type; None for anything else."""
    if node.get("class") != "CONSTANT":
        return None
    if "literal" in node:
        return node["literal"].get("text")
    value: object = node["value"].get("value")
    return value


def _constant(nodes: list[Mapping[str, Any]]) -> int:
    """The whole number that stands in `nodes` as a constant; where there is none, more than is ever allowed."""
    text = str(_literal(nodes[0])) if nodes else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(GROWTH_MAX)) else GROWTH_MAX + 1


def _is_modest_format(arguments: list[Mapping[str, Any]]) -> bool:
    text = _literal(arguments[0]) if arguments else None
    return isinstance(text, str) and _HUGE_WIDTH.search(text) is None
