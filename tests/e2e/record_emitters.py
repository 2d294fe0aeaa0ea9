"""Records emitters into `tests/emitter_recordings/`: `python -m tests.e2e.record_emitters [NAME…]`, at the root.

Needed again when a script, a stand-in or a requirements file has changed; `test_emitter_recordings.py` reads the
recordings without any package.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.e2e.emitter_matrix import EMITTERS, Emitter
from tests.e2e.emitter_runs import run_emitter
from tests.e2e.otlp_sink import running_sink
from tests.e2e.recordings import TRUTH, write_recording


def record(emitter: Emitter) -> str:
    """Replace the recording of one emitter; the answer says what is in it now."""
    with tempfile.TemporaryDirectory() as scratch, running_sink() as sink:
        truth_path = Path(scratch) / TRUTH
        truth = run_emitter(emitter, grpc_url=sink.grpc_url, http_url=sink.http_url, truth_path=truth_path)
        size = write_recording(emitter.name, sink.bodies, truth_path)
    signals = dict(Counter(body.signal for body in sink.bodies))
    return f"{emitter.name}: {len(truth)} requests to the vendors, export requests {signals}, {size:,} bytes packed"


if __name__ == "__main__":
    names = sys.argv[1:]
    for row in EMITTERS:
        if not names or row.name in names:
            print(record(row), flush=True)
