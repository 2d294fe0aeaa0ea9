"""A catalogue as bytes: to keep it in the ledger, to keep it on disk between two starts, and to give it an identity."""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import date
from fractions import Fraction
from typing import Any, Final, TypeAlias

from spanledger.processors.pricing.catalogue import Catalogue, CatalogueError
from spanledger.processors.pricing.clauses import clause_from_json, clause_to_json
from spanledger.processors.pricing.conditions import Condition
from spanledger.processors.pricing.model_names import ModelNames
from spanledger.processors.pricing.price_rows import PriceRow

Json: TypeAlias = Any
"""What `json` makes of a document."""

FORMAT: Final = 1
"""Counted up when an older version could not read the document any more."""
MAGIC: Final = b"spanledger catalogue "

_ID_LENGTH: Final = 16
_DATES: Final = ("valid_from", "valid_to", "checked_on")
"""The fields of a condition that are days."""


def identified(catalogue: Catalogue) -> Catalogue:
    """Give a catalogue the id of its content: the hash of all that decides on a price. `source` is no part of it."""
    return replace(catalogue, id=_id_of(_text(_document(catalogue))))


def _id_of(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:_ID_LENGTH]


def dump(catalogue: Catalogue) -> bytes:
    """Write a catalogue as compressed bytes that `load` reads."""
    document = {"id": catalogue.id, "source": catalogue.source, **_document(catalogue)}
    return MAGIC + b"%d\n" % FORMAT + zlib.compress(_text(document))


def load(content: bytes, name: str = "the catalogue") -> Catalogue:
    """Read what `dump` wrote; `name` tells people what is read.

    Raises CatalogueError for what was cut off, changed, or written by a newer version.
    """
    head, newline, _ = content[: len(MAGIC) + 10].partition(b"\n")
    if not head.startswith(MAGIC) or not newline:
        raise CatalogueError(f"{name} is no catalogue of Spanledger; give the file that it wrote")
    number = head.removeprefix(MAGIC)
    if not number.isdigit() or int(number) > FORMAT:
        said = number.decode("ascii", "replace")
        raise CatalogueError(f"{name} is of format {said}, newer than {FORMAT}, which is read here: update Spanledger")
    try:
        text = zlib.decompress(content[len(head) + 1 :])
        catalogue = _catalogue(json.loads(text))
    except (zlib.error, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CatalogueError(f"{name} is cut off or damaged ({error}); get it again") from error
    # What `dump` wrote is what was hashed, behind the id and the source; anything else is written out again to see.
    beginning = _beginning(catalogue)
    as_written = text.startswith(beginning) and _id_of(b"{" + text[len(beginning) :]) == catalogue.id
    if not as_written and identified(catalogue).id != catalogue.id:
        raise CatalogueError(f"{name} was changed: its content is not that of {catalogue.id}; get it again")
    return catalogue


def holds(content: bytes, catalogue: Catalogue) -> bool:
    """Whether what `dump` wrote is this catalogue, by its id and its source."""
    beginning = _beginning(catalogue)
    _, _, compressed = content.partition(b"\n")
    return zlib.decompressobj().decompress(compressed, len(beginning)) == beginning


def _beginning(catalogue: Catalogue) -> bytes:
    """What a catalogue begins with as text; behind it comes what its id is the hash of."""
    return _text({"id": catalogue.id, "source": catalogue.source}).removesuffix(b"}") + b","


def _text(document: Json) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _document(catalogue: Catalogue) -> dict[str, Json]:
    return {
        "rows": [_row_to_json(row) for row in catalogue.rows],
        "names": {
            provider: [
                [key, clause_to_json(clause)] for key, clause in zip(names.model_keys, names.clauses, strict=True)
            ]
            for provider, names in catalogue.names.items()
        },
        "lenders": {provider: list(lenders) for provider, lenders in catalogue.lenders.items()},
        "lent_variants": {provider: list(variants) for provider, variants in catalogue.lent_variants.items()},
        "providers": dict(catalogue.providers),
        "passing_on": sorted(catalogue.passing_on),
        "conditions": [_condition_to_json(condition) for condition in catalogue.conditions],
        "audio_seconds_min": dict(catalogue.audio_seconds_min),
    }


def _catalogue(document: Mapping[str, Json]) -> Catalogue:
    return Catalogue(
        id=document["id"],
        source=document["source"],
        rows=tuple(_row_from_json(row) for row in document["rows"]),
        names={provider: _names_from_json(names) for provider, names in document["names"].items()},
        lenders={provider: tuple(lenders) for provider, lenders in document["lenders"].items()},
        lent_variants={provider: tuple(variants) for provider, variants in document["lent_variants"].items()},
        providers=document["providers"],
        passing_on=frozenset(document["passing_on"]),
        conditions=tuple(_condition_from_json(condition) for condition in document["conditions"]),
        audio_seconds_min=document["audio_seconds_min"],
    )


def _row_to_json(row: PriceRow) -> list[Json]:
    return [value.isoformat() if isinstance(value, date) else value for value in row]


def _row_from_json(values: list[Json]) -> PriceRow:
    (
        model_key, variant, valid_from, weekdays, second, prompt_above, offered, rates,
        page, checked_on, verified_until, known_from, why,
    ) = values  # fmt: skip
    return PriceRow(
        model_key, variant, date.fromisoformat(valid_from), None if weekdays is None else tuple(weekdays), second,
        prompt_above, offered, tuple(rates), page, _day(checked_on), _day(verified_until), _day(known_from), why,
    )  # fmt: skip


def _day(said: str | None) -> date | None:
    return date.fromisoformat(said) if said else None


def _names_from_json(names: list[Json]) -> ModelNames:
    return ModelNames(tuple(key for key, _ in names), tuple(clause_from_json(clause) for _, clause in names))


def _condition_to_json(condition: Condition) -> dict[str, Json]:
    said = {one.name: getattr(condition, one.name) for one in fields(condition) if one.init}
    said |= {name: said[name].isoformat() for name in _DATES if said.get(name)}
    return said | {"factor": str(condition.factor)}


def _condition_from_json(said: dict[str, Json]) -> Condition:
    dates = {name: date.fromisoformat(said[name]) for name in _DATES if said.get(name)}
    lists = {"models": tuple(said["models"]), "values": tuple(said["values"])}
    return Condition(**said | dates | lists | {"factor": Fraction(said["factor"])})
