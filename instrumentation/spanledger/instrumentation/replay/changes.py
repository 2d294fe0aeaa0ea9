"""Changes: waits until something is written in a folder. By the kernel's events on Linux, by the clock elsewhere."""

import ctypes
import os
import select
import struct
import sys
import time
from collections.abc import Iterable
from typing import Final

_EVENT: Final = struct.Struct("iIII")
_WRITTEN: Final = 0x2 | 0x8 | 0x80 | 0x100  # IN_MODIFY, IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE
_OVERFLOW: Final = 0x4000
_FLAGS: Final = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0) if hasattr(os, "O_NONBLOCK") else 0
SETTLE_S: Final = 0.3
"""What is written together is taken together: an answer is several lines."""


class Changes:
    """Tells which of some folders were written to."""

    def __init__(self) -> None:
        self._folders: dict[int, str] = {}
        self._watched: set[str] = set()
        self._descriptor = -1
        if sys.platform == "linux":
            self._libc = ctypes.CDLL(None, use_errno=True)
            if hasattr(self._libc, "inotify_init1"):
                self._descriptor = self._libc.inotify_init1(_FLAGS)

    @property
    def live(self) -> bool:
        """Whether the kernel tells; else one has to look."""
        return self._descriptor >= 0

    def follow(self, folders: Iterable[str]) -> int:
        """Watch these folders, too; returns how many cannot be (the kernel allows only so many)."""
        refused = 0
        for folder in folders:
            if not self.live or folder in self._watched:
                continue
            watch = self._libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _WRITTEN)
            if watch < 0:
                refused += 1
            else:
                self._folders[watch] = folder
                self._watched.add(folder)
        return refused

    def wait(self, timeout_s: float) -> set[str] | None:
        """The folders that were written to, as soon as there are any; an empty set when the time is over.

        None: everything has to be looked at, because nobody tells, or more happened than could be told.
        """
        if not self.live:
            time.sleep(timeout_s)
            return None
        if not select.select([self._descriptor], [], [], timeout_s)[0]:
            return set()
        time.sleep(SETTLE_S)
        found: set[str] = set()
        while True:
            try:
                told = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                return found
            at = 0
            while at < len(told):
                watch, mask, _, length = _EVENT.unpack_from(told, at)
                at += _EVENT.size + length
                if mask & _OVERFLOW:
                    return None
                if watch in self._folders:
                    found.add(self._folders[watch])

    def close(self) -> None:
        """Stop watching."""
        if self.live:
            os.close(self._descriptor)
            self._descriptor = -1
