"""Renews the pins of the environments: `python -m tests.e2e.pins [NAME…]`, at the root; then record again.

What an environment is for stands here, what came of it with all that it drags along in `requirements/<name>.txt`.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e.environments import REQUIREMENTS, uv_command

EXPORTERS = ("opentelemetry-exporter-otlp-proto-grpc", "opentelemetry-exporter-otlp-proto-http")
NEWEST_SDK = ("opentelemetry-sdk", *EXPORTERS)
LANGCHAIN = ("langchain", "langchain-openai", "langchain-anthropic", *NEWEST_SDK)

ENVIRONMENTS: dict[str, tuple[str, ...]] = {
    "openai": ("opentelemetry-instrumentation-genai-openai", "openai", *NEWEST_SDK),
    "anthropic": ("opentelemetry-instrumentation-genai-anthropic", "anthropic", *NEWEST_SDK),
    # It imports httpx, which openai 3 does not bring any more, and what is gone from the newer util-genai.
    "openai-v2": ("opentelemetry-instrumentation-openai-v2", "openai", "httpx", "opentelemetry-util-genai==1.1b0",
                  *NEWEST_SDK),
    # The instrumentation does nothing with google-genai 3.
    "google-genai": ("opentelemetry-instrumentation-google-genai", "google-genai<3", *NEWEST_SDK),
    "botocore": ("opentelemetry-instrumentation-botocore", "boto3", *NEWEST_SDK),
    "genai-bedrock": ("opentelemetry-instrumentation-genai-bedrock", "boto3", *NEWEST_SDK),
    "genai-langchain": ("opentelemetry-instrumentation-genai-langchain", *LANGCHAIN),
    "traceloop-openai": ("opentelemetry-instrumentation-openai", "openai", *NEWEST_SDK),
    "traceloop-anthropic": ("opentelemetry-instrumentation-anthropic", "anthropic", *NEWEST_SDK),
    "traceloop-bedrock": ("opentelemetry-instrumentation-bedrock", "boto3", *NEWEST_SDK),
    "traceloop-langchain": ("opentelemetry-instrumentation-langchain", *LANGCHAIN),
    "openinference-openai": ("openinference-instrumentation-openai", "openai", *NEWEST_SDK),
    "openinference-anthropic": ("openinference-instrumentation-anthropic", "anthropic", *NEWEST_SDK),
    "openinference-bedrock": ("openinference-instrumentation-bedrock", "boto3", *NEWEST_SDK),
    "openinference-google-genai": ("openinference-instrumentation-google-genai", "google-genai", *NEWEST_SDK),
    "openinference-langchain": ("openinference-instrumentation-langchain",
                                "opentelemetry-instrumentation-genai-openai", *LANGCHAIN),
    "openinference-litellm": ("openinference-instrumentation-litellm", "litellm>=1.109.1", *EXPORTERS),
    "openlit": ("openlit>=1.45.0", "openai", "anthropic", *EXPORTERS),
    "pydantic-ai": ("pydantic-ai-slim[openai,anthropic]", *NEWEST_SDK),
    # The Responses API of LiteLLM needs mcp, which it does not depend on.
    "litellm": ("litellm>=1.109.1", "mcp", *NEWEST_SDK),
    "strands": ("strands-agents[openai]>=1.62.0", *EXPORTERS),
    "google-adk": ("google-adk>=2.13.0", *EXPORTERS),
    "openai-double": ("opentelemetry-instrumentation-genai-openai", "openinference-instrumentation-openai", "openai",
                      *NEWEST_SDK),
    # As openai-v2 above.
    "openai-v2-double": ("opentelemetry-instrumentation-openai-v2", "opentelemetry-instrumentation-openai", "openai",
                         "httpx", "opentelemetry-util-genai==1.1b0", *NEWEST_SDK),
    "pydantic-ai-double": ("pydantic-ai-slim[openai]", "opentelemetry-instrumentation-genai-openai", *NEWEST_SDK),
    "openai-agents": ("opentelemetry-instrumentation-genai-openai-agents", "opentelemetry-instrumentation-genai-openai",
                      "openai-agents", *NEWEST_SDK),
    "agent-framework": ("agent-framework-openai", *NEWEST_SDK),
    "semantic-kernel": ("semantic-kernel", *NEWEST_SDK),
    "langfuse": ("langfuse", "openai", *NEWEST_SDK),
    "langsmith": ("langsmith[otel]", "openai", *NEWEST_SDK),
    "openinference-crewai": ("crewai", "openinference-instrumentation-crewai", "openinference-instrumentation-openai",
                             *EXPORTERS),
    "traceloop-crewai": ("crewai", "opentelemetry-instrumentation-crewai", "opentelemetry-instrumentation-openai",
                         *EXPORTERS),
    # Its smaller editions lack what their own autologs import.
    "mlflow": ("mlflow", "openai", "anthropic", *NEWEST_SDK),
    "haystack": ("haystack-ai", "openinference-instrumentation-haystack", *NEWEST_SDK),
    # It fails with Haystack 3, whose modules have other names.
    "traceloop-haystack": ("haystack-ai<3", "opentelemetry-instrumentation-haystack",
                           "opentelemetry-instrumentation-openai", *NEWEST_SDK),
    "openinference-llama-index": ("llama-index-core", "llama-index-llms-openai", "llama-index-embeddings-openai",
                                  "openinference-instrumentation-llama-index", *NEWEST_SDK),
    "traceloop-llama-index": ("llama-index-core", "llama-index-llms-openai", "llama-index-embeddings-openai",
                              "opentelemetry-instrumentation-llamaindex", "opentelemetry-instrumentation-openai",
                              *NEWEST_SDK),
    "autogen": ("autogen-agentchat", "autogen-ext[openai]", "opentelemetry-instrumentation-genai-openai", *NEWEST_SDK),
    "logfire": ("logfire", "openai", "anthropic", *NEWEST_SDK),
    "litellm-proxy": ("litellm[proxy]>=1.109.1", "opentelemetry-instrumentation-genai-openai", *NEWEST_SDK),
}  # fmt: skip

OVERRIDES: dict[str, tuple[str, ...]] = {
    # LiteLLM asks for a certifi that was never published.
    "openinference-litellm": ("certifi==2026.10.18",),
    "litellm": ("certifi==2026.10.18",),
    # It also asks for a version of its extras that was never published.
    "litellm-proxy": ("certifi==2026.10.18", "litellm-proxy-extras==0.4.110"),
    # OpenLIT works with the newest SDK of Anthropic, and says that it would not.
    "openlit": ("anthropic>=2.12.0",),
}
"""What is installed against the word of a package."""

HEAD = "# Everything pinned: what was seen to work together. A changed line makes a new environment.\n"


def pin(name: str) -> str:
    """Resolve one environment anew and write it down; the answer says how many packages it has."""
    with tempfile.TemporaryDirectory() as scratch:
        asked, overrides = Path(scratch) / "asked.in", Path(scratch) / "overrides.txt"
        asked.write_text("\n".join(ENVIRONMENTS[name]), encoding="utf-8")
        overrides.write_text("\n".join(OVERRIDES.get(name, ())), encoding="utf-8")
        quiet = ("--quiet", "--no-header", "--no-annotate", "--python", sys.executable)
        done = subprocess.run(
            [*uv_command(), "pip", "compile", *quiet, "--override", str(overrides), str(asked)],
            capture_output=True,
            text=True,
            check=True,
        )
    (REQUIREMENTS / f"{name}.txt").write_text(HEAD + done.stdout, encoding="utf-8")
    return f"{name}: {len(done.stdout.splitlines())} packages"


if __name__ == "__main__":
    for environment in sys.argv[1:] or ENVIRONMENTS:
        print(pin(environment))
