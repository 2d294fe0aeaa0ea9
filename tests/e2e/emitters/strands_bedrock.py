"""Strands on Bedrock, streamed and not."""

from exporting import exporting
from strands.models.bedrock import BedrockModel
from strands_agents import call_agents

with exporting() as tracer:
    call_agents(tracer, BedrockModel(model_id="us.anthropic.claude-sonnet-4-5-20250929-v1:0"))
    call_agents(tracer, BedrockModel(model_id="global.anthropic.claude-haiku-4-5-20251001-v1:0", streaming=False))
