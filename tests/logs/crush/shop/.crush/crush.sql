-- Crush 0.60: a session with two models and a child, and one that was never used. The .db beside this is made of it.
CREATE TABLE sessions (id TEXT PRIMARY KEY, parent_session_id TEXT, title TEXT, message_count INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER, cost REAL, updated_at INTEGER, created_at INTEGER);
INSERT INTO sessions VALUES ('c-root', NULL, 'CANARY-7f3a', 7, 900, 80, 1.25, 1772342000, 1772340000);
INSERT INTO sessions VALUES ('c-child', 'c-root', 'CANARY-7f3a', 3, 10, 5, 0.5, 1772341500, 1772341000);
INSERT INTO sessions VALUES ('c-empty', NULL, 'CANARY-7f3a', 0, 0, 0, 0, 1772340000, 1772340000);
CREATE TABLE messages (id TEXT PRIMARY KEY, session_id TEXT, role TEXT, parts TEXT, model TEXT, provider TEXT, created_at INTEGER, updated_at INTEGER, finished_at INTEGER);
INSERT INTO messages VALUES ('1', 'c-root', 'user', '[{"type":"text","data":{"text":"CANARY-7f3a"}}]', NULL, NULL, 1772340000, 1772340000, NULL);
INSERT INTO messages VALUES ('2', 'c-root', 'assistant', '[{"type":"text","data":{"text":"CANARY-7f3a"}}]', 'claude-sonnet-4-6', 'anthropic', 1772340001, 1772340009, 1772340009);
INSERT INTO messages VALUES ('3', 'c-root', 'assistant', '[{"type":"text","data":{"text":"CANARY-7f3a"}}]', 'claude-sonnet-4-6', 'anthropic', 1772340011, 1772340019, 1772340019);
INSERT INTO messages VALUES ('4', 'c-root', 'assistant', '[{"type":"text","data":{"text":"CANARY-7f3a"}}]', 'gpt-5-mini', 'openai', 1772340021, 1772340029, 1772340029);
