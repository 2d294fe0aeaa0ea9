-- Goose 1.53: one session with a row a call (a compaction among them), one older with nothing but sums, one of
-- another agent's command line, and one that was never used. The .db beside this is made of it.
CREATE TABLE sessions (id TEXT PRIMARY KEY, name TEXT, description TEXT, working_dir TEXT, created_at TIMESTAMP, updated_at TIMESTAMP, input_tokens INTEGER, accumulated_input_tokens INTEGER, accumulated_output_tokens INTEGER, accumulated_cache_read_tokens INTEGER, accumulated_cache_write_tokens INTEGER, accumulated_cost REAL, provider_name TEXT, model_config_json TEXT);
INSERT INTO sessions VALUES ('20260901_1', 'CANARY-7f3a', 'CANARY-7f3a', '/home/CANARY-7f3a/shop', '2026-09-01 10:00:00', '2026-09-01 10:05:00', 40, 140, 25, 30, 10, 0.3, 'anthropic', '{"model_name":"claude-sonnet-4-6"}');
INSERT INTO sessions VALUES ('20260801_1', 'CANARY-7f3a', 'CANARY-7f3a', '/home/CANARY-7f3a/shop', '2026-08-01 10:00:00', '2026-08-01 11:00:00', 500, 9000, 700, NULL, NULL, NULL, 'openai', '{"model_name":"gpt-5"}');
INSERT INTO sessions VALUES ('20260901_2', 'CANARY-7f3a', 'CANARY-7f3a', '/home/CANARY-7f3a/shop', '2026-09-01 12:00:00', '2026-09-01 12:00:00', 5, 5, 5, NULL, NULL, NULL, 'claude-code', '{"model_name":"sonnet"}');
INSERT INTO sessions VALUES ('20260901_3', 'CANARY-7f3a', 'CANARY-7f3a', '/home/CANARY-7f3a/shop', '2026-09-01 13:00:00', '2026-09-01 13:00:00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE usage_ledger (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, created_timestamp INTEGER, model TEXT, input_tokens INTEGER, output_tokens INTEGER, total_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER, cost REAL, cost_source TEXT, is_compaction INTEGER DEFAULT 0);
INSERT INTO usage_ledger VALUES (1, '20260901_1', 1788256860, 'claude-sonnet-4-6', 100, 20, 120, 30, 10, 0.25, 'provider_reported', 0);
INSERT INTO usage_ledger VALUES (2, '20260901_1', 1788256920, 'claude-haiku-4-5', 40, 5, 45, 0, 0, 0.05, 'estimated', 1);
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT, session_id TEXT, role TEXT, content_json TEXT, created_timestamp INTEGER);
INSERT INTO messages VALUES (1, 'm1', '20260901_1', 'user', '[{"type":"text","text":"CANARY-7f3a"}]', 1788256850);
INSERT INTO messages VALUES (2, 'm2', '20260901_1', 'assistant', '[{"type":"text","text":"CANARY-7f3a"},{"type":"toolRequest","id":"call_1","toolCall":{"status":"success","value":{"name":"developer__shell","arguments":{"command":"CANARY-7f3a"}}}}]', 1788256860);
INSERT INTO messages VALUES (3, 'm3', '20260901_1', 'user', '[{"type":"toolResponse","id":"call_1","toolResult":{"status":"error","error":"CANARY-7f3a"}}]', 1788256863);
