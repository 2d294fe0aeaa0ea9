"""Runs the programs of `apps/` in their environments; the only vendors they reach are the stand-ins."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.environments import environment_python
from tests.e2e.truth import Truth, read_truth
from tests.e2e.vendor_wire import PROMPT_CANARY
from tests.e2e.vendors import running_vendors

APPS = Path(__file__).parent / "apps"
PROGRAM_TIMEOUT_S = 120

WITH_CONTENT = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "content",
}
"""Makes the official instrumentations and Anthropic's SDK put prompts and completions into their spans."""


@dataclass(frozen=True)
class Run:
    """What a program did: what the vendors served it, and the spans it says it exported."""

    truth: list[Truth]
    spans: int
    with_content: int
    failed_calls: int


def run_program(vendor: str, *, endpoint: str, protocol: str, content: bool, truth_path: Path) -> Run:
    """Run `<vendor>_app.py` to its end, exporting to `endpoint` by "grpc" or "http/protobuf"."""
    python = environment_python(vendor)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTHON"))}
    with running_vendors(truth_path) as vendors:
        done = subprocess.run(
            [str(python), f"{vendor}_app.py"],
            cwd=APPS,
            env=inherited
            | vendors.environment()
            | (WITH_CONTENT if content else {})
            | {
                "CANARY": PROMPT_CANARY,
                "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
                "OTEL_RESOURCE_ATTRIBUTES": "service.version=1.2.3,deployment.environment.name=e2e",
                "OTEL_SERVICE_NAME": f"{vendor}-app",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            timeout=PROGRAM_TIMEOUT_S,
            check=False,
        )
    assert done.returncode == 0, f"the program failed:\n{done.stderr}"
    assert "Failed to export" not in done.stderr, f"spans were not delivered:\n{done.stderr}"
    return Run(truth=read_truth(truth_path), **json.loads(done.stdout))
