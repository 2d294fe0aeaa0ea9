"""Runs an emitter's script in its environment; the only vendors it reaches are the stand-ins."""

import os
import subprocess
from pathlib import Path

from tests.e2e.emitter_matrix import GRPC, Emitter
from tests.e2e.environments import environment_python
from tests.e2e.node_environments import environment_node
from tests.e2e.truth import Truth, read_truth
from tests.e2e.vendor_wire import PROMPT_CANARY
from tests.e2e.vendors import running_vendors

SCRIPTS = Path(__file__).parent / "emitters"
SCRIPT_TIMEOUT_S = 150

OWN_BUSINESS = ("OTEL_", "PYTHON", "LITELLM_", "LANGSMITH_", "LANGCHAIN_", "LANGFUSE_", "TRACELOOP_", "OPENAI_",
                "ANTHROPIC_", "AWS_", "GOOGLE_", "GEMINI_", "NODE_", "CREWAI_", "HAYSTACK_", "LOGFIRE_",
                "MLFLOW_")  # fmt: skip
"""Variables of this machine that an emitter must not see."""

QUIET = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "GOOGLE_GENAI_USE_VERTEXAI": "false",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LOGFIRE_SEND_TO_LOGFIRE": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "NO_COLOR": "1",
    "OTEL_NODE_RESOURCE_DETECTORS": "env",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TRACELOOP_TELEMETRY": "false",
}
"""No script asks anything outside this machine."""


def run_emitter(emitter: Emitter, *, grpc_url: str, http_url: str, truth_path: Path) -> list[Truth]:
    """Run a script to its end, exporting to one of the two; answers with what the vendors served it.

    Raises `AssertionError` with the end of its output when it fails or could not deliver, and
    `InstallerMissingError` when its packages cannot be installed.
    """
    if emitter.script.endswith(".mjs"):
        command = environment_node(emitter.environment, SCRIPTS / emitter.script)
    else:
        command = [str(environment_python(emitter.environment)), str(SCRIPTS / emitter.script)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OWN_BUSINESS)}
    truth_path.touch()
    with running_vendors(truth_path) as vendors:
        done = subprocess.run(
            command,
            cwd=truth_path.parent,
            env=inherited
            | QUIET
            | vendors.environment()
            | {
                "CANARY": PROMPT_CANARY,
                "OTEL_EXPORTER_OTLP_ENDPOINT": grpc_url if emitter.protocol == GRPC else http_url,
                "OTEL_EXPORTER_OTLP_PROTOCOL": emitter.protocol,
                "OTEL_RESOURCE_ATTRIBUTES": "service.version=1.2.3,deployment.environment.name=e2e",
                "OTEL_SERVICE_NAME": emitter.name,
            }
            | emitter.variables,
            capture_output=True,
            text=True,
            timeout=SCRIPT_TIMEOUT_S,
            check=False,
        )
    assert done.returncode == 0, f"{emitter.script} failed:\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    assert "Failed to export" not in done.stderr, f"not everything was delivered:\n{done.stderr[-4000:]}"
    return read_truth(truth_path)
