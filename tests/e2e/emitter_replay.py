"""Replays a recording through the whole path into a fresh ledger, as the server wires it, and judges the rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spanledger.cli.wiring import wire
from spanledger.receiver.contract import Request, Stored
from spanledger.storage.ledger import Ledger
from tests.e2e.emitter_judge import QUESTION, Verdict, judge
from tests.e2e.otlp_sink import Body
from tests.e2e.recordings import Recording


@contextmanager
def replayed(bodies: Sequence[Body], folder: Path) -> Iterator[Ledger]:
    """A ledger into which these export requests have gone, one after the other; all of them must be taken."""
    ledger = Ledger.open(folder)
    try:
        prepare, store = wire(ledger)
        for body in bodies:
            answers = list(store(prepare([Request(body.data, "default", signal=body.signal)])))
            assert answers == [Stored()], f"not everything was taken: {answers}"
        yield ledger
    finally:
        ledger.close()


def calls(ledger: Ledger) -> list[dict[str, Any]]:
    """The rows that are judged."""
    with ledger.reader() as reader:
        rows: list[dict[str, Any]] = reader.query(QUESTION).to_pylist()
    return rows


def judge_recording(recording: Recording, folder: Path) -> Verdict:
    """What the ledger makes of a recording, against what its vendors served."""
    with replayed(recording.bodies, folder) as ledger:
        return judge(calls(ledger), recording.truth)
