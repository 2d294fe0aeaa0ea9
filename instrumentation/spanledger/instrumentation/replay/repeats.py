"""Names for records that have none: by what they say, and which of several equal ones at one time they are."""

from typing import Final, cast

_EQUAL_MAX: Final = 1000
"""How many different records of one time are remembered: far more than a program writes within its clock's step."""


class Repeats:
    """Numbers records that are equal in all that they say, among those that follow each other at the same time.

    Two equal calls side by side are two; the same file read twice, or a copy of it, numbers them alike. What it has to
    remember lies in `state`, a log's memory between reads.
    """

    def __init__(self, state: dict[str, object]) -> None:
        self._state = state

    def numbered(self, at: int, key: str) -> str:
        """The name of a record that was written at a time and says `key`."""
        if self._state.get("at") != at:
            self._state["at"], self._state["equal"] = at, {}
        equal = cast(dict[str, int], self._state["equal"])
        times = equal.get(key, 0)
        if times or len(equal) < _EQUAL_MAX:
            # A new one: what was remembered at a mark must not change.
            self._state["equal"] = {**equal, key: times + 1}
        return f"{key}#{times}" if times else key
