"""Asks a ledger as a user does: with `spanledger sql`, whether a server is running on it or not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ANSWER_TIMEOUT_S = 60


def ask(data: Path, statement: str) -> list[dict[str, Any]]:
    """The rows of a statement on the ledger in `data`: `spanledger sql --json`, decimals as text."""
    command = [sys.executable, "-m", "spanledger.cli.main", "sql", "--data", str(data), "--json", statement]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_TIMEOUT_S, check=False)
    assert done.returncode == 0, f"spanledger sql failed: {done.stderr}"
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows
