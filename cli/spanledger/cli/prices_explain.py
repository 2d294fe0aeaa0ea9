"""`spanledger prices explain`: why a call costs what it does, with the arithmetic, the row and its source."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from spanledger.cli.failures import Failed, WrongUse
from spanledger.cli.price_access import Data, Url, prices

if TYPE_CHECKING:
    from spanledger.cli.price_source import Prices
    from spanledger.processors.pricing.explain import Explanation
    from spanledger.storage.schema import Batch

CALL_IDS: Final = 1 << 64


def explain(
    call_id: Annotated[
        str | None, typer.Argument(metavar="[CALL_ID]", help="A call of the ledger, by its call_id or response_id.")
    ] = None,
    provider: Annotated[str | None, typer.Option(help="Of a call that you imagine: openai, anthropic, …")] = None,
    model: Annotated[str | None, typer.Option(help="Its model.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="WHEN", help="When it began: 2026-01-31 or 2026-01-31T12:00, UTC.")
    ] = None,
    input_tokens: Annotated[int | None, typer.Option("--input", min=0, help="All of its prompt, in tokens.")] = None,
    cache_read: Annotated[int | None, typer.Option(min=0, help="Of the prompt, what was read from a cache.")] = None,
    cache_write: Annotated[int | None, typer.Option(min=0, help="Of the prompt, what was written to one.")] = None,
    output_tokens: Annotated[int | None, typer.Option("--output", min=0, help="All of its answer, in tokens.")] = None,
    reasoning: Annotated[int | None, typer.Option(min=0, help="Of the answer, what was reasoning.")] = None,
    web_searches: Annotated[int | None, typer.Option(min=0, help="Searches that the provider made.")] = None,
    tier: Annotated[str | None, typer.Option(help="Its service tier: batch, flex, priority, …")] = None,
    speed: Annotated[str | None, typer.Option(help="Its speed: fast.")] = None,
    region: Annotated[str | None, typer.Option(help="The provider's region.")] = None,
    residency: Annotated[str | None, typer.Option(help="Where it had to be computed: us, eu, …")] = None,
    deployment: Annotated[str | None, typer.Option(help="Azure: GlobalStandard, DataZoneStandard, …")] = None,
    tenant: Annotated[str | None, typer.Option(help="Whose call it is, for rules of a tenant.")] = None,
    catalogue: Annotated[
        str | None, typer.Option(metavar="ID", help="By this version of the price list, not by the one in force.")
    ] = None,
    cases: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Calls that you imagine, a JSON object on each line.")
    ] = None,
    data: Data = None,
    url: Url = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; with --cases an object on each line. Amounts are exact.")
    ] = False,
) -> None:
    """Show how the cost of a call comes about: a call of the ledger, one that you imagine, or a file of them.

    A stored call is explained by the price list that priced it and by today's rules; if that comes to something else
    than what is stored, it says so.
    """
    imagined = {
        "provider": provider, "request_model": model, "input_tokens": input_tokens, "cache_read_tokens": cache_read,
        "cache_write_tokens": cache_write, "output_tokens": output_tokens, "reasoning_tokens": reasoning,
        "web_searches": web_searches, "service_tier": tier, "speed": speed, "region": region, "residency": residency,
        "deployment_type": deployment, "tenant": tenant,
    }  # fmt: skip
    given = {name: value for name, value in imagined.items() if value is not None}
    if [call_id is not None, cases is not None, bool(given)].count(True) != 1:
        raise WrongUse(
            "Name a call by its id, or imagine one with --provider and --model, or give a file with --cases."
        )
    with prices(data, url) as known:
        if cases is not None:
            _explain_cases(known, cases, catalogue, as_json=as_json)
        elif call_id is not None:
            _explain_stored(known, call_id, catalogue, as_json=as_json)
        else:
            if provider is None or model is None:
                raise WrongUse("A call that you imagine needs --provider and --model.")
            _explain_imagined(known, given | {"started_at": _moment(at)}, catalogue, as_json=as_json)


def _explain_imagined(known: "Prices", call: Mapping[str, Any], catalogue: str | None, *, as_json: bool) -> None:
    from spanledger.processors.pricing.explain import explain as explained

    (one,) = explained(_batch(call), known.book(catalogue))
    if as_json:
        typer.echo(json.dumps(one.to_json(), ensure_ascii=False, indent=2))
    else:
        _show(one)


def _explain_stored(known: "Prices", call_id: str, catalogue: str | None, *, as_json: bool) -> None:
    from spanledger.processors.pricing.explain import explain as explained

    stored = _stored(known, call_id)
    priced_by = stored["catalogue_id"]
    chosen = catalogue or (str(priced_by) if priced_by is not None else None)
    (one,) = explained(_batch(stored), known.book(chosen))
    cost = None if stored["cost_usd"] is None else Decimal(str(stored["cost_usd"]))
    if as_json:
        told = {"call_id": str(stored["call_id"]), "stored_cost_usd": stored["cost_usd"]} | one.to_json()
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    typer.echo(f"Call {stored['call_id']} of {stored['started_at']}, tenant {stored['tenant']}.")
    _show(one)
    if cost != one.cost_usd:
        was = "without a cost" if cost is None else f"at ${_plain(cost)}"
        typer.echo(
            f"It is stored {was}: the rules or the price list have changed since. `spanledger reprice` prices it again."
        )


def _explain_cases(known: "Prices", path: Path, catalogue: str | None, *, as_json: bool) -> None:
    from spanledger.processors.pricing.cases import CasesError, read_cases
    from spanledger.processors.pricing.explain import explain as explained

    book = known.book(catalogue)
    try:
        with path.open(encoding="utf-8") as lines:
            found = read_cases(lines, book.catalogue, str(path))
    except CasesError as error:
        raise Failed(f"{error}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    for name, one in zip(found.ids, explained(found.batch, found.book(book)), strict=True):
        if as_json:
            typer.echo(json.dumps({"id": name} | one.to_json(), ensure_ascii=False))
        else:
            cost = one.price_status if one.cost_usd is None else f"${_plain(one.cost_usd)}"
            typer.echo(f"{name}  {cost}  {one.rule or ''}".rstrip())


def _stored(known: "Prices", call_id: str) -> Mapping[str, Any]:
    """The row of a call. Raises Failed."""
    if known.answering is None:
        raise Failed(
            f"There is no ledger in {known.folder}, so there is no call to explain: name its folder with --data."
        )
    quoted = call_id.replace("'", "''")
    by_id = f"call_id = {call_id}" if call_id.isascii() and call_id.isdigit() and int(call_id) < CALL_IDS else "false"
    rows = known.rows(f"select * exclude (attributes) from calls where {by_id} or response_id = '{quoted}'")
    if len(rows) != 1:
        raise Failed(
            f"{len(rows) or 'No'} calls have the id {call_id[:60]!r}: "
            '`spanledger sql "select call_id, started_at, cost_usd from calls …"` finds the one.'
        )
    return rows[0]


def _batch(call: Mapping[str, Any]) -> "Batch":
    """One call as a batch, from its columns as JSON has them."""
    import pyarrow as pa

    from spanledger.storage.schema import CALLS, LABEL, TIME

    columns = []
    for column in CALLS:
        value = call.get(column.name)
        if value is None:
            made = pa.nulls(1, column.type)
        elif column.type == LABEL:
            made = pa.array([value], pa.string()).dictionary_encode()
        elif column.type == TIME:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
            made = pa.array([moment], TIME)
        elif pa.types.is_decimal(column.type):
            made = pa.array([Decimal(str(value))], column.type)
        elif pa.types.is_integer(column.type):
            made = pa.array([int(value)], column.type)
        else:
            made = pa.array([value], column.type)
        columns.append(made)
    return pa.table(columns, schema=CALLS)


def _moment(text: str | None) -> datetime:
    try:
        moment = datetime.fromisoformat(text) if text else datetime.now(UTC)
    except ValueError as error:
        raise WrongUse(f"--at {text!r} is no time: write it like 2026-01-31 or 2026-01-31T12:00.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _show(one: "Explanation") -> None:
    for line in _told(one):
        typer.echo(line)


def _told(one: "Explanation") -> Iterator[str]:
    names = [name for name in (one.provider, one.response_model or one.request_model) if name]
    yield f"{'/'.join(names) or 'A call without names'}: {one.price_status}"
    if one.model_key:
        yield f"  is     {one.model_key}{'' if one.variant == 'standard' else f', {one.variant}'}"
    elif one.tried:
        yield f"  tried  {'; '.join(one.tried)}"
    if one.rule:
        yield f"  rule   {one.rule}"
    if one.source is not None:
        yield f"  price  {one.source.price_id}"
        for name, said in _source(one).items():
            yield f"         {name} {said}"
    yield f"  list   {one.catalogue_id}"
    for line in one.arithmetic():
        yield f"    {line}"
    if one.cost_basis:
        yield f"  basis  {one.cost_basis}"
    if one.reported_cost_usd is not None:
        yield f"  its emitter reported ${_plain(one.reported_cost_usd)}"


def _source(one: "Explanation") -> dict[str, str]:
    source = one.source
    assert source is not None
    told = {
        "from": source.valid_from,
        "on": source.weekdays,
        "from the hour (UTC)": source.from_time_utc,
        "for prompts over": None if source.prompt_above is None else f"{source.prompt_above:,} tokens",
        "promised until": source.verified_until,
        "page": source.page,
        "checked on": source.checked_on,
        "since": source.why,
    }
    return {name: str(said) for name, said in told.items() if said is not None}


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
