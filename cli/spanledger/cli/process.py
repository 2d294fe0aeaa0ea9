"""What the server's process must be told before numpy, Arrow and gRPC are imported."""

import atexit
import ctypes
import gc
import os
import sys
from collections.abc import Iterable
from importlib.abc import MetaPathFinder
from importlib.util import find_spec
from typing import Final

SWITCH_INTERVAL_S: Final = 0.001
"""A thread that waits for the interpreter asks for it after this long. Python's 5 ms would let the decoder, which holds
it for 2 ms a piece, keep the thread that answers clients waiting for several pieces."""

GARBAGE_THRESHOLD: Final = 50_000
"""New objects between two searches for garbage; a group of requests makes a few thousand."""

LOOKED_FOR: Final = ("dateutil", "pandas")
"""Arrow looks for a calendar library at every conversion of a Python value, DuckDB for pandas at every table that it is
shown, and neither remembers that there is none: together 3 ms for each group of requests, a third of a small one's."""

DONE_WITHOUT: Final = ("pyarrow.dataset",)
"""DuckDB hands its filters down to this, where it is there, when it is shown an Arrow table; else it takes the table as
it is. We always want all of it: without, a commit takes a tenth less, and the process 10 MB and 20 ms (Parquet, file
systems and OpenSSL come along)."""

_MALLOC_ARENA_MAX: Final = -8  # mallopt(3)


class _Absent(MetaPathFinder):
    """Says at once that some modules are not there, instead of looking through every folder again, or loading them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname in self._names:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def prepare() -> None:
    """Set the process up; call it before anything heavy is imported."""
    # Nothing here multiplies matrices; each thread that numpy would keep for it holds memory.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # One allocator with two arenas instead of two with one for each thread: 460 MB where it was 660, at the same speed.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_MALLOC_ARENA_MAX, 2)
    # Every client's mistake would be a line on stderr; they are answered and counted.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    if not any(isinstance(finder, _Absent) for finder in sys.meta_path):
        absent = [name for name in LOOKED_FOR if find_spec(name) is None]
        sys.meta_path.insert(0, _Absent([*absent, *DONE_WITHOUT]))
    sys.setswitchinterval(SWITCH_INTERVAL_S)


def settle() -> None:
    """Everything that lives as long as the process is there: do not look through it for garbage again and again."""
    gc.freeze()
    atexit.register(_unsettle)
    gc.set_threshold(GARBAGE_THRESHOLD)


def _unsettle() -> None:
    """At the end of the process DuckDB 2 writes to stderr what nobody has freed; this takes 0.06 s."""
    gc.unfreeze()
    gc.collect()
