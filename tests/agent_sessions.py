"""Recorded sessions of coding agents, where they lie beside the repository: what was sent, and what was served."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from spanledger.receiver.otlp_json import request_from_json
from spanledger.receiver.signals import SIGNALS

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "fixtures" / "agents"
ABSENT = f"there are no recorded sessions at {FOLDER.relative_to(FOLDER.parents[3])} beside this repository"


@dataclass(frozen=True)
class Sent:
    """One export request as it came, its body made protobuf."""

    signal: str
    body: bytes


@dataclass(frozen=True)
class Session:
    """`path` is its folder, which is named after the agent and what happened."""

    path: Path

    @property
    def agent(self) -> str:
        return self.path.parent.name

    @property
    def name(self) -> str:
        return f"{self.agent}/{self.path.name}"

    def requests(self) -> list[Sent]:
        """In order of arrival."""
        return _sent(self.path / "otlp")

    def billed(self) -> list[dict[str, Any]]:
        """What the vendor served and billed, in order."""
        rows = [json.loads(line) for line in (self.path / "truth.jsonl").read_text("utf-8").splitlines()]
        return [row for row in rows if row.get("billable", row["status"] == 200)]


@cache
def _sent(folder: Path) -> list[Sent]:
    by_name = {signal.name: signal for signal in SIGNALS}
    sent = []
    for path in sorted(folder.iterdir()):
        if path.suffix in (".binpb", ".json"):
            _, signal, _ = path.stem.split("-", 2)
            body = path.read_bytes()
            sent.append(Sent(signal, body if path.suffix == ".binpb" else request_from_json(by_name[signal], body)))
    return sent


def sessions() -> list[Session]:
    """All of them; none where they are absent."""
    return [Session(path) for path in sorted(FOLDER.glob("*/*")) if (path / "otlp").is_dir()]
