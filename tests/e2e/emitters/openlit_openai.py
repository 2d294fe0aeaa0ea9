"""OpenLIT's instrumentation of OpenAI's SDK; it sets up exporters of its own beside the given providers."""

import json
import tempfile

import openlit
from exporting import exporting
from openai_calls import call_openai

with exporting() as tracer, tempfile.NamedTemporaryFile("w", suffix=".json") as prices:
    json.dump({"chat": {}, "embeddings": {}, "images": {}, "audio": {}}, prices)
    prices.flush()
    openlit.init(pricing_json=prices.name)
    call_openai(tracer)
