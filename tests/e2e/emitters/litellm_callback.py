"""LiteLLM's own callback, the older or, by LITELLM_OTEL_V2, the newer."""

import os

import litellm
from exporting import exporting

with exporting() as tracer:
    os.environ["OTEL_EXPORTER"] = os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"].replace("http/protobuf", "otlp_http")
    os.environ["OTEL_ENDPOINT"] = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
    litellm.callbacks = ["otel"]
    from litellm_calls import call_litellm

    call_litellm(tracer, more=True)
