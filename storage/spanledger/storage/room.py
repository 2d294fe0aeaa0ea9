"""Room: whether the disk has enough of it left for a commit."""

from pathlib import Path
from shutil import disk_usage
from typing import Final

from spanledger.storage.errors import LedgerUnavailable

FREE_BYTES_MIN: Final = 16 << 20
"""Below this much free disk nothing is taken: a commit that runs out of space takes DuckDB's instance down with it."""


def check_room(folder: Path) -> None:
    """Raise LedgerUnavailable if the disk that holds a ledger's folder is nearly full."""
    free = disk_usage(folder).free
    if free < FREE_BYTES_MIN:
        raise LedgerUnavailable(
            f"the disk that holds {folder} is full ({free >> 20} MiB free,"
            f" {FREE_BYTES_MIN >> 20} MiB needed); free some space"
        )
