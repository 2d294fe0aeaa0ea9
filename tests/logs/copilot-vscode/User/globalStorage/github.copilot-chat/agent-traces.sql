-- Copilot Chat 0.47 with its telemetry kept: an agent, its call and its tool. The .db beside this is made of it.
CREATE TABLE spans (span_id TEXT PRIMARY KEY, trace_id TEXT, parent_span_id TEXT, name TEXT, start_time_ms INTEGER, end_time_ms INTEGER, operation_name TEXT, provider_name TEXT, agent_name TEXT, conversation_id TEXT, request_model TEXT, response_model TEXT, input_tokens INTEGER, output_tokens INTEGER, cached_tokens INTEGER, reasoning_tokens INTEGER, tool_name TEXT, chat_session_id TEXT, turn_index INTEGER, ttft_ms REAL);
INSERT INTO spans VALUES ('a1', 't1', NULL, 'invoke_agent copilot', 1780000000000, 1780000009000, 'invoke_agent', 'github', 'copilot', 'conv', 'gpt-5', NULL, 500, 50, 100, 0, NULL, 's-3', 0, NULL);
INSERT INTO spans VALUES ('b1', 't1', 'a1', 'chat gpt-5', 1780000000500, 1780000004000, 'chat', 'github', 'copilot', 'conv', 'gpt-5', 'gpt-5-2026-05-01', 500, 50, 100, 10, NULL, 's-3', 0, 700);
INSERT INTO spans VALUES ('b2', 't1', 'a1', 'execute_tool read_file', 1780000005000, 1780000005200, 'execute_tool', 'github', NULL, 'conv', NULL, NULL, NULL, NULL, NULL, NULL, 'read_file', 's-3', 0, NULL);
CREATE TABLE span_attributes (span_id TEXT, key TEXT, value TEXT);
INSERT INTO span_attributes VALUES ('b1', 'gen_ai.response.id', 'resp_vscode_1');
INSERT INTO span_attributes VALUES ('b1', 'gen_ai.input.messages', 'CANARY-7f3a');
