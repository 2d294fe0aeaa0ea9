"""Tables as CSV that a spreadsheet can open without executing what somebody named a model."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from spanledger.dashboards.documents import Column, Json

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text that begins so for a formula."""


def csv(columns: Sequence[Column], rows: Iterable[Mapping[str, Json]]) -> str:
    """RFC 4180, header first. NULL is an empty cell, an empty text is `""`.

    A text that a spreadsheet would take for a formula gets an apostrophe in front; numbers and times never do.
    """
    names = [column["name"] for column in columns]
    texts = {column["name"] for column in columns if column["type"] in ("VARCHAR", "BLOB")}
    lines = [",".join(_cell(name, is_text=True) for name in names)]
    for row in rows:
        line = ",".join(_cell(row[name], is_text=name in texts) for name in names)
        lines.append(line or '""')  # one NULL alone would be an empty line, which readers skip
    return "".join(f"{line}\r\n" for line in lines)


def _cell(value: Json, *, is_text: bool) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if is_text and text.startswith(FORMULA_STARTS):
        text = f"'{text}"
    if not text or any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
