"""Nesting: OTLP's lists in lists, request → resource → scope → record, as flat columns with parents."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors.any_value import NO_TEXT, NOTHING
from spanledger.processors.attributes import Attributes
from spanledger.processors.records import Scopes


def parents(lists: pa.ListArray) -> npt.NDArray[np.int64]:
    """For each element of the flattened lists the row that it came from."""
    return np.repeat(np.arange(len(lists), dtype=np.int64), np.diff(lists.offsets.to_numpy()))


def scopes_of(per_resource: pa.StructArray, member: str, per_scope: pa.StructArray) -> Scopes:
    """The scopes of a group, with their resources; `member` is the list of scopes in a resource's message."""
    scope = per_scope.field("scope")
    return Scopes(
        names=text(scope, "name"),
        versions=text(scope, "version"),
        resource=parents(per_resource.field(member)),
        resources=Attributes.of(_attribute_lists(per_resource.field("resource"))),
    )


def text(struct: pa.StructArray, name: str) -> pa.StringArray:
    """A text member of an optional message; NULL where it is empty or the message is absent."""
    texts = pc.struct_field(struct, name)
    return pc.if_else(pc.equal(texts, NOTHING), NO_TEXT, texts)


def _attribute_lists(resource: pa.StructArray) -> pa.ListArray:
    """The attribute lists of optional Resource messages; an absent one has none.

    A null struct may hold values beneath: only `struct_field` looks at the mask, and flattening it would lose rows.
    """
    lists = pc.struct_field(resource, "attributes")
    if lists.null_count:
        empty = pa.array([[]], lists.type)
        lists = pc.coalesce(lists, empty[0])
    return lists


def numbers(column: Any) -> npt.NDArray[Any]:
    """A column of numbers; an absent one is 0, as in protobuf."""
    filled = column.fill_null(0) if column.null_count else column
    return np.asarray(filled.to_numpy(zero_copy_only=False))
