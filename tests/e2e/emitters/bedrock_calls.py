"""What the emitters of Bedrock have to tell: Converse and InvokeModel, plain and streamed, with tools, refused."""

import json
from typing import Any

import boto3
from botocore.config import Config
from exporting import SOME_TEXT, refused
from opentelemetry.trace import Tracer

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
HAIKU = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
USER: Any = {"role": "user", "content": [{"text": SOME_TEXT}]}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS: Any = {"tools": [{"toolSpec": {"name": "weather", "description": "now", "inputSchema": {"json": SCHEMA}}}]}
BODY = json.dumps(
    {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 256,
        "messages": [{"role": "user", "content": [{"type": "text", "text": SOME_TEXT}]}],
    }
)


def converse_calls(client: Any) -> None:
    """Plain and streamed; with a tool, until none is asked for."""
    client.converse(modelId=SONNET, messages=[USER])
    client.converse(modelId=HAIKU, messages=[USER], inferenceConfig={"maxTokens": 256})
    for _ in client.converse_stream(modelId=SONNET, messages=[USER])["stream"]:
        pass
    asked = client.converse(modelId=SONNET, messages=[USER], toolConfig=TOOLS)["output"]["message"]
    result = {"toolUseId": asked["content"][0]["toolUse"]["toolUseId"], "content": [{"text": "sunny"}]}
    turns = [USER, asked, {"role": "user", "content": [{"toolResult": result}]}]
    client.converse(modelId=SONNET, messages=turns, toolConfig=TOOLS)
    for messages in ([USER], turns):
        for _ in client.converse_stream(modelId=HAIKU, messages=messages, toolConfig=TOOLS)["stream"]:
            pass


def invoke_calls(client: Any) -> None:
    """Claude's own messages, plain and streamed."""
    for model in (SONNET, HAIKU):
        client.invoke_model(modelId=model, body=BODY)["body"].read()
        for _ in client.invoke_model_with_response_stream(modelId=model, body=BODY)["body"]:
            pass


def call_bedrock(tracer: Tracer) -> None:
    """Every call, some of it inside the program's own request span, as in real life."""
    client = boto3.client("bedrock-runtime")
    converse_calls(client)
    with tracer.start_as_current_span("app.request"):
        invoke_calls(client)
    troubled = boto3.client("bedrock-runtime", config=Config(retries={"total_max_attempts": 1}))
    troubled.meta.events.register(
        "before-call.bedrock-runtime", lambda params, **_: params["headers"].update({"x-stand-in": "refuse-429"})
    )
    with refused():
        troubled.converse(modelId=SONNET, messages=[USER])
