"""What is posted at a JSON door instead of replayed from a log: a body in, requests of OTLP and an answer out."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias, cast

import orjson

from spanledger.instrumentation.replay.otlp_spans import Export, Outgoing, is_sane
from spanledger.instrumentation.replay.records import Record
from spanledger.instrumentation.replay.source import Source

EXPORT_BYTES: Final = 4 << 20
"""About the size of one request; a ledger takes many such at a time, and none waits long behind one."""
ERRORS_MAX: Final = 20
"""Faulty records that an answer names; how many there are it says of all."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A body, or the `parts` of a multipart one, and whose it is.

    `headers` have lower-case names. `keyed`: a key has shown the tenant. `at_ns`: when it came, in nanoseconds since
    1970.
    """

    body: bytes
    parts: Mapping[str, bytes]
    headers: Mapping[str, str]
    tenant: str
    keyed: bool
    at_ns: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What a body is turned into; the exports are made as they are asked for.

    `answer` is given how many of the records were refused when they were stored, and how long all took, in seconds.
    """

    exports: Iterable[Export]
    answer: Callable[[int, float], object]
    status: int = 200


class Refusal(Exception):
    """Nothing of the body is taken: the same body will always be refused. One sentence says why."""


class NotTheirs(Refusal):
    """It is for somebody else than the key's tenant."""


Take: TypeAlias = Callable[[Posting], Taken]
"""Turns a body into OTLP. Raises Refusal."""


def document(content: bytes, where: str) -> object:
    """JSON. Raises Refusal; `where` begins its sentence."""
    try:
        return cast(object, orjson.loads(content))
    except orjson.JSONDecodeError as error:
        raise Refusal(f"{where} is not JSON: {error}.") from error


def json_object(content: bytes, where: str) -> dict[str, object]:
    """A JSON object. Raises Refusal; `where` begins its sentence."""
    found = document(content, where)
    if not isinstance(found, dict):
        raise Refusal(f"{where} must be a JSON object.")
    return found


def written(time_ns: int) -> str:
    """A time as answers have it: RFC 3339, UTC."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_ns // 1000)
    return moment.isoformat().replace("+00:00", "Z")


def exports_of(source: Source, machine: str, records: Iterable[Record]) -> Iterator[Export]:
    """Requests that carry the records of a machine, as a replay of its logs would send them."""
    outgoing = Outgoing(machine)
    for record in records:
        if is_sane(record):
            outgoing.add(source, record)
        if outgoing.size >= EXPORT_BYTES:
            yield from outgoing.take()
    yield from outgoing.take()
