"""The page about the JSON doors: each of its examples is run, and answers what the page says."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spanledger.instrumentation.replay.doors.registry import DOORS
from tests.doors_serving import Doors, serving_doors

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "doors.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(curl .*?)\n```.*?```json\n(.*?)\n```", PAGE, re.DOTALL)
VARYING = ("id", "ingestion_id", "processing_time_ms", "updated_at")
FILE = ROOT / "tests" / "logs" / "usage-jsonl" / "usage.jsonl"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with serving_doors(tmp_path_factory.mktemp("doors")) as start:
        yield start()


def settled(answer: Any) -> Any:
    """An answer without what differs from time to time."""
    if isinstance(answer, list):
        return [settled(one) for one in answer]
    return {name: value for name, value in answer.items() if name not in VARYING}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed, with which the examples are written")
@pytest.mark.parametrize(("command", "answer"), EXAMPLES)
def test_an_example_answers_what_the_page_says(served: Doors, tmp_path: Path, command: str, answer: str) -> None:
    (tmp_path / "usage.jsonl").write_bytes(b"".join(FILE.read_bytes().splitlines(keepends=True)[:2]))
    command = command.replace("http://127.0.0.1:4318", served.url)
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert settled(json.loads(done.stdout)) == settled(json.loads(answer))
    assert list(json.loads(done.stdout)) == list(json.loads(answer)) or isinstance(json.loads(answer), list)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.path)
def test_every_door_has_an_example(door: Any) -> None:
    assert any(f":4318{door.path} " in command for command, _ in EXAMPLES)
