"""Redact: what was said never reaches the ledger, facts about a call do."""

import pytest

from spanledger.processors.redact import is_content
from tests.oracle import calls, processed
from tests.otlp_requests import WANTED, body, log_body, span

SECRET = "my secret"
CONTENT = [
    "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.prompt",
    "gen_ai.completion", "gen_ai.prompt.0.content", "gen_ai.completion.0.tool_calls.0.arguments",
    "gen_ai.content.prompt", "gen_ai.tool.definitions", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result",
    "gen_ai.tool.description", "gen_ai.user.message", "gen_ai.choice", "gen_ai.request.messages",
    "gen_ai.response.content", "gen_ai.agent.description", "gen_ai.retrieval.query", "llm.prompts",
    "llm.completions.0.text", "llm.input_messages.0.message.content", "llm.output_messages.3.message.role",
    "llm.prompt_template.template", "llm.tools.0.tool.json_schema", "llm.invocation_parameters", "input.value",
    "output.value", "embedding.embeddings.0.embedding.text", "retrieval.documents.0.document.content", "reranker.query",
    "ai.prompt", "ai.prompt.messages", "ai.response.text", "ai.response.object", "ai.response.toolCalls",
    "ai.toolCall.args", "traceloop.entity.input", "traceloop.entity.output", "langfuse.observation.input",
    "langsmith.outputs", "gcp.vertex.agent.llm_request", "gcp.vertex.agent.tool_response", "mlflow.spanInputs",
    "logfire.msg", "final_result", "all_messages_events", "pydantic_ai.all_messages", "my.app.prompt", "app.message",
    "content", "query", "QUESTION", "some.Answer", "db.statement", "db.query.text", "url.full", "url.query", "http.url",
    "http.target", "http.request.header.authorization", "exception.message", "exception.stacktrace",
]  # fmt: skip
FACTS = [
    "gen_ai.request.max_tokens", "gen_ai.request.temperature", "gen_ai.output.type", "gen_ai.usage.input_tokens",
    "gen_ai.agent.name", "gen_ai.tool.name", "gen_ai.tool.call.id", "gen_ai.data_source.id",
    "gen_ai.request.choice.count", "gen_ai.agent.id", "server.address", "server.port", "http.response.status_code",
    "http.request.method", "http.route", "url.scheme", "network.peer.address", "openai.api.type",
    "openai.response.system_fingerprint", "app.tenant", "promptly", "message_count", "content_type", "app.input_kind",
    "ai.model.id", "ai.usage.promptTokens", "llm.model_name", "llm.token_count.total", "input.mime_type", "error.type",
    "thread.name", "llm.token_count.prompt", "llm.token_count.completion", "llm.token_count.prompt_details.audio",
    "llm.usage.completion", "llm.cost.prompt", "gen_ai.prompt.name", "gen_ai.prompt.version", "gen_ai.usage.input",
    "decision.token_count.prompt", "gen_ai.cost.output_cost", "litellm.cost.input", "ai.response.finishReason",
    "metadata.usage_object", "gcp.vertex.agent.event_id",
]  # fmt: skip


@pytest.mark.parametrize("key", CONTENT)
def test_what_was_said_is_content(key):
    assert is_content(key)


@pytest.mark.parametrize("key", FACTS)
def test_facts_about_a_call_are_not(key):
    assert not is_content(key)


def test_no_key_that_fills_a_column_is_content():
    assert not [key for key in WANTED if is_content(key)]


@pytest.mark.parametrize("said", [SECRET, [SECRET], {"a": SECRET}, [{"role": "user", "content": SECRET}]])
def test_content_is_in_no_column_of_a_row(said):
    (row,) = calls(body(span({"gen_ai.operation.name": "chat"} | dict.fromkeys(CONTENT, said))))
    assert SECRET not in str(row)
    assert row["attributes"] is None


SPEAKERS = {
    "openinference.instrumentation.openai": {
        "openinference.span.kind": "LLM", "input.value": SECRET,
        "output.value": f'{{"id":"chatcmpl-9a","text":"{SECRET}"}}', "llm.input_messages.0.message.content": SECRET,
        "llm.output_messages.0.message.contents.0.message_content.text": SECRET, "llm.tools.0.tool.json_schema": SECRET,
        "embedding.embeddings.0.embedding.text": SECRET, "llm.invocation_parameters": SECRET,
        "llm.prompt_template.variables": SECRET, "llm.function_call": SECRET,
    },
    "ai": {
        "ai.operationId": "ai.streamText.doStream", "ai.prompt.messages": SECRET, "ai.prompt.tools": [SECRET],
        "ai.response.text": SECRET, "ai.response.toolCalls": SECRET, "ai.response.reasoning": SECRET,
        "ai.request.headers.authorization": SECRET, "ai.request.body": SECRET, "ai.toolCall.args": SECRET,
        "ai.toolCall.result": SECRET, "ai.values": [SECRET], "ai.schema": SECRET,
        "ai.response.providerMetadata": f'{{"x":"{SECRET * 40}"}}',
    },
    "langfuse-sdk": {
        "langfuse.observation.type": "generation", "langfuse.observation.input": SECRET,
        "langfuse.trace.output": SECRET,
        "langfuse.observation.status_message": SECRET, "langfuse.observation.output": SECRET,
        "langfuse.observation.usage_details": f'{{"input": 3, "{SECRET * 40}": 1}}',
    },
    "litellm": {
        "gen_ai.operation.name": "acompletion", "llm.openai.messages": SECRET, "llm.openai.choices": SECRET,
        "llm.anthropic.content": SECRET, "llm.openai.tools": SECRET, "llm.None.output": SECRET,
        "llm.None.input": SECRET, "hidden_params": f'{{"request-id": "req_aaaaaaaa", "x": "{SECRET * 40}"}}',
    },
    "gcp.vertex.agent": {
        "gen_ai.operation.name": "generate_content", "gcp.vertex.agent.llm_request": SECRET,
        "gcp.vertex.agent.llm_response": SECRET, "gcp.vertex.agent.tool_call_args": SECRET,
        "gcp.vertex.agent.data": SECRET, "gen_ai.tool.definitions": SECRET, "gen_ai.system_instructions": SECRET,
    },
    "openlit.instrumentation.openai": {"gen_ai.operation.name": "chat", "gen_ai.tool.args": SECRET},
    "strands.telemetry.tracer": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.json_schema": SECRET},
    "pydantic-ai": {"gen_ai.operation.name": "chat", "model_request_parameters": SECRET, "final_result": SECRET},
    "opentelemetry.instrumentation.crewai": {
        "traceloop.span.kind": "agent", "crewai.agent.goal": SECRET, "crewai.crew.inputs": SECRET,
        "crewai.task.expected_output": SECRET, "traceloop.entity.input": SECRET,
    },
}  # fmt: skip


@pytest.mark.parametrize("scope", SPEAKERS)
def test_what_an_emitter_carries_of_content_is_in_no_row(scope):
    result = processed([body(span(SPEAKERS[scope]), scope=scope)])
    rows = result.calls.to_pylist() + result.spans.to_pylist()
    assert len(rows) == 1
    assert SECRET not in str(rows)


@pytest.mark.parametrize("scope", ["my.app", "gcp.vertex.agent", "opentelemetry.instrumentation.genai.openai"])
def test_the_body_of_an_event_is_read_by_nobody(scope):
    details = "gen_ai.client.inference.operation.details"
    content = {"gen_ai.input.messages": [{"role": "user", "content": SECRET}], "gen_ai.usage.input_tokens": 3}
    result = processed([log_body(details, content, scope=scope, said=SECRET)], signal="logs")
    assert result.calls.num_rows == 1
    assert SECRET not in str(result.calls.to_pylist())


def test_an_event_that_is_only_its_body_is_kept_nowhere():
    result = processed([log_body("", {"gen_ai.system": "openai"}, scope="litellm", said=SECRET)], signal="logs")
    assert (result.calls.num_rows, result.spans.num_rows, result.left_out) == (0, 0, {"not_genai": 1})


def test_content_is_kept_where_the_operator_asks_for_it():
    (row,) = calls(body(span({"gen_ai.operation.name": "chat", "gen_ai.prompt": SECRET * 1000})), keep_content=True)
    assert row["attributes"] == f'{{"gen_ai.prompt":"{SECRET * 1000}"}}'


def test_content_of_a_resource_is_read_by_nobody():
    resource = {"service.name": "app", "gen_ai.prompt": SECRET, "process.command_line": SECRET}
    (row,) = calls(body(span({"gen_ai.operation.name": "chat"}), resource=resource))
    assert row["service_name"] == "app"
    assert SECRET not in str(row)
