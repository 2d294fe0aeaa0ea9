"""Exports as JSON: one object a line, a list of objects, or pages that hold such lists; read alike."""

from collections.abc import Iterator

import orjson

from spanledger.instrumentation.replay.json_lines import Object, inner, items
from spanledger.instrumentation.replay.log import BOM, Log


def exported(log: Log, pages: str | None = None) -> Iterator[Object]:
    """Every object of an export; those of the list under `pages`, where an object has one."""
    if _is_lines(log.head()):
        for _, found in log.objects():
            log.mark()
            yield from _within(found, pages)
        return
    document = log.document()
    if document is None:
        return
    for page in document if isinstance(document, list) else [document]:
        if isinstance(page, dict):
            yield from _within(page, pages)
        else:
            log.skip("not a JSON object")


def _within(found: Object, pages: str | None) -> Iterator[Object]:
    page = None if pages is None else found.get(pages)
    if pages is not None and isinstance(page, list):
        yield from items(found, pages)
    elif pages is not None and isinstance(page, dict):
        yield inner(found, pages)
    else:
        yield found


def _is_lines(head: bytes) -> bool:
    """Whether a file is one object a line: one of its first lines is, in its first column.

    One line alone counts as such, and so does one that is followed by the beginning of a longer one.
    """
    first, *others = head.removeprefix(BOM).lstrip().split(b"\n")
    if first.startswith(b"["):
        return False
    if not others or not first.startswith(b"{") or any(_is_object(line) for line in (first, *others[:-1])):
        return True
    return len(others) == 1 and others[0].startswith(b'{"') and not first.rstrip().endswith((b"[", b","))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
