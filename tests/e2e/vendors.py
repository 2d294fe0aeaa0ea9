"""A stand-in for the vendors' APIs on loopback, which writes down the truth of every call it served.

It speaks what the real SDKs of OpenAI, Anthropic, AWS Bedrock and Gemini speak (`vendor_routes` names the interfaces,
one module a vendor holds the bodies), with usage that is known because it was made up here. A client asks for trouble
with the request header `x-stand-in`:

- `refuse-once`: 429 first, served when the SDK tries again;
- `refuse-400`, `refuse-429`, `refuse-500`: refused each time;
- `unfinished`: a stream that stops half way until the client has left;
- `long-prompt`: a prompt in the dearer tier of a model that has one.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.e2e.truth import Truth
from tests.e2e.vendor_routes import WIRES, Route, route_of
from tests.e2e.vendor_wire import Answer, Call, Usage

SERVED_MODELS = {
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
}
"""Vendors answer with the dated name of a model."""

LEAVING_TIMEOUT_S = 30
"""A client that said it would leave an unfinished stream, and does not, fails the test after this."""


@dataclass
class Vendors:
    """The running stand-in: where it listens, and what it has served so far, in order."""

    url: str
    served: list[Truth]

    def environment(self) -> dict[str, str]:
        """The variables that send the vendors' SDKs here."""
        return {
            "OPENAI_BASE_URL": f"{self.url}/openai/v1",
            "OPENAI_API_KEY": "sk-stand-in",
            "ANTHROPIC_BASE_URL": f"{self.url}/anthropic",
            "ANTHROPIC_API_KEY": "sk-ant-stand-in",
            "GOOGLE_GEMINI_BASE_URL": f"{self.url}/gemini",
            "GEMINI_API_KEY": "stand-in",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": f"{self.url}/bedrock",
            "AWS_ACCESS_KEY_ID": "stand-in",
            "AWS_SECRET_ACCESS_KEY": "stand-in",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def planned_usage(call: Call) -> Usage:
    """Make up the usage of a call: every mix of cached, written and reasoned tokens comes by within a few calls."""
    number = call.number
    fresh = 1200 + 37 * number + (290_000 if call.script == "long-prompt" else 0)
    if call.api == "embeddings":
        return Usage(input_total=fresh)
    cache_read = (256, 5120, 0, 640)[number % 4]
    write_5m, write_1h, write = 0, 0, 0
    if call.vendor in ("anthropic", "aws.bedrock"):
        write_5m, write_1h = ((0, 0), (302, 0), (5003, 93), (0, 704))[number % 4]
        write = write_5m + write_1h
    elif call.model.startswith("gpt-6"):
        write = 1500 + number  # kept by OpenAI for half an hour: neither five minutes nor an hour
    unthinking = call.model.startswith("gpt-4") or call.vendor == "aws.bedrock" or number % 3 == 0
    reasoning = 0 if unthinking else 60 + 5 * number
    return Usage(
        input_total=fresh + cache_read + write,
        cache_read=cache_read,
        cache_write=write,
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        output=80 + 7 * number + reasoning,
        reasoning=reasoning,
    )


class _Handler(BaseHTTPRequestHandler):
    """One connection of an SDK."""

    protocol_version = "HTTP/1.1"
    timeout = LEAVING_TIMEOUT_S
    server: "_Server"

    def do_GET(self) -> None:
        """A stored response, fetched again: nothing is generated, nothing is charged."""
        prefix, _, response_id = self.path.rpartition("/")
        stored = self.server.stored.get(response_id) if prefix == "/openai/v1/responses" else None
        if stored is None:
            self._answer(404, {}, {"error": {"message": "not found", "type": "invalid_request_error"}})
        else:
            self._answer(200, {}, stored)

    def do_POST(self) -> None:
        """A call: refused or served as its script says."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        script = self.headers.get("x-stand-in", "")
        route, call = self.server.next_call(self.path.partition("?")[0], body, script)
        if route.free:
            self._answer(200, {}, route.answer(call).body)
            return
        first_try = self.headers.get("x-stainless-retry-count", "0") == "0"
        if script.startswith("refuse-") and (script != "refuse-once" or first_try):
            self._refuse(call, 429 if script == "refuse-once" else int(script.removeprefix("refuse-")))
        else:
            self._serve(call, route.answer(call))

    def _refuse(self, call: Call, status: int) -> None:
        wire = WIRES[call.vendor]
        self.server.record(call, status=status, usage_sent="none", response_id=None, served_model=None)
        headers = wire.headers(call) | ({"retry-after-ms": "1"} if status == 429 else {})
        self._answer(status, headers, wire.refusal(call, status))

    def _serve(self, call: Call, answer: Answer) -> None:
        wire = WIRES[call.vendor]
        if not answer.events:
            self.server.record(call, usage_sent="all", response_id=answer.response_id)
            if call.api == "responses":
                self.server.stored[call.response_id] = answer.body
            self._answer(200, wire.headers(call), answer.body)
            return
        self.send_response(200)
        for name, value in wire.headers(call).items():
            self.send_header(name, value)
        self.send_header("content-type", wire.STREAM_TYPE)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        if call.script == "unfinished":
            for event in answer.events[: len(answer.events) // 2]:
                self._chunk(event)
            self._wait_until_left()
            self.server.record(
                call, usage_sent=answer.usage_sent_at_first, response_id=answer.response_id, left_early=True
            )
            self.close_connection = True
            return
        self.server.record(call, usage_sent=answer.usage_sent, response_id=answer.response_id)
        for event in answer.events:
            self._chunk(event)
        self._chunk(b"")

    def _wait_until_left(self) -> None:
        try:
            left = self.connection.recv(1) == b""
        except ConnectionResetError:
            left = True
        if not left:
            raise RuntimeError("the client sent more instead of leaving the unfinished stream")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def _answer(self, status: int, headers: dict[str, str], body: dict[str, Any]) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers | {"content-type": "application/json"}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the standard library
        """Stay quiet: the truth file is the log."""


class _Server(ThreadingHTTPServer):
    """Numbers the calls and writes the truth."""

    daemon_threads = False  # closing waits for the last line of the truth

    def __init__(self, truth_path: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.truth_path = truth_path
        self.served: list[Truth] = []
        self.stored: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._calls = 0

    def next_call(self, path: str, body: dict[str, Any], script: str) -> tuple[Route, Call]:
        """Give a request its number, ids and usage; the same sequence of requests gets the same in every run."""
        route, model = route_of(path, body)
        with self._lock:
            self._calls += not route.free
            number = self._calls
        call = Call(
            number=number,
            vendor=route.vendor,
            api=route.api,
            model=model,
            served_model=SERVED_MODELS.get(model, model),
            request=body,
            script=script,
            streamed=route.streams or bool(body.get("stream")),
        )
        return route, replace(call, usage=planned_usage(call))

    def record(self, call: Call, **outcome: Any) -> None:
        """Append one line of the truth."""
        served = outcome.get("status", 200) == 200
        usage = call.usage if served else Usage()
        facts = {
            "n": call.number,
            "vendor": call.vendor,
            "api": call.api,
            "model": call.model,
            "served_model": call.served_model,
            "request_id": call.request_id,
            "streamed": call.streamed,
            "status": 200,
            "left_early": False,
        }
        truth = Truth(**(facts | asdict(usage) | outcome))
        with self._lock:
            self.served.append(truth)
            with self.truth_path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(truth)) + "\n")


@contextmanager
def running_vendors(truth_path: Path) -> Iterator[Vendors]:
    """Run the stand-in on a free port of loopback until the block ends; the truth is complete afterwards."""
    server = _Server(truth_path)
    thread = threading.Thread(target=server.serve_forever, name="vendors")
    thread.start()
    try:
        yield Vendors(url=f"http://127.0.0.1:{server.server_port}", served=server.served)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
