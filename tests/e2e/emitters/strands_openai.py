"""Strands on OpenAI."""

from exporting import exporting
from strands.models.openai import OpenAIModel
from strands_agents import call_agents

with exporting() as tracer:
    call_agents(tracer, OpenAIModel(model_id="gpt-5-mini"))
    call_agents(tracer, OpenAIModel(model_id="gpt-6-sol"))
