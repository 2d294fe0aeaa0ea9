"""Redact: which attributes are content, and therefore never reach the ledger unless the operator asks for it.

Decided by key, before any value is looked at. What no list names but looks like content, a long text, is left out as
well: `attributes` is for facts about a call, and no fact we know of is longer than `TEXT_BYTES_MAX`.
"""

import re
from typing import Final

TEXT_BYTES_MAX: Final = 256
"""Longest value kept under a key that no column wants, in bytes of its JSON form."""

ATTRIBUTES_MAX: Final = 128
"""Most keys kept per span; OpenTelemetry's own default limit for a span."""

DROPPED_KEY: Final = "spanledger.dropped_attributes"
"""Stands in `attributes` with the number of values that were left out for their length or their number."""

_FACT: Final = re.compile(
    r"(llm|litellm|decision)\.(token_count|cost|usage)\.|gen_ai\.(usage|cost|aggregated_usage)\.|gen_ai\.prompt\.(name|version|id)$",
    re.IGNORECASE,
)
"""Keys that only look like content: counts of the prompt's and the completion's tokens, the name of a prompt."""

_CONTENT: Final = re.compile(
    r"""
      gen_ai\.(input|output)\.messages | gen_ai\.system_instructions | gen_ai\.(prompt|completion)(\.|$)
    | gen_ai\.content\.
    | gen_ai\.tool\.(call\.arguments|call\.result|definitions|description|args|json_schema)
    | gen_ai\.(user|system|assistant|tool)\.message
    | gen_ai\.(request|response)\.(body|messages|content)
    | gen_ai\.choice | gen_ai\.agent\.description | gen_ai\.retrieval\.(query|documents)
    | llm\.(prompts|completions|input_messages|output_messages|prompt_template|tools|invocation_parameters)
    | llm\.(function_call|choices)
    | llm\.[^.]+\.(choices|tools|messages|content|input|output|instructions|reasoning|text)
    | (input|output)\.(value|messages) | embedding\.(text|embeddings|vector|invocation_parameters)
    | retrieval\.documents | reranker\. | tool\.(parameters|description|json_schema) | document\.
    | ai\.(prompt|schema|value|embedding|documents|ranking|toolCall\.(args|input|output|result)|request\.(body|headers))
    | ai\.response\.(text|object|toolCalls|reasoning|files|sources|headers|body)
    | traceloop\.entity\.(input|output) | langfuse\.(observation|trace)\.(input|output|status_message)
    | langsmith\.(inputs|outputs)
    | (gcp\.vertex\.agent)\.(llm_request|llm_response|tool_call_args|tool_response|data)
    | mlflow\.(spanInputs|spanOutputs|chat\.(messages|tools)) | logfire\.(msg|json_schema) | model_request_parameters$
    | crewai\..*(goal|backstory|description|inputs|result|results|outputs?|expected_output|tasks|agents|context)$
    | final_result$ | all_messages_events$ | pydantic_ai\.all_messages
    | (.*\.)?(
          prompt|prompts|completion|completions|message|messages|content|input|output|query|question|answer
        | instructions|arguments|body|text|transcript
      )$
    | (  # bare keys of coding agents
          user_prompt | prompt_text | request_text | response | response_text | reasoning | metadata
        | tool_input | tool_parameters | function_args | command | full_command | file_path
      )$
    | db\.(statement|query\.text|query\.parameter)
    | url\.(full|query) | http\.(url|target|request\.header|response\.header)
    | exception\.(message|stacktrace)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def is_content(key: str) -> bool:
    """Whether an attribute may hold what was said: prompts, completions, tool arguments, queries, stack traces."""
    return _CONTENT.match(key) is not None and _FACT.match(key) is None
