"""Anthropic's SDK alone: it makes spans as soon as there is a tracer provider."""

from anthropic_calls import call_anthropic
from exporting import exporting

with exporting() as tracer:
    call_anthropic(tracer)
