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

_CONTENT: Final = re.compile(
    r"""
      gen_ai\.(input|output)\.messages | gen_ai\.system_instructions | gen_ai\.(prompt|completion)(\.|$)
    | gen_ai\.content\.
    | gen_ai\.tool\.(call\.arguments|call\.result|definitions|description)
    | gen_ai\.(user|system|assistant|tool)\.message
    | gen_ai\.(request|response)\.(body|messages|content)
    | gen_ai\.choice | gen_ai\.agent\.description | gen_ai\.retrieval\.(query|documents)
    | llm\.(prompts|completions|input_messages|output_messages|prompt_template|tools|invocation_parameters)
    | (input|output)\.(value|messages) | embedding\.(text|embeddings) | retrieval\.documents | reranker\.
    | ai\.(prompt|response\.(text|object|toolCalls|reasoning)|toolCall\.(args|result)|value|embedding)
    | traceloop\.entity\.(input|output) | langfuse\.(observation|trace)\.(input|output) | langsmith\.(inputs|outputs)
    | (gcp\.vertex\.agent)\.(llm_request|llm_response|tool_call_args|tool_response|data)
    | mlflow\.(spanInputs|spanOutputs|chat\.messages) | logfire\.(msg|json_schema)
    | final_result$ | all_messages_events$ | pydantic_ai\.all_messages
    | (.*\.)?(
          prompt|prompts|completion|completions|message|messages|content|input|output|query|question|answer
        | instructions|arguments|body|text|transcript
      )$
    | db\.(statement|query\.text|query\.parameter)
    | url\.(full|query) | http\.(url|target|request\.header|response\.header)
    | exception\.(message|stacktrace)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def is_content(key: str) -> bool:
    """Whether an attribute may hold what was said: prompts, completions, tool arguments, queries, stack traces."""
    return _CONTENT.match(key) is not None
