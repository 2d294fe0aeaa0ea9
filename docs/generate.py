"""Writes the parts of the documents that the code knows better: run by `make docs`, checked by tests/test_docs.py.

A generated part stands between two comment lines, `<!-- generated: NAME -->` and `<!-- end of NAME -->`; the rest of
the page is written by hand.
"""

import ast
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pyarrow as pa

from spanledger.cli import settings
from spanledger.processors.dialects import columns as of_keys
from spanledger.processors.dialects.dialect import Dialect
from spanledger.processors.dialects.operations import BILLABLE, SAYING
from spanledger.processors.dialects.registry import FAMILIES, UNKNOWN, UNKNOWN_DETAILS
from spanledger.processors.points_metrics import METRICS
from spanledger.processors.pricing import bundled
from spanledger.processors.pricing.bundled import bundled_overlay, ship
from spanledger.processors.reading import RULES
from spanledger.storage import schema

FOLDER: Final = Path(__file__).resolve().parent

GROUPS: Final = {
    "Identity": schema.IDENTITY,
    "Time": schema.TIMES,
    "What was called": schema.WHAT,
    "Usage": schema.USAGE,
    "Money": schema.MONEY_COLUMNS,
    "Who": schema.WHO,
    "Where": schema.WHERE,
    "The rest": schema.REST,
    "Computed when read": schema.DERIVED,
}

MEANINGS: Final = {
    "started_on": "the UTC day of `started_at`; by far the fastest way to group by day",
    "call_id": "identity of the call: from its names where any is known, else from its first record",
    "tenant": "whose call it is: of the API key that sent it, or `default`",
    "trace_id": "trace the call belongs to, 32 lower-case hex digits",
    "span_id": "span of the call, 16 lower-case hex digits",
    "parent_span_id": "the span around it",
    "response_id": "the provider's id of the answer (`chatcmpl-…`, `resp_…`, `msg_…`)",
    "request_id": "the provider's id of the HTTP request (`req_…`), or a gateway's id of the call",
    "record_hash": "the record itself: hash of tenant, trace and span, or of an event's content",
    "response_hash": "hash of tenant and response id; NULL where there is none",
    "request_hash": "hash of tenant and request id; NULL where there is none",
    "context_hash": "the record of the span that an event tells of",
    "fingerprint": "hash of tenant, input and output: joins records of one call that share no name",
    "anonymous": "whether it has no name that a record of another emitter could share",
    "sources": "the emitters that saw the call, sorted, joined by commas",
    "revision": "0, and one more for every record that joined later",
    "started_at": "when the call began, UTC",
    "ended_at": "when it ended, UTC",
    "time_to_first_chunk_s": "seconds until the first piece of a streamed answer",
    "ingested_at": "when the ledger took it in, UTC",
    "operation": "`chat`, `generate_content`, `embeddings`, …",
    "provider": "`openai`, `anthropic`, `gcp.gemini`, …: the names of the semantic conventions",
    "request_model": "the model that was asked for",
    "response_model": "the model that answered, as the provider names it",
    "service_tier": "the provider's tier, where said (`default`, `flex`, `priority`, `batch`)",
    "speed": "a speed mode that changes the price, where said",
    "region": "the provider's region, where said, or where the endpoint's address tells",
    "residency": "where the answer had to be computed, where said: `us`, `eu`, …",
    "deployment_type": "the kind of an Azure deployment, where said",
    "plan": "how the call is paid for, in the emitter's words: `chatgpt`, `ApiKey`, `oauth-personal`, …",
    "gateway_cache": "`hit` where a gateway answered from its own cache",
    "stream": "`true`, `false`, or NULL: not said",
    "finish_reasons": "why the answer ended, joined by commas",
    "status": "`ok`, `error` or `unset`, as the span said",
    "error_type": "what went wrong",
    "flags": "what is odd about the call, joined by commas: `clock` (its emitters' clocks are 15 minutes apart),"
    " `constant_id` (other calls bear its id, too), and what [dialects.md](dialects.md#what-is-odd) lists",
    "input_tokens": "all of the prompt; cache reads and writes are parts of it",
    "cache_read_tokens": "part of the input that was read from the provider's cache",
    "cache_write_tokens": "part of the input that was written to the cache",
    "cache_write_5m_tokens": "part of the cache writes that lives five minutes",
    "cache_write_1h_tokens": "part of the cache writes that lives an hour",
    "output_tokens": "all of the answer, reasoning included",
    "reasoning_tokens": "part of the output that was reasoning",
    "input_audio_tokens": "part of the input that was audio",
    "cache_read_audio_tokens": "part of the cache reads that was audio",
    "output_audio_tokens": "part of the output that was audio",
    "input_image_tokens": "part of the input that was images",
    "output_image_tokens": "part of the output that was images",
    "web_searches": "searches the provider ran for the call",
    "audio_seconds": "how long the audio was, where a transcription is sold by the time",
    "usage_rule": f"how the input count was read: {', '.join(f'`{rule}`' for rule in RULES)}",
    "partial": "true when the record says itself that it does not know all of the usage",
    "cost_usd": "what the call cost, US dollars; NULL when unknown, never a guess",
    "cost_input_usd": "of it: the part of the input that no cache was involved in",
    "cost_cache_read_usd": "of it: cache reads",
    "cost_cache_write_usd": "of it: cache writes",
    "cost_output_usd": "of it: the output",
    "cost_fees_usd": "of it: searches and other things charged by the piece",
    "reported_cost_usd": "what the emitter said it cost; kept apart, never used as the cost",
    "cost_basis": "what kind of amount `cost_usd` is: `billed`, `estimated` or `api_equivalent`",
    "price_status": "`priced`, `past_verified_until` (a cost too), or why there is no cost",
    "price_id": "the entry of the price list, or the rule, that was used",
    "catalogue_id": "the version of the price list that was used",
    "price_rule": "how the model's name was found in the price list, and which conditions and rules applied",
    "user_id": "the user the call was made for",
    "session_id": "conversation or session",
    "team": "team",
    "project": "project",
    "feature": "feature of the application",
    "cost_center": "cost centre",
    "application": "application",
    "agent_name": "the agent that made the call",
    "workflow": "the workflow it was part of",
    "repository": "source repository",
    "git_branch": "branch of it",
    "api_key_id": "the Spanledger key it was sent with",
    "machine": "the machine it came from",
    "service_name": "`service.name` of the resource",
    "service_version": "`service.version`",
    "environment": "`deployment.environment.name`",
    "host_name": "`host.name`",
    "cloud_provider": "`cloud.provider`",
    "cloud_region": "`cloud.region`",
    "instance_id": "`service.instance.id`",
    "k8s_namespace": "`k8s.namespace.name`",
    "k8s_pod": "`k8s.pod.name`",
    "scope_name": "the instrumentation that made the span",
    "scope_version": "its version",
    "dialect": "how the record was read, see [dialects.md](dialects.md)",
    "sample_weight": "how many calls this one stands for where the sender sampled",
    "attributes": "a JSON object: what no column wants, content left out",
}
"""Column of `calls` → its meaning, for readers who have not seen the source."""


def sql_type(name: str, kind: pa.DataType) -> str:
    """The type that a user of SQL sees."""
    if name == "attributes":
        return "JSON"  # travels and lies as text; the view makes it JSON
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
        return "VARCHAR"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    names = {pa.int64(): "BIGINT", pa.int32(): "INTEGER", pa.uint64(): "UBIGINT", pa.float64(): "DOUBLE",
             pa.bool_(): "BOOLEAN", pa.date32(): "DATE", schema.TIME: "TIMESTAMPTZ"}  # fmt: skip
    return names[kind]


def columns() -> str:
    """The table of the columns of `calls`."""
    lines: list[str] = []
    for title, members in GROUPS.items():
        lines += [f"### {title}", "", "| column | type | meaning |", "|---|---|---|"]
        lines += [f"| `{name}` | {sql_type(name, kind)} | {MEANINGS[name]} |" for name, kind in members.items()]
        lines.append("")
    return "\n".join(lines)


def setting_meanings() -> dict[str, str]:
    """Setting → the docstring under it in the source, which is its meaning."""
    (settings_class,) = ast.parse(inspect.getsource(settings.Settings)).body
    assert isinstance(settings_class, ast.ClassDef)
    meanings = {}
    for field, text in zip(settings_class.body, settings_class.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            meanings[field.target.id] = inspect.cleandoc(str(ast.literal_eval(text.value)))
    return meanings


def setting_default(name: str) -> str:
    """A setting's default as the page shows it."""
    field = settings.Settings.model_fields[name]
    if field.default_factory is not None:
        return "see below"
    return "none" if field.default is None else f"`{str(field.default).lower()}`"


def settings_table() -> str:
    """The table of all settings."""
    lines = ["| flag | variable | in spanledger.toml | default | meaning |", "|---|---|---|---|---|"]
    for name, meaning in setting_meanings().items():
        flag, variable = f"--{name.replace('_', '-')}", f"{settings.PREFIX}{name.upper()}"
        lines.append(f"| `{flag}` | `{variable}` | `{name}` | {setting_default(name)} | {meaning} |")
    return "\n".join(lines)


def metrics_table() -> str:
    """The table of the metrics that tell of usage."""
    lines = ["| metric | sent by scopes | counts | known from |", "|---|---|---|---|"]
    for metric in METRICS:
        scopes = ", ".join(f"`{scope}{'…' if scope.endswith('.') else ''}`" for scope in metric.scopes) or "any"
        of = f", for {', '.join(metric.providers)}" if metric.providers else ""
        meant = ", ".join(f"{said} is `{kind}`" for said, kind in metric.means.items())
        counts = f"`{metric.kind}`" if metric.kind else f"by token type{': ' if meant else ''}{meant}"
        lines.append(f"| `{metric.name}` | {scopes}{of} | {counts} | {metric.source} |")
    return "\n".join(lines)


def code(names: Iterable[str]) -> str:
    """Names as code, joined by commas."""
    return ", ".join(f"`{name}`" for name in names)


def recognised_by(dialect: Dialect) -> str:
    """What gives an emitter away, in words."""
    scopes = [f"{scope}*" if scope.endswith((".", "/")) else scope for scope in dialect.scopes]
    parts = {"": scopes, "service ": dialect.services, "attribute ": dialect.marks}
    origin = " or ".join(f"{what}{code(names)}" for what, names in parts.items() if names)
    kind = {"traces": "spans", "logs": "events", None: ""}[dialect.signal]
    records = f"{kind or 'records'} {code(dialect.events)}" if dialect.events else kind
    return ": ".join(part for part in (records, origin) if part)


def reading_of(dialect: Dialect) -> str:
    """How an emitter means its counts, in words."""
    said = dialect.reading
    parts = [f"exclusive for {', '.join(sorted(said))}" if isinstance(said, frozenset) else said or "by the numbers"]
    if dialect.reasoning_beside:
        parts.append("reasoning beside the output")
    if dialect.hides_reasoning:
        parts.append("output without reasoning")
    return "; ".join(parts)


def dialect_lines(dialects: Iterable[Dialect]) -> list[str]:
    """The table of some dialects."""
    lines = ["| dialect | recognised by | input | rank | what else to know | source |", "|---|---|---|---|---|---|"]
    for one in dialects:
        named = ", ".join(f"`{name}`: {means or 'left out'}" for name, means in one.operations.items())
        known = ". ".join(said for said in (one.traps.rstrip("."), named) if said)
        rank = f"{one.rank}, {one.who_rank}"
        lines.append(f"| `{one.name}` | {recognised_by(one)} | {reading_of(one)} | {rank} | {known} | {one.source} |")
    return lines


def dialects_table() -> str:
    """All dialects, family by family."""
    lines: list[str] = []
    for title, dialects in (*FAMILIES.items(), ("Everybody else", (UNKNOWN_DETAILS, UNKNOWN))):
        lines += [f"### {title}", "", *dialect_lines(dialects), ""]
    return "\n".join(lines)


def operations_table() -> str:
    """Which keys say an operation, and what their values mean."""
    lines = [f"These are billed, and calls: {code(sorted(BILLABLE))}.", "", "| key | value → operation |", "|---|---|"]
    for key, values in SAYING.items():
        words = ", ".join(f"{value} → {means or 'left out'}" for value, means in values.items())
        lines.append(f"| `{key}` | {words} |")
    return "\n".join(lines)


def keys_table() -> str:
    """Which keys fill which column."""
    lines = ["| column | keys, in order of precedence |", "|---|---|"]
    lines += [f"| `{column}` | {code(keys)} |" for column, keys in of_keys.OF_CALLS.items()]
    return "\n".join(lines)


def differences_table() -> str:
    """The table of what the overlay corrects in the price data, and of what places add."""
    overlay = bundled_overlay()
    corrected: dict[tuple[str, str, str], list[str]] = {}
    for one in overlay.corrections:
        corrected.setdefault((one.why, one.page, str(one.checked_on)), []).extend(one.models)
    for place in overlay.conditions:
        models = (f"{place.provider}: {model}" for model in place.models)
        corrected.setdefault((place.why, place.page, str(place.checked_on)), []).extend(models)
    lines = ["| models | why | source | checked on |", "|---|---|---|---|"]
    lines += [
        f"| {code(dict.fromkeys(models))} | {why} | [page]({page}) | {day} |"
        for (why, page, day), models in corrected.items()
    ]
    return "\n".join(lines)


PARTS: Final = {
    "dialects": ("dialects.md", dialects_table),
    "operations": ("dialects.md", operations_table),
    "keys": ("dialects.md", keys_table),
    "columns": ("sql.md", columns),
    "settings": ("configuration.md", settings_table),
    "metrics": ("reconcile.md", metrics_table),
    "differences": ("prices.md", differences_table),
}
"""Name of a generated part → its page and what writes it."""


def with_part(page: str, name: str, text: str) -> str:
    """The page with the part between its two comment lines replaced."""
    begin, end = f"<!-- generated: {name} -->", f"<!-- end of {name} -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        raise SystemExit(f"The page has no single place for the part {name!r}: {begin} … {end}")
    before, rest = page.split(begin)
    after = rest.split(end)[1]
    return f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}"


def main() -> None:
    """Rewrite every generated part, and the compiled price list that comes with the program."""
    ship(Path(bundled.__file__).parent)
    for name, (file_name, write) in PARTS.items():
        path = FOLDER / file_name
        page = path.read_text(encoding="utf-8")
        renewed = with_part(page, name, write())
        if renewed != page:
            path.write_text(renewed, encoding="utf-8")
            sys.stdout.write(f"docs/{file_name}: {name} renewed\n")


if __name__ == "__main__":
    main()
