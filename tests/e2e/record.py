"""Records the programs of `apps/` into `tests/data/otlp/`: `python -m tests.e2e.record`, at the repository's root.

Each case becomes the raw bodies of its export requests, in order, and the truth of its vendors. Needed again when a
program, a stand-in or a requirements file has changed; `test_replayed.py` reads the recordings without any package.
"""

import gzip
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.e2e.programs import run_program

RECORDINGS = Path(__file__).resolve().parents[1] / "data" / "otlp"
CASES = {
    "openai": ("openai", False),
    "openai-content": ("openai", True),
    "anthropic": ("anthropic", False),
    "anthropic-content": ("anthropic", True),
}
"""Case → vendor, and whether prompts and completions are in the spans."""


@contextmanager
def recording_endpoint(folder: Path) -> Iterator[str]:
    """An OTLP/HTTP endpoint that writes the body of each request into `folder`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            (folder / f"{len(list(folder.iterdir())):04}-traces.binpb").write_bytes(body)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def record(case: str) -> str:
    """Replace the recording of one case; the answer says what is in it now."""
    vendor, content = CASES[case]
    with tempfile.TemporaryDirectory() as scratch:
        bodies = Path(scratch) / "bodies"
        bodies.mkdir()
        truth_path = Path(scratch) / "truth.jsonl"
        with recording_endpoint(bodies) as endpoint:
            run = run_program(
                vendor, endpoint=endpoint, protocol="http/protobuf", content=content, truth_path=truth_path
            )
        if content != (run.with_content > 1):
            raise RuntimeError(f"{case}: {run.with_content} of {run.spans} spans hold content")
        folder = RECORDINGS / case
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(bodies, folder)
        shutil.copy(truth_path, folder)
    return f"{case}: {len(run.truth)} requests to the vendor, {run.spans} spans, {run.with_content} with content"


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        print(record(name))
