"""The gate admits what only reads the tables we name, and refuses all else with one sentence."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.storage import schema
from spanledger.storage.errors import StatementRefused
from spanledger.storage.gate import STATEMENT_CHARACTERS_MAX, admit, admitted_functions, limited
from spanledger.storage.gate import TABLES as ADMITTED

ORDINARY = [
    "SELECT 1",
    "FROM calls",
    "TABLE calls",
    "VALUES (1, 'a'), (2, 'b')",
    "DESCRIBE calls",
    "SUMMARIZE calls",
    "DESCRIBE SELECT provider, count(*) FROM calls GROUP BY ALL",
    "select provider, sum(cost_usd) as usd from calls group by provider order by usd desc limit 10",
    "SELECT CALLS.provider FROM Calls",
    'SELECT "provider" FROM "calls"',
    "SELECT count(*), count(DISTINCT session_id), sum(cost_usd) FILTER (WHERE provider = 'openai') FROM calls",
    "SELECT date_trunc('day', started_at AT TIME ZONE 'Europe/Vienna') d, sum(output_tokens) FROM calls GROUP BY d",
    "SELECT extract(hour FROM started_at), date_part('dow', started_at), strftime(started_at, '%Y-%m') FROM calls",
    "SELECT * FROM calls WHERE started_at >= now() - INTERVAL 7 DAY AND started_at < TIMESTAMPTZ '2030-01-01 00:00Z'",
    "SELECT current_date, current_timestamp, today()",
    "SELECT a.call_id FROM calls a JOIN calls b USING (trace_id) LEFT JOIN calls c ON c.span_id = b.parent_span_id",
    "SELECT a.call_id FROM calls a ASOF JOIN calls b ON a.trace_id = b.trace_id AND a.started_at >= b.started_at",
    "SELECT a.call_id FROM calls a SEMI JOIN calls b USING (trace_id)",
    "SELECT a.call_id FROM calls a NATURAL JOIN calls b CROSS JOIN calls c POSITIONAL JOIN calls d",
    "WITH days AS (SELECT 1 AS a), b AS (SELECT * FROM days) SELECT * FROM b JOIN days USING (a)",
    "WITH calls AS (SELECT * FROM calls WHERE cost_usd > 1) SELECT count(*) FROM calls",
    "WITH Größe AS MATERIALIZED (SELECT 1 a) SELECT * FROM Größe",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t",
    "WITH RECURSIVE t(n, m) USING KEY (n) AS (SELECT 1, 2 UNION SELECT n + 1, m FROM t WHERE n < 5) SELECT * FROM t",
    "WITH a AS (SELECT 1 x) (SELECT x FROM a UNION ALL SELECT x FROM a) ORDER BY x LIMIT 3",
    "WITH a AS (SELECT 1 x) SELECT x FROM a ORDER BY x LIMIT (SELECT max(x) FROM a)",
    "SELECT 1 a UNION SELECT 2 INTERSECT SELECT 2 EXCEPT SELECT 3",
    "SELECT 1 a UNION ALL BY NAME SELECT 2 b",
    "SELECT provider, lag(cost_usd, 1, 0) OVER w, row_number() OVER (PARTITION BY provider ORDER BY started_at) "
    "FROM calls WINDOW w AS (ORDER BY started_at ROWS BETWEEN 3 PRECEDING AND CURRENT ROW EXCLUDE TIES)",
    "SELECT *, rank() OVER (ORDER BY cost_usd DESC NULLS LAST) r FROM calls QUALIFY r <= 3",
    "SELECT provider, request_model, grouping(provider), sum(cost_usd) FROM calls "
    "GROUP BY GROUPING SETS ((provider, request_model), (provider), ()) HAVING count(*) > 0",
    "SELECT provider, count(*) FROM calls GROUP BY CUBE (provider, service_name)",
    "SELECT provider FROM calls GROUP BY ROLLUP (provider) ORDER BY ALL",
    "SELECT DISTINCT ON (provider) provider, call_id FROM calls ORDER BY provider, cost_usd DESC LIMIT 10%",
    "SELECT * FROM calls TABLESAMPLE reservoir(10 ROWS)",
    "SELECT * FROM calls USING SAMPLE 5% (bernoulli)",
    "SELECT * EXCLUDE (attributes) REPLACE (upper(provider) AS provider) RENAME (team AS squad) FROM calls",
    "SELECT max(COLUMNS('.*_tokens')) FROM calls",
    "SELECT COLUMNS(lambda c: c LIKE '%_usd') FROM calls",
    "SELECT list_transform([1, 2], lambda x: x + 1), [x * 2 FOR x IN [1, 2, 3] IF x > 1]",
    "SELECT {'a': 1, 'b': [1, 2]}.b[1:2], MAP {'k': 1}['k'], struct_pack(x := 1), row(1, 2), [1, 2][1]",
    "SELECT source, count(*) FROM (SELECT unnest(string_split(sources, ',')) AS source FROM calls) GROUP BY source",
    "SELECT attributes ->> 'gen_ai.agent.id', json_extract(attributes, '$.a'), attributes::JSON -> 'x' FROM calls",
    "SELECT u.k FROM calls, unnest(json_keys(attributes)) AS u(k)",
    "SELECT d FROM generate_series(TIMESTAMP '2026-01-01', TIMESTAMP '2026-02-01', INTERVAL 1 DAY) AS t(d)",
    "SELECT r.a, g.g FROM (SELECT min(started_at) a, max(started_at) b FROM calls) r, "
    "LATERAL generate_series(r.a, r.b, INTERVAL 1 DAY) AS g(g)",
    "SELECT count(*) FROM range(1000000)",
    "SELECT list_sum(range(100)), repeat('█', 20), lpad(provider, 20, ' '), rpad('a', 5, '.') FROM calls",
    "SELECT bar(cost_usd::DOUBLE, 0, 10, 40), format('{:,} of {}', 5, provider), printf('%5.2f', 1.5) FROM calls",
    "SELECT CASE WHEN cost_usd IS NULL THEN 'unpriced' ELSE price_status END, coalesce(team, '-'), nullif(team, ''), "
    "ifnull(team, 'x'), if(partial, 1, 2), TRY(1 / 0), TRY_CAST('x' AS INTEGER), cost_usd::DECIMAL(18, 2) FROM calls",
    "SELECT * FROM calls WHERE provider IN ('a', 'b') AND request_model NOT ILIKE 'gpt%' AND team SIMILAR TO 'a|b' "
    "AND input_tokens BETWEEN 1 AND 5 AND service_tier IS DISTINCT FROM 'x' AND user_id ~ 'a+' "
    "AND team NOT LIKE 'a#%' ESCAPE '#' AND trim(BOTH 'x' FROM team) = substring(team FROM 1 FOR 2) "
    "AND position('a' IN team) > 0",
    "SELECT * FROM calls c WHERE EXISTS (SELECT 1 FROM calls d WHERE d.trace_id = c.trace_id)"
    " AND cost_usd > ALL (SELECT 0) AND provider = ANY (SELECT provider FROM calls) AND 1 = ANY ([1, 2])",
    "SELECT quantile_cont(time_to_first_chunk_s, [0.5, 0.95]), arg_max(call_id, cost_usd), mode(provider), "
    "histogram(provider), string_agg(provider, ',' ORDER BY provider), approx_count_distinct(user_id) FROM calls",
    "FROM calls PIVOT (sum(cost_usd) FOR provider IN ('openai', 'anthropic') GROUP BY service_name)",
    "FROM (SELECT input_tokens, output_tokens FROM calls) UNPIVOT (tokens FOR kind IN (input_tokens, output_tokens))",
    "SELECT team COLLATE NOCASE FROM calls ORDER BY 1 DESC NULLS FIRST OFFSET 0",
    "SELECT provider /* from '/etc/passwd' */ FROM calls -- ; DROP TABLE calls",
    "SELECT $$read_text('/etc/passwd'); $$, 'it''s', E'a\\n', \"provider\" FROM calls;",
    ";; SELECT 1 ; ; -- done",
    "SELECT calls FROM calls",
    "SELECT 1::HUGEINT, 1.5::DOUBLE, x::VARCHAR[], {'a': 1}::STRUCT(a BIGINT), 'x'::ENUM('x') FROM (SELECT [1] x)",
]

TABLES = f"the tables are {', '.join(sorted(ADMITTED))}"

REFUSED = {
    # files
    "SELECT * FROM '/etc/passwd'": f'Files cannot be read ("/etc/passwd"): {TABLES}.',
    'SELECT * FROM "x.parquet"': f'Files cannot be read ("x.parquet"): {TABLES}.',
    "FROM 'ledger.duckdb'": "Files cannot be read",
    "WITH a AS (SELECT * FROM 'x.csv') SELECT * FROM a": "Files cannot be read",
    "SELECT (SELECT a FROM 'x.json')": "Files cannot be read",
    "SELECT 1 ORDER BY (SELECT a FROM 'x.json')": "Files cannot be read",
    "SELECT 1 LIMIT (SELECT a FROM 'x.json')": "Files cannot be read",
    "SELECT 1 OFFSET (SELECT a FROM 'x.json')": "Files cannot be read",
    "SELECT sum(1) FILTER (WHERE EXISTS (FROM 'x.json'))": "Files cannot be read",
    "SELECT sum(1) OVER (ORDER BY (SELECT a FROM 'x.json'))": "Files cannot be read",
    "SELECT 1 GROUP BY (SELECT a FROM 'x.json')": "Files cannot be read",
    "SELECT 1 HAVING (SELECT a FROM 'x.json')": "Files cannot be read",
    "SELECT 1 QUALIFY (SELECT a FROM 'x.json')": "Files cannot be read",
    "SELECT DISTINCT ON ((SELECT a FROM 'x.json')) 1": "Files cannot be read",
    "SELECT * REPLACE ((SELECT a FROM 'x.json') AS team) FROM calls": "Files cannot be read",
    "SELECT list_transform([1], lambda x: (SELECT a FROM 'x.json'))": "Files cannot be read",
    "SELECT CASE WHEN 1 = 1 THEN (SELECT a FROM 'x.json') END": "Files cannot be read",
    "SELECT 1 IN (SELECT a FROM 'x.json')": "Files cannot be read",
    "VALUES ((SELECT a FROM 'x.json'))": "Files cannot be read",
    "FROM calls a JOIN calls b ON (SELECT a FROM 'x.json')": "Files cannot be read",
    "FROM range((SELECT a FROM 'x.json'))": "Files cannot be read",
    "SELECT 1 UNION SELECT 2 FROM 'x.json'": "Files cannot be read",
    "FROM 'x.json' TABLESAMPLE 10%": "Files cannot be read",
    "FROM 'x.json' PIVOT (sum(a) FOR b IN (1))": "Files cannot be read",
    "FROM calls PIVOT (sum((SELECT a FROM 'x.json')) FOR provider IN ('a'))": "Files cannot be read",
    "FROM 'x.json' UNPIVOT (a FOR b IN (c))": "Files cannot be read",
    "DESCRIBE '/etc/passwd'": "Files cannot be read",
    "SUMMARIZE 'x.parquet'": "Files cannot be read",
    "FROM (DESCRIBE FROM 'x.parquet')": "Files cannot be read",
    "TABLE 'x.parquet'": "Files cannot be read",
    "WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT * FROM 'x.json', t) FROM t": "Files cannot be read",
    # a CTE of that name elsewhere does not make it a table
    "SELECT * FROM (WITH \"/etc/passwd\" AS (SELECT 1) SELECT 1), '/etc/passwd'": "may only hold letters",
    "SELECT * FROM (WITH call_facts AS (SELECT 1) FROM call_facts), call_facts": 'There is no table "call_facts"',
    "WITH call_facts AS (SELECT * FROM call_facts) FROM call_facts": 'There is no table "call_facts"',
    "WITH RECURSIVE call_facts AS (SELECT * FROM call_facts) FROM call_facts": 'There is no table "call_facts"',
    "WITH RECURSIVE t AS (FROM t UNION ALL FROM t) FROM t": 'There is no table "t"',
    "WITH a AS (FROM b), b AS (SELECT 1) FROM a": 'There is no table "b"',
    "(WITH origins AS (SELECT 1) FROM origins) UNION FROM origins": 'There is no table "origins"',
    "SELECT (WITH models AS (SELECT 1) FROM models), m FROM models m": 'There is no table "models"',
    # Kelvin's sign: Python's lower case of it is a k, DuckDB's is not
    "WITH \N{KELVIN SIGN} AS (SELECT 1) FROM k": 'There is no table "k"',
    # the tables beneath the view, other schemas, other catalogues
    "FROM call_facts": f'There is no table "call_facts": {TABLES}.',
    'FROM "Call_Facts"': 'There is no table "Call_Facts"',
    "FROM main.calls": f'The name "main.calls" is not allowed: write tables without a schema; {TABLES}.',
    "FROM ledger.main.calls": 'The name "ledger.main.calls" is not allowed',
    "FROM information_schema.tables": "write tables without a schema",
    "FROM system.information_schema.tables": "write tables without a schema",
    "FROM pg_catalog.pg_tables": "write tables without a schema",
    "FROM sqlite_master": 'There is no table "sqlite_master"',
    "FROM duckdb_settings": 'There is no table "duckdb_settings"',
    "FROM calls AT (VERSION => 1)": "AT (…) is not allowed: the ledger holds one version.",
    # Python variables (replacement scans)
    "FROM sql": 'There is no table "sql"',
    # table functions
    "FROM read_text('/etc/passwd')": f"The table function read_text is not allowed: {TABLES}, and the table "
    "functions generate_series, range, unnest.",
    "FROM calls, read_text('/etc/passwd')": "The table function read_text is not allowed",
    "FROM calls, LATERAL read_text(provider)": "The table function read_text is not allowed",
    "FROM calls JOIN glob('/etc/*') ON true": "The table function glob is not allowed",
    "FROM READ_BLOB('ledger.duckdb')": "The table function read_blob is not allowed",
    "FROM \"read_csv\"('x')": "The table function read_csv is not allowed",
    "FROM main.read_text('x')": "The table function read_text is not allowed",
    "FROM range.read_text('x')": "The table function read_text is not allowed",
    "FROM read_text.range('x')": "is not allowed",
    "FROM query('SELECT 1')": "The table function query is not allowed",
    "FROM query_table('calls')": "The table function query_table is not allowed",
    "FROM json_execute_serialized_sql('{}')": "The table function json_execute_serialized_sql is not allowed",
    "FROM duckdb_settings()": "The table function duckdb_settings is not allowed",
    "FROM duckdb_secrets()": "The table function duckdb_secrets is not allowed",
    "FROM pragma_table_info('calls')": "The table function pragma_table_info is not allowed",
    "FROM sniff_csv('x')": "The table function sniff_csv is not allowed",
    "FROM parquet_metadata('x')": "The table function parquet_metadata is not allowed",
    "FROM sql_auto_complete('SEL')": "The table function sql_auto_complete is not allowed",
    "FROM repeat('x', 2000000000)": "The table function repeat is not allowed",
    "FROM test_all_types()": "The table function test_all_types is not allowed",
    "FROM checkpoint()": "The table function checkpoint is not allowed",
    "FROM enable_logging()": "The table function enable_logging is not allowed",
    "FROM arrow_scan(1, 2, 3)": "The table function arrow_scan is not allowed",
    # scalar functions that read settings, variables, the environment, run text, wait or write
    "SELECT getvariable('a')": "The function getvariable is not allowed in a statement.",
    "SELECT GetVariable('a')": "The function getvariable is not allowed",
    "SELECT main.getvariable('a')": "The function getvariable is not allowed",
    "SELECT system.main.getvariable('a')": "is not allowed",
    "SELECT memory.sum(1)": "is not allowed",
    "SELECT 1 ORDER BY getvariable('a')": "The function getvariable is not allowed",
    "SELECT 1 GROUP BY getvariable('a')": "The function getvariable is not allowed",
    "SELECT current_setting('temp_directory')": "The function current_setting is not allowed",
    "SELECT getenv('HOME')": "The function getenv is not allowed",
    "SELECT json_serialize_plan('SELECT 1')": "The function json_serialize_plan is not allowed",
    "SELECT json_serialize_sql('SELECT 1')": "The function json_serialize_sql is not allowed",
    "SELECT json_deserialize_sql('{}')": "The function json_deserialize_sql is not allowed",
    "SELECT sleep_ms(100000)": "The function sleep_ms is not allowed",
    "SELECT pg_sleep(100)": "The function pg_sleep is not allowed",
    "SELECT write_log('x')": "The function write_log is not allowed",
    "SELECT nextval('s')": "The function nextval is not allowed",
    "SELECT setseed(0.5)": "The function setseed is not allowed",
    "SELECT current_query()": "The function current_query is not allowed",
    "SELECT list_transform(['a'], lambda x: getvariable(x))": "The function getvariable is not allowed",
    "SELECT provider.getvariable() FROM calls": "The function provider.getvariable is not allowed",
    "SELECT getvariable('a') OVER ()": "The function getvariable is not allowed",
    "SELECT read_text('/etc/passwd')": "The function read_text is not allowed",
    "SELECT no_such_function(1)": "The function no_such_function is not allowed",
    # constants that make one value huge
    "SELECT length(repeat('x', 2000000000))": "The size in repeat must be a constant number, all of them together up "
    "to 10,000.",
    "SELECT repeat(repeat('x', 1000), 1000)": "The size in repeat must be",
    "WITH a AS (SELECT repeat('x', 1000) s) SELECT repeat(s, 1000) FROM a": "The size in repeat must be",
    "SELECT repeat('x', input_tokens) FROM calls": "The size in repeat must be a constant",
    "SELECT repeat('x', 1000 * 1000 * 1000)": "The size in repeat must be a constant",
    "SELECT lpad('x', 2000000000)": "The length of lpad must be a constant number up to 10,000.",
    "SELECT rpad('x', 2000000000, 'y')": "The length of rpad must be a constant number",
    "SELECT list_resize([1], 2000000000)": "The size in list_resize must be a constant",
    "SELECT array_resize([1], 2000000000, 0)": "The size in array_resize must be a constant",
    "SELECT len(range(1000000000000))": "The size in range must be a constant number, all of them together up to "
    "10,000; use FROM range(…) instead.",
    "SELECT range(0, 1000000000)": "The size in range must be",
    "SELECT list_transform(range(10000), lambda x: range(10000))": "The size in range must be",
    "SELECT generate_series(min(started_at), now(), INTERVAL 1 MICROSECOND) FROM calls": "use FROM generate_series",
    "FROM unnest(range(1000000000))": "The size in range must be",
    "SELECT format('{:>2000000000}', 1)": "The format of format must be a constant text with widths below 10,000.",
    "SELECT format('{:>{}}', 1, 2000000000)": "The format of format must be",
    "SELECT format(provider, 1) FROM calls": "The format of format must be",
    "SELECT printf('%2000000000d', 1)": "The format of printf must be",
    "SELECT printf('%*d', 2000000000, 1)": "The format of printf must be",
    # what is no query
    "": "Exactly one statement is allowed; this text holds 0.",
    " ; -- nothing": "Exactly one statement is allowed; this text holds 0.",
    "SELECT 1; SELECT 2": "Exactly one statement is allowed; this text holds 2.",
    "SELECT 1; DROP TABLE calls": f"Only a statement that reads is allowed (SELECT, FROM, WITH, DESCRIBE); {TABLES}.",
    "COMMIT; DELETE FROM calls": "Only a statement that reads is allowed",
    "COPY calls TO 'x.csv'": "Only a statement that reads is allowed",
    "COPY (SELECT 1) TO 'ledger.duckdb' (FORMAT csv)": "Only a statement that reads is allowed",
    "EXPORT DATABASE 'x'": "Only a statement that reads is allowed",
    "IMPORT DATABASE 'x'": "Only a statement that reads is allowed",
    "ATTACH 'x.duckdb'": "Only a statement that reads is allowed",
    "DETACH ledger": "Only a statement that reads is allowed",
    "USE memory": "Only a statement that reads is allowed",
    "SET memory_limit = '100GB'": "Only a statement that reads is allowed",
    "RESET memory_limit": "Only a statement that reads is allowed",
    "SET VARIABLE a = 1": "Only a statement that reads is allowed",
    "PRAGMA database_list": "Only a statement that reads is allowed",
    "CALL pragma_version()": "Only a statement that reads is allowed",
    "CHECKPOINT": "Only a statement that reads is allowed",
    "VACUUM": "Only a statement that reads is allowed",
    "ANALYZE": "Only a statement that reads is allowed",
    "LOAD httpfs": "Only a statement that reads is allowed",
    "INSTALL httpfs": "Only a statement that reads is allowed",
    "PREPARE q AS SELECT 1": "Only a statement that reads is allowed",
    "EXECUTE q": "Only a statement that reads is allowed",
    "EXPLAIN SELECT 1": "Only a statement that reads is allowed",
    "EXPLAIN ANALYZE SELECT 1": "Only a statement that reads is allowed",
    "INSERT INTO calls SELECT 1": "Only a statement that reads is allowed",
    "UPDATE calls SET team = 'x'": "Only a statement that reads is allowed",
    "DELETE FROM calls": "Only a statement that reads is allowed",
    "DROP VIEW calls": "Only a statement that reads is allowed",
    "TRUNCATE calls": "Only a statement that reads is allowed",
    "CREATE TEMP TABLE t AS SELECT 1": "Only a statement that reads is allowed",
    "CREATE MACRO f() AS 1": "Only a statement that reads is allowed",
    "CREATE SECRET s (TYPE s3)": "Only a statement that reads is allowed",
    "BEGIN TRANSACTION": "Only a statement that reads is allowed",
    "SHOW TABLES": f"SHOW is not allowed: {TABLES}, and DESCRIBE calls lists its columns.",
    "SHOW ALL TABLES": "SHOW is not allowed",
    "SHOW DATABASES": "SHOW is not allowed",
    "FROM (SHOW ALL TABLES)": "SHOW is not allowed",
    "PIVOT calls ON provider USING sum(cost_usd)": "PIVOT is only allowed with its values listed",
    "FROM (PIVOT calls ON provider USING sum(cost_usd))": "PIVOT is only allowed with its values listed",
    "SELECT * FROM calls WHERE team = ?": "Parameters are not supported: write the value into the statement.",
    "SELECT * FROM calls WHERE team = $team": "Parameters are not supported",
    "SELEC 1": 'The statement could not be parsed: syntax error at or near "SELEC".',
    "SELECT 1) UNION (SELECT 2": "The statement could not be parsed",
    "SELECT 1 /* without an end": "The statement could not be parsed",
    "SELECT 1\0; DROP TABLE calls": "The statement contains a NUL character.",
    "SELECT '\ud800'": "The statement is not valid Unicode text.",
    "SELECT " + "1+" * 5_000 + "1": "",
    "SELECT " + "(" * 30_000 + "1" + ")" * 30_000: "",
    "SELECT " + "[" * 5_000 + "1" + "]" * 5_000: "",
    "SELECT " + "(SELECT " * 500 + "1" + ")" * 500: "",
    "SELECT 1" + " " * STATEMENT_CHARACTERS_MAX: "The statement is longer than 100,000 characters.",
}

WRITES_IN_A_CTE = [
    "WITH a AS (COPY (SELECT 1) TO 'ledger.duckdb') SELECT 1",
    "WITH a AS (DELETE FROM calls RETURNING *) SELECT * FROM a",
    "WITH a AS (INSERT INTO calls SELECT 1 RETURNING *) SELECT * FROM a",
    "WITH a AS (UPDATE calls SET team = 'x' RETURNING *) SELECT * FROM a",
    "SELECT * FROM (WITH a AS (DELETE FROM calls RETURNING *) SELECT * FROM a)",
]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    kinds = {schema.LABEL: "VARCHAR", schema.TEXT: "VARCHAR", schema.COUNT: "BIGINT", schema.HASH: "UBIGINT"}
    kinds |= {schema.TIME: "TIMESTAMPTZ", schema.MONEY: "DECIMAL(18, 12)"}
    columns = (f"{name} {kinds.get(kind, 'DOUBLE')}" for name, kind in schema.COLUMNS.items())
    with duckdb.connect(config={"enable_external_access": "false"}) as connection:
        connection.execute(f"CREATE TABLE calls ({', '.join(columns)})")
        yield connection


@pytest.mark.parametrize("statement", ORDINARY)
def test_ordinary_analytics_pass_and_run(statement: str, connection: duckdb.DuckDBPyConnection) -> None:
    admitted = admit(statement)
    connection.sql(admitted).to_arrow_table()
    assert connection.sql(limited(admitted, 10)).to_arrow_table().num_rows <= 10


@pytest.mark.parametrize(("statement", "reason"), REFUSED.items(), ids=lambda text: text[:60])
def test_what_is_not_allowed_is_said_in_one_sentence(statement: str, reason: str) -> None:
    with pytest.raises(StatementRefused) as refusal:
        admit(statement)
    message = str(refusal.value)
    assert reason in message
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize("statement", WRITES_IN_A_CTE)
def test_a_cte_that_writes_is_refused_by_the_parser_or_by_us(statement: str) -> None:
    with pytest.raises(StatementRefused, match=r"A CTE needs a SELECT|is not allowed in a statement; it may only read"):
        admit(statement)


@pytest.mark.parametrize("behind", [";", " ; ; ", "; -- ; done", ";/* ; */;\n", "-- ;"])
def test_the_statement_comes_back_without_its_semicolon(behind: str) -> None:
    assert admit(f"SELECT ';' AS a{behind}").removesuffix("--").rstrip() == "SELECT ';' AS a"


def test_the_limit_keeps_order_and_names(connection: duckdb.DuckDBPyConnection) -> None:
    rows = connection.execute(limited(admit("SELECT x, x FROM range(100000) t(x) ORDER BY x DESC; -- last"), 3))
    assert [name for name, *_ in rows.description] == ["x", "x_1"]
    assert rows.fetchall() == [(99_999, 99_999), (99_998, 99_998), (99_997, 99_997)]


def test_every_admitted_function_exists() -> None:
    rows = duckdb.execute("SELECT DISTINCT lower(function_name) FROM duckdb_functions()").fetchall()
    assert admitted_functions() - {name for (name,) in rows} <= {"if", "ifnull"}  # syntax, functions since DuckDB 2


@pytest.mark.parametrize("kind", ["table", "pragma", "table_macro"])
def test_no_function_that_makes_tables_is_admitted_as_a_scalar(kind: str) -> None:
    rows = duckdb.execute("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = ?", [kind])
    both = {name for (name,) in rows.fetchall()} & admitted_functions()
    assert both <= {"range", "generate_series", "unnest", "repeat", "histogram"}


WORDS = ["SELECT", "FROM", "calls", "call_facts", "'x.csv'", "(", ")", "read_text", ",", ";", "WITH", "a", "AS", "COPY"]
WORDS += ["TO", "--", "/*", "*/", "\n", "$$", "'", '"', "1", "*", "UNION", "getvariable", "LIMIT", "main", ".", "JOIN"]


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_whatever_is_admitted_runs_without_a_file_or_a_hidden_table(text: str) -> None:
    try:
        statement = admit(text)
        wrapped = limited(statement, 5)
    except StatementRefused:
        return
    with duckdb.connect(config={"enable_external_access": "false"}) as connection:
        connection.execute("CREATE TABLE call_facts AS SELECT 'secret' AS a; CREATE VIEW calls AS SELECT 1 AS a")
        try:
            rows = connection.execute(wrapped).fetchall()
        except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException):
            return
    assert "secret" not in str(rows)
    assert len(rows) <= 5


def test_files_of_the_machine_stay_closed_even_when_they_exist(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n")
    for text in (f"FROM '{tmp_path}/x.csv'", f'FROM "{tmp_path}/x.csv"', f"FROM read_csv('{tmp_path}/x.csv')"):
        with pytest.raises(StatementRefused):
            admit(text)
