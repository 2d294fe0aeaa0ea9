"""Speakers: which dialect each record speaks, decided by what many records share and not record by record."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors.attributes import Attributes
from spanledger.processors.dialects.dialect import Dialect
from spanledger.processors.dialects.registry import (
    EVERY,
    NUMBER,
    UNKNOWN,
    UNKNOWN_EVENT,
    Known,
    known_by,
    with_events,
    with_marks,
)
from spanledger.processors.records import Scopes

Speakers = npt.NDArray[np.int16]
"""For each record the number of its dialect in `registry.EVERY`."""

_NOBODY: Final = {"traces": NUMBER[UNKNOWN.name], "logs": NUMBER[UNKNOWN_EVENT.name]}


def speakers_of(
    signal: str, scope: npt.NDArray[np.int64], scopes: Scopes, names: pa.StringArray, attributes: Attributes
) -> Speakers:
    """The dialect of each record; `scope[i]` is the row of record i in `scopes`, `names[i]` its own name."""
    services = scopes.resources.text("service.name").take(pa.array(scopes.resource))
    pairs = zip(scopes.names.to_pylist(), services.to_pylist(), strict=True)
    known = [known_by(signal, name, service) for name, service in pairs]
    nobody = _NOBODY[signal]
    speakers = np.array([nobody if one.speaker is None else one.speaker for one in known] or [nobody], np.int16)[scope]
    unknown = speakers == nobody
    if unknown.any():
        for number in reversed(with_marks(signal)):
            speakers[unknown & attributes.present(*EVERY[number].marks)] = number
    _by_event(signal, speakers, scope, known, names, attributes)
    return speakers


def _by_event(
    signal: str,
    speakers: Speakers,
    scope: npt.NDArray[np.int64],
    known: list[Known],
    names: pa.StringArray,
    attributes: Attributes,
) -> None:
    """Set the speakers that the names of their records give away, the first row that fits last."""
    in_scope: dict[int, list[int]] = {}
    for at, one in enumerate(known):
        for number in one.by_event:
            in_scope.setdefault(number, []).append(at)
    named: dict[str, npt.NDArray[np.bool_]] = {}
    for number in reversed(with_events(signal)):
        fitting = _origin_fits(EVERY[number], in_scope.get(number), scope, len(known), attributes)
        if fitting is not None:
            for event in EVERY[number].events:
                if event not in named:
                    named[event] = pc.equal(names, event).fill_null(False).to_numpy(zero_copy_only=False)
                speakers[fitting & named[event]] = number


def _origin_fits(
    dialect: Dialect, in_scope: list[int] | None, scope: npt.NDArray[np.int64], scopes: int, attributes: Attributes
) -> npt.NDArray[np.bool_] | None:
    """Which records come from where a row with `events` says, or bear its marks; None for none at all."""
    if not (dialect.scopes or dialect.services or dialect.marks):
        return np.ones(len(scope), bool)
    fitting = attributes.present(*dialect.marks) if dialect.marks else np.zeros(len(scope), bool)
    if in_scope is not None:
        flags = np.zeros(scopes, bool)
        flags[in_scope] = True
        fitting |= flags[scope]
    return fitting if fitting.any() else None


def where(speakers: Speakers, said: Callable[[Dialect], bool]) -> npt.NDArray[np.bool_]:
    """Which records speak a dialect of which `said` is true."""
    present = np.flatnonzero(np.bincount(speakers, minlength=1))
    table = np.zeros(len(EVERY), bool)
    table[present] = [said(EVERY[number]) for number in present]
    return np.asarray(table[speakers])


def spoken(speakers: Speakers) -> list[tuple[Dialect, npt.NDArray[np.bool_]]]:
    """The dialects that are spoken, each with the records that speak it."""
    present = np.flatnonzero(np.bincount(speakers, minlength=1)).tolist()
    return [(EVERY[number], speakers == number) for number in present]
