"""OpenLIT's instrumentation of Bedrock; it sets up exporters of its own beside the given providers."""

import json
import tempfile

import openlit
from bedrock_calls import call_bedrock
from exporting import exporting

with exporting() as tracer, tempfile.NamedTemporaryFile("w", suffix=".json") as prices:
    json.dump({"chat": {}, "embeddings": {}, "images": {}, "audio": {}}, prices)
    prices.flush()
    openlit.init(pricing_json=prices.name)
    call_bedrock(tracer)
