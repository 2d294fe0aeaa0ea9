"""How often what happened: nothing the receiver turns away goes unseen."""

import threading
from collections.abc import Mapping
from types import MappingProxyType


class Counters:
    """Thread-safe counts by reason, for `/metrics` and the operator: "requests", "busy", "refused: TooLarge", ….

    Reasons are few and never hold what a client sent.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}

    def add(self, reason: str, count: int = 1) -> None:
        """Count `reason`, `count` times."""
        with self._lock:
            self._counts[reason] = self._counts.get(reason, 0) + count

    def snapshot(self) -> Mapping[str, int]:
        """The counts as they are now; the mapping does not change afterwards."""
        with self._lock:
            return MappingProxyType(dict(self._counts))
