"""What is fuzzed, and what counts as a finding."""

import time
import traceback
from pathlib import Path

from benchmarks.workload import Workload
from spanledger.cli.wiring import STEPS
from spanledger.processors.normalise import Sender
from spanledger.processors.pipeline import process
from spanledger.receiver.bodies import decompress
from spanledger.receiver.contract import Refused
from spanledger.receiver.otlp_json import request_from_json
from spanledger.receiver.signals import SIGNALS
from spanledger.storage.schema import CALLS
from tests.hostile_spans import ACCEPTED, REFUSED, bottomless, json_of, middle
from tests.oracle import traces

CORPUS = Path(__file__).parent / "corpus"
LIMIT_BYTES = 1 << 20
GOOD = Workload(spans=3, from_ns=time.time_ns(), seed=21)
VICTIMS = Workload(spans=3, from_ns=time.time_ns(), seed=22)
BEFORE, AFTER = GOOD.request(0), GOOD.request(1)
NEIGHBOURS = 2 * GOOD.spans
SMALL_BYTES = 10_000  # of a seed
SENDERS = [Sender("default", "")] * 3
INGESTED_US = time.time_ns() // 1000


class FindingError(Exception):
    """Input that did what no input may do. `kind` is the same for findings that probably have the same cause."""

    def __init__(self, message: str, kind: str):
        super().__init__(message)
        self.kind = kind


def finding_of(error: BaseException) -> FindingError:
    """The finding that an error is; one that the user caused at the keyboard is raised again."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    frames = traceback.extract_tb(error.__traceback__)
    return FindingError(
        f"{type(error).__name__}: {error}", f"{type(error).__name__} {frames[-1].filename}:{frames[-1].lineno}"
    )


def seeds() -> dict[str, list[bytes]]:
    """Where a search starts, by kind of input: the suffix of the files of the corpus."""
    plain = [VICTIMS.request(number) for number in range(5)]
    odd = [middle(plain[0], damage) for damage in (*ACCEPTED.values(), *(damage for damage, _ in REFUSED.values()))]
    pools = {
        ".protobuf": [*plain, *(body for body in odd if len(body) < SMALL_BYTES), bottomless(20)],
        ".json": [json_of(body) for body in plain],
    }
    for path in sorted(CORPUS.iterdir()):
        pools.setdefault(path.suffix, []).append(path.read_bytes())
    return pools


def outcome(kind: str, body: bytes) -> tuple[object, ...]:
    """Send one input through; a summary of how it behaved. Raises FindingError."""
    try:
        if kind == ".json":
            body = request_from_json(SIGNALS[0], body)
        elif kind != ".protobuf":
            body = decompress(body, kind.removeprefix("."), LIMIT_BYTES)
    except Refused as refused:
        return (type(refused).__name__, str(refused)[:60])
    except BaseException as error:  # a panic of a native decoder is no Exception
        raise finding_of(error) from error
    return rows_of(body)


def rows_of(body: bytes) -> tuple[object, ...]:
    """Process a request between two good ones: its rows, refusals and filled columns. Raises FindingError."""
    try:
        processed = process([traces([BEFORE, body, AFTER], SENDERS)], INGESTED_US, STEPS)
    except BaseException as error:  # a panic of a native decoder is no Exception
        raise finding_of(error) from error
    request = processed.call_request.tolist()
    if request.count(0) != GOOD.spans or request.count(2) != GOOD.spans:
        counts = f"{request.count(0)} and {request.count(2)}"
        raise FindingError(f"the good requests beside it have {counts} rows instead of {GOOD.spans} each", "neighbours")
    if processed.failures.keys() - {1}:
        raise FindingError(f"a good request beside it is called broken: {processed.failures}", "blamed")
    if processed.calls.schema.names != CALLS.names:
        raise FindingError(f"the columns are {processed.calls.schema.names}", "columns")
    mine = processed.calls.slice(GOOD.spans, request.count(1))
    return (
        request.count(1),
        str(processed.failures.get(1, ""))[:60],
        tuple((one.reason, one.spans) for one in processed.rejections),
        tuple(name for name in mine.column_names if mine.column(name).null_count < mine.num_rows),
    )
