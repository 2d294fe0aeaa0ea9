"""LiteLLM as a gateway with its own callback, and in front of it a program whose OpenAI SDK is instrumented."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
from exporting import SOME_TEXT, exporting, refused
from openai_calls import MESSAGES, WEATHER, WITH_USAGE
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.propagate import inject
from opentelemetry.trace import Tracer

CONFIG = """
model_list:
  - {model_name: gpt-5-mini, litellm_params: {model: openai/gpt-5-mini}}
  - {model_name: gpt-6-sol, litellm_params: {model: openai/gpt-6-sol}}
  - {model_name: gpt-5, litellm_params: {model: openai/gpt-5}}
  - {model_name: text-embedding-3-small, litellm_params: {model: openai/text-embedding-3-small}}
  - {model_name: sonnet, litellm_params: {model: anthropic/claude-sonnet-4-5}}
  - {model_name: refused, litellm_params: {model: openai/gpt-5-mini, extra_headers: {x-stand-in: refuse-400}}}
litellm_settings: {callbacks: [otel], num_retries: 0}
"""
KEY = "sk-" + secrets.token_hex(32)
"""It does not start without one."""

START_TIMEOUT_S = 90
"""The gateway imports for ten seconds on a machine of our own, for longer on a busy one."""


@contextmanager
def gateway() -> Iterator[str]:
    """The address of a running gateway, which exports as a service of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    Path("gateway.yaml").write_text(CONFIG, encoding="utf-8")
    exporter = os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"].replace("http/protobuf", "otlp_http")
    environment = os.environ | {
        "LITELLM_MASTER_KEY": KEY,
        "OTEL_ENDPOINT": os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"],
        "OTEL_EXPORTER": exporter,
        "OTEL_SERVICE_NAME": "gateway",
        "OTEL_BSP_SCHEDULE_DELAY": "200",  # it does not flush when it ends
    }
    command = [str(Path(sys.executable).parent / "litellm"), "--config", "gateway.yaml", "--host", "127.0.0.1"]
    with Path("gateway.log").open("wb") as log:
        running = subprocess.Popen([*command, "--port", str(port)], env=environment, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", running)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        running.terminate()
        running.wait()


def wait_for(url: str, running: subprocess.Popen[bytes]) -> None:
    """Until the gateway answers."""
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until and running.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5)
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"the gateway did not start: {Path('gateway.log').read_text(encoding='utf-8')[-4000:]}")


def calls(client: openai.OpenAI, tracer: Tracer) -> None:
    """Both vendors, plain and streamed, with a tool; the other interfaces; and one that is refused."""
    create = client.chat.completions.create
    create(model="gpt-5-mini", messages=MESSAGES, user="user-7")
    for _ in create(model="gpt-6-sol", messages=MESSAGES, stream=True, stream_options=WITH_USAGE):
        pass
    with tracer.start_as_current_span("app.request"):
        create(model="gpt-5-mini", messages=MESSAGES, tools=[WEATHER])
        create(model="sonnet", messages=MESSAGES)
        for _ in create(model="sonnet", messages=MESSAGES, stream=True, stream_options=WITH_USAGE):
            pass
    client.responses.create(model="gpt-5", input=SOME_TEXT)
    client.embeddings.create(model="text-embedding-3-small", input=SOME_TEXT)
    with refused():
        create(model="refused", messages=MESSAGES)


with exporting() as tracer:
    OpenAIInstrumentor().instrument()
    # What an instrumentation of the HTTP client does: the gateway's spans become part of the program's trace.
    http = openai.DefaultHttpxClient(event_hooks={"request": [lambda request: inject(request.headers)]})
    options = {"api_key": KEY, "http_client": http, "max_retries": 0}
    with gateway() as address, openai.OpenAI(base_url=address, **options) as client:
        calls(client, tracer)
        time.sleep(3)  # the gateway's callbacks run after its answers
