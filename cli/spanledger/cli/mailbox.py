"""Letters to the server that holds a ledger: files in its folder, for what only the holder of the file can do.

Who may write into the folder owns the ledger, so nothing else guards it. A letter is `ID.KIND`, put there whole; the
server writes `ID.answer`, again and again while it works, and the sender removes both. A letter whose sender has gone
(it is no longer there) is given up.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import uuid4

from spanledger.cli.failures import Failed

FOLDER: Final = "mailbox"
KINDS: Final = ("catalogue", "reprice")

ANSWER_WITHIN_S: Final = 15.0
"""Until the server says anything. It looks twice a second, but a commit may be under way."""
SILENCE_MAX_S: Final = 120.0
"""Between two words of a server that works; it says something after every transaction."""
LOOK_S: Final = 0.05

Answer: TypeAlias = dict[str, Any]
"""A JSON object: `{"progress": …}` while the server works, `{"error": "one sentence"}`, or what was asked for."""


@dataclass(frozen=True)
class Letter:
    """A request to the server, as it lies in the folder."""

    path: Path

    @property
    def kind(self) -> str:
        """What is asked for, one of KINDS."""
        return self.path.suffix.removeprefix(".")

    @property
    def body(self) -> bytes:
        """What was written. Raises OSError."""
        return self.path.read_bytes()

    @property
    def is_wanted(self) -> bool:
        """Whether its sender still waits."""
        return self.path.exists()

    def answer(self, answer: Answer) -> None:
        """Answer, or say how far it is."""
        if self.is_wanted:
            _put(self.path.with_suffix(".answer"), json.dumps(answer).encode())


def letters(folder: Path) -> Iterator[Letter]:
    """The letters in a ledger's folder that have no answer yet, oldest first."""
    box = folder / FOLDER
    if not box.is_dir():
        return
    found = [path for kind in KINDS for path in box.glob(f"*.{kind}")]
    for path in sorted(found, key=_age):
        letter = Letter(path)
        # In this order: a sender that has its answer takes the letter away first.
        if not path.with_suffix(".answer").exists() and letter.is_wanted:
            yield letter


def empty(folder: Path) -> None:
    """Throw away what was written to a server that is gone: its senders have given up."""
    box = folder / FOLDER
    if box.is_dir():
        for path in box.iterdir():
            path.unlink(missing_ok=True)


def ask(folder: Path, kind: str, body: bytes, told: Callable[[Answer], object] = lambda _: None) -> Answer:
    """Send a letter to the server that holds the ledger in `folder`, and wait for the answer.

    `told` hears what it says meanwhile. Raises Failed with its sentence, or when it says nothing.
    """
    box = folder / FOLDER
    path = box / f"{uuid4().hex}.{kind}"
    try:
        box.mkdir(mode=0o700, exist_ok=True)
        _put(path, body)
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}.") from error
    try:
        return _answer(path, told)
    finally:
        for one in (path, path.with_suffix(".answer")):
            one.unlink(missing_ok=True)


def _answer(letter: Path, told: Callable[[Answer], object]) -> Answer:
    path = letter.with_suffix(".answer")
    until, last = time.monotonic() + ANSWER_WITHIN_S, b""
    while time.monotonic() < until:
        said = b""
        with suppress(FileNotFoundError):
            said = path.read_bytes()
        if said in (b"", last):
            time.sleep(LOOK_S)
            continue
        until, last = time.monotonic() + SILENCE_MAX_S, said
        answer: Answer = json.loads(said)
        if "error" in answer:
            raise Failed(str(answer["error"]))
        if "progress" not in answer:
            return answer
        told(answer)
    raise Failed(
        f"The server that holds the ledger in {letter.parent.parent} does not react: stop it, or ask again in a moment."
    )


def _put(path: Path, content: bytes) -> None:
    """Write a file that nobody sees half of."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
