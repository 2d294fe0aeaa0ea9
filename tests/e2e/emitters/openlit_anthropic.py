"""OpenLIT's instrumentation of Anthropic's SDK; it sets up exporters of its own beside the given providers."""

import json
import tempfile

import openlit
from anthropic_calls import call_anthropic
from exporting import exporting

with exporting() as tracer, tempfile.NamedTemporaryFile("w", suffix=".json") as prices:
    json.dump({"chat": {}, "embeddings": {}, "images": {}, "audio": {}}, prices)
    prices.flush()
    openlit.init(pricing_json=prices.name)
    call_anthropic(tracer)
