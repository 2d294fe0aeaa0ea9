"""The allow-list for users' SQL: one statement that reads the tables we name with functions we know, or a refusal.

DuckDB's own protections do not hold: a read-only connection without external access still overwrites or reads the
ledger's file by `COPY … TO` and `read_blob` (ARCHITECTURE.md, "Users' SQL"). So the statement is parsed by DuckDB on
a connection of its own, and its whole parse tree is walked: only kinds of nodes, tables and functions that are known
to be harmless pass. What is new in a later DuckDB is refused until it is listed.

An admitted statement can still be expensive: constants that make one value huge are bounded (growth.py), the rest is
for the reader's time limit.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeAlias

import duckdb

from spanledger.storage.errors import StatementRefused
from spanledger.storage.growth import Growth

TABLES: Final = frozenset(
    {"calls", "catalogue_contents", "catalogues", "observations", "price_rules", "prices", "quota_samples"}
    | {"rejections", "reprices", "spans", "usage_points"}
)
"""What a statement may read; the tables beneath the views are nobody's interface."""

TABLE_FUNCTIONS: Final = frozenset({"range", "generate_series", "unnest"})

STATEMENT_CHARACTERS_MAX: Final = 100_000
"""Longer than any statement a person or a dashboard writes; bounds the work of parsing."""

_SEMICOLONS_TRIED_MAX: Final = 10
"""Each costs a parse; more only stand where somebody tries something."""

_PARSER_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "threads": "1",
}
_QUERIES: Final = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"})
_TABLE_REFERENCES: Final = frozenset(
    {"EMPTY", "BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "PIVOT", "SHOW_REF"}
)
_CLAUSES: Final = frozenset(
    {"ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"}
    | {"ORDER_DEFAULT", "ASCENDING", "DESCENDING"}
)
_TYPE_DETAILS: Final = frozenset(
    f"{kind}_TYPE_INFO" for kind in ("DECIMAL", "LIST", "ARRAY", "STRUCT", "UNBOUND", "STRING", "GENERIC", "ENUM")
)
_KINDS: Final = _QUERIES | _TABLE_REFERENCES | _CLAUSES | _TYPE_DETAILS
_EXPRESSIONS: Final = frozenset(
    {"BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA"}
    | {"LAMBDA_REF", "OPERATOR", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW"}
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_PLAIN_NAME: Final = re.compile(r"\w+")
_READING: Final = "the tables are " + ", ".join(sorted(TABLES))

Node: TypeAlias = Mapping[str, Any]
"""A node of the parse tree as `json_serialize_sql` writes it."""


def admit(sql: str) -> str:
    """Return the single statement in `sql`, without its semicolon, if it may run on a ledger.

    Raises `StatementRefused` with one sentence saying what is not allowed.
    """
    sql = sql.lstrip("; \t\r\n")
    if len(sql) > STATEMENT_CHARACTERS_MAX:
        raise StatementRefused(f"The statement is longer than {STATEMENT_CHARACTERS_MAX:,} characters.")
    if "\0" in sql:
        raise StatementRefused("The statement contains a NUL character.")
    if _SURROGATE.search(sql):
        raise StatementRefused("The statement is not valid Unicode text.")
    try:
        with _parser().cursor() as parser:
            trees = _parse(parser, sql)
            if len(trees) != 1:
                raise StatementRefused(f"Exactly one statement is allowed; this text holds {len(trees)}.")
            _Walk().check(trees[0], frozenset())
            return _without_semicolon(parser, sql, trees)
    except RecursionError as error:
        raise StatementRefused("The statement is nested too deeply.") from error
    except duckdb.Error as error:
        raise StatementRefused(f"The statement could not be parsed: {_first_line(str(error))}") from error


def limited(statement: str, rows_max: int) -> str:
    """Wrap a statement so that it returns at most `rows_max` rows; the order and the columns stay.

    The wrapped text passes the gate itself, so that nothing in the statement can mean something else inside it.
    """
    return admit(f"FROM (\n{statement}\n) LIMIT {rows_max:d}")


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """An empty database of its own, which only ever parses: making one takes 15 ms, a cursor nothing."""
    return duckdb.connect(":memory:", config=_PARSER_CONFIG)


def _parse(parser: duckdb.DuckDBPyConnection, sql: str) -> list[Node]:
    row = parser.execute("SELECT json_serialize_sql(?::VARCHAR)::VARCHAR", [sql]).fetchone()
    assert row is not None
    answer = json.loads(row[0])
    if not answer["error"]:
        statements: list[Node] = answer["statements"]
        return statements
    if answer["error_type"] == "parser":
        raise StatementRefused(f"The statement could not be parsed: {_first_line(answer['error_message'])}")
    if re.search(r"\bpivot\b", sql, re.IGNORECASE):
        raise StatementRefused(
            "PIVOT is only allowed with its values listed: FROM calls PIVOT (sum(cost_usd) FOR provider IN ('openai'))."
        )
    raise StatementRefused(f"Only a statement that reads is allowed (SELECT, FROM, WITH, DESCRIBE); {_READING}.")


def _without_semicolon(parser: duckdb.DuckDBPyConnection, sql: str, trees: list[Node]) -> str:
    """Cut what stands behind the statement: the shortest text up to a semicolon that has the same parse tree."""
    shortest = end = len(sql)
    for _ in range(_SEMICOLONS_TRIED_MAX):
        end = sql.rfind(";", 0, end)
        if end < 0:
            break
        try:
            same = _parse(parser, sql[:end]) == trees
        except StatementRefused:  # that one stood inside a text or a comment
            same = False
        if same:
            shortest = end
    return sql[:shortest].rstrip()


def _first_line(message: str) -> str:
    line = message.strip().partition("\n")[0].rstrip(".! ")
    return f"{line}."


class _Walk:
    """One walk over a parse tree. Raises `StatementRefused` at the first thing that is not allowed."""

    def __init__(self) -> None:
        self._growth = Growth()

    def check(self, value: object, names: frozenset[str]) -> None:
        """Check a part of the tree; `names` are the CTEs visible there."""
        if isinstance(value, list):
            for item in value:
                self.check(item, names)
        elif isinstance(value, dict):
            if "class" in value:
                self._expression(value, names)
            elif isinstance(value.get("type"), str):
                self._node(value, names)
            else:
                self._children(value, names)

    def _children(self, node: Node, names: frozenset[str]) -> None:
        for child in node.values():
            self.check(child, names)

    def _node(self, node: Node, names: frozenset[str]) -> None:
        kind = node["type"]
        if kind not in _KINDS:
            raise StatementRefused(f"{_spoken(kind)} is not allowed in a statement; it may only read.")
        if kind in _QUERIES:
            self._query(node, names)
        elif kind == "TABLE_FUNCTION":
            self._table_function(node, names)
        else:
            if kind == "BASE_TABLE":
                _check_table(node, names)
            elif kind == "SHOW_REF" and (node["show_type"] not in ("DESCRIBE", "SUMMARY") or not node.get("query")):
                raise StatementRefused(f"SHOW is not allowed: {_READING}, and DESCRIBE calls lists its columns.")
            self._children(node, names)

    def _query(self, node: Node, names: frozenset[str]) -> None:
        """A CTE is visible to the ones after it and to its query, and to itself only on a recursion's right side."""
        for entry in node["cte_map"]["map"]:
            self.check(entry["value"], names)
            names |= {_cte_name(entry["key"])}
        recursive = node["type"] == "RECURSIVE_CTE_NODE"
        for part, child in node.items():
            if part == "right" and recursive:
                self.check(child, names | {_cte_name(node["cte_name"])})
            elif part != "cte_map":
                self.check(child, names)

    def _table_function(self, node: Node, names: frozenset[str]) -> None:
        function = node["function"]
        if function.get("class") != "FUNCTION" or _function_name(function) not in TABLE_FUNCTIONS:
            name = str(function.get("function_name", "this"))
            raise StatementRefused(
                f"The table function {name[:60]} is not allowed: {_READING}, "
                f"and the table functions {', '.join(sorted(TABLE_FUNCTIONS))}."
            )
        # Rows of range() in FROM are made one by one, and the time limit holds: nothing to bound.
        self._children(function, names)
        for part, child in node.items():
            if part != "function":
                self.check(child, names)

    def _expression(self, node: Node, names: frozenset[str]) -> None:
        kind = node["class"]
        if kind == "PARAMETER":
            raise StatementRefused("Parameters are not supported: write the value into the statement.")
        if kind not in _EXPRESSIONS:
            raise StatementRefused(f"{_spoken(kind)} is not allowed in a statement; it may only read.")
        if kind == "CONSTANT":
            return
        if kind in ("FUNCTION", "WINDOW"):
            name = _function_name(node)
            if name not in admitted_functions():
                raise StatementRefused(f"The function {name[:60]} is not allowed in a statement.")
            self._growth.check(name, node)
        self._children(node, names)


@cache
def admitted_functions() -> frozenset[str]:
    """Names of the functions that a statement may call: those of `admitted_functions.txt`, in lower case."""
    text = (files("spanledger.storage") / "admitted_functions.txt").read_text("utf-8")
    return frozenset(name for line in text.splitlines() if not line.startswith("#") for name in line.split())


def _check_table(node: Node, names: frozenset[str]) -> None:
    path = _path(node, "table_name")
    name = ".".join(path)
    if node.get("at_clause"):
        raise StatementRefused("AT (…) is not allowed: the ledger holds one version.")
    if len(path) != 1:
        raise StatementRefused(f'The name "{name[:60]}" is not allowed: write tables without a schema; {_READING}.')
    if _PLAIN_NAME.fullmatch(name) is None:
        raise StatementRefused(f'Files cannot be read ("{name[:60]}"): {_READING}.')
    if _folded(name) not in TABLES | names:
        raise StatementRefused(f'There is no table "{name[:60]}": {_READING}.')


def _cte_name(name: str) -> str:
    if _PLAIN_NAME.fullmatch(name) is None:
        raise StatementRefused(f'The name "{name[:60]}" of a CTE may only hold letters, digits and underscores.')
    return _folded(name)


def _folded(name: str) -> str:
    """A name as DuckDB compares it. Only ASCII is folded: "K" (Kelvin) is no "k" to DuckDB, but to Python."""
    return name.lower() if name.isascii() else name


def _path(node: Node, name_key: str) -> list[str]:
    """A qualified name, outermost part first: one field since DuckDB 2, three before."""
    if "qualified_name" in node:
        return [str(part) for part in node["qualified_name"]["path"]]
    parts = (node.get("catalog_name", node.get("catalog")), node.get("schema_name", node.get("schema")), node[name_key])
    return [str(part) for part in parts if part]


def _function_name(node: Node) -> str:
    """The function's name; with its schema, which no admitted name has, unless that is the built-in one."""
    path = _path(node, "function_name")
    return _folded(".".join(path[1:] if path[:-1] == ["main"] else path))


def _spoken(kind: str) -> str:
    """DuckDB's name of a node in words: COPY_QUERY_NODE is COPY."""
    return kind.removesuffix("_NODE").removesuffix("_QUERY").replace("_", " ")
