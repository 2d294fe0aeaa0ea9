-- Copilot CLI 1.0.87: two calls of a session without a log, one of them of a sub-agent. The .db beside this is made of it.
CREATE TABLE sessions (id TEXT PRIMARY KEY, cwd TEXT, repository TEXT, host_type TEXT, branch TEXT, summary TEXT, created_at TEXT, updated_at TEXT);
INSERT INTO sessions VALUES ('7d1f2c9a-0002', '/home/CANARY-7f3a/shop', 'acme/shop', 'github', 'main', 'CANARY-7f3a', '2026-09-10 08:00:00', '2026-09-10 08:02:00');
CREATE TABLE turns (id INTEGER PRIMARY KEY, session_id TEXT, turn_index INTEGER, user_message TEXT, assistant_response TEXT, timestamp TEXT);
INSERT INTO turns VALUES (1, '7d1f2c9a-0002', 0, 'CANARY-7f3a', 'CANARY-7f3a', '2026-09-10 08:00:00');
CREATE TABLE assistant_usage_events (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, turn_index INTEGER, agent_id TEXT, parent_tool_call_id TEXT, model TEXT NOT NULL, input_tokens INTEGER, output_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER, reasoning_tokens INTEGER, total_nano_aiu INTEGER, request_multiplier REAL, duration_ms INTEGER, time_to_first_token_ms INTEGER, initiator TEXT, finish_reason TEXT, token_details_json TEXT, created_at TEXT);
INSERT INTO assistant_usage_events VALUES (1, '7d1f2c9a-0002', 0, NULL, NULL, 'claude-sonnet-4.6', 13500, 500, 10000, 2000, 0, 16000000000, 1, 4000, 900, 'user', 'stop', '[]', '2026-09-10 08:00:10');
INSERT INTO assistant_usage_events VALUES (2, '7d1f2c9a-0002', 0, 'explore', 'call_9', 'gpt-5-mini', 100, 50, 0, 0, 20, 100000000, 0, 1000, 300, 'agent', 'stop', '[]', '2026-09-10 08:01:00');
