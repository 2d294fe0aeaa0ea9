"""Changes `prices.toml` in place: a rule more at its end, or a rule less; comments and all the rest stay as they are.

The file is the user's. What it would say afterwards is read as a whole before it replaces what it said, so that nothing
wrong is ever left behind, and nothing half-written.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeAlias

from spanledger.cli.failures import Failed
from spanledger.processors.pricing.rules import RulesError
from spanledger.processors.pricing.rules_toml import read_rules

Value: TypeAlias = str | Decimal | date
Entry: TypeAlias = Mapping[str, "Value | Mapping[str, Value]"]
"""What a rule says: key → value; a table within it is a mapping."""

_HEADER: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)
_COMMENTS_BEFORE: Final = re.compile(r"(?:^[ \t]*(?:#.*)?\n)*\Z", re.MULTILINE)


def add_rule(path: Path, kind: str, entry: Entry) -> None:
    """Add a rule at the end of the file, made where there is none. Raises Failed, and the file is as it was."""
    text = _text(path)
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    _replace(path, text + gap + _block(kind, entry))


def remove_rule(path: Path, kind: str, number: int) -> None:
    """Remove the rule that is the `number`th of its kind, from 0. Raises Failed, and the file is as it was."""
    text = _text(path)
    before = _document(text, path)
    wanted = dict(before)
    wanted[kind] = [rule for place, rule in enumerate(before.get(kind, [])) if place != number]
    if not wanted[kind]:
        del wanted[kind]
    edges = [found.start() for found in _HEADER.finditer(text)] + [len(text)]
    for first, begin in enumerate(edges[:-1]):
        for end in edges[first + 1 :]:
            shorter = text[:begin] + _kept(text[begin:end]) + text[end:]
            if _says(shorter) == wanted:
                _replace(path, shorter)
                return
    raise Failed(f"The rule could not be cut out of {path}: remove its lines with an editor.")


def _kept(block: str) -> str:
    """Of a rule's lines the comments at their end, which belong to what follows."""
    found = _COMMENTS_BEFORE.search(block)
    trailing = found.group() if found else ""
    return trailing.lstrip("\n") if "#" in trailing else ""


def _block(kind: str, entry: Entry) -> str:
    lines = [f"[[{kind}]]"]
    for name, value in entry.items():
        if isinstance(value, Mapping):
            inner = ", ".join(f"{key} = {_written(one)}" for key, one in value.items())
            lines.append(f"{name} = {{ {inner} }}")
        else:
            lines.append(f"{name} = {_written(value)}")
    return "\n".join(lines) + "\n"


def _written(value: Value) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return f"{value:f}" if isinstance(value, Decimal) else value.isoformat()


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def _document(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Failed(f"{path} is no valid TOML ({error}): correct it first.") from error


def _says(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _replace(path: Path, text: str) -> None:
    """Put a new text in the place of the old one, at once, if it is right as a whole."""
    try:
        read_rules(text, str(path))
    except RulesError as error:
        raise Failed(f"Nothing was changed, as the file would be wrong: {error}") from error
    path = path.resolve()  # a link stays a link
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished.write_bytes(text.encode())
        if path.exists():
            unfinished.chmod(path.stat().st_mode)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise Failed(f"{path} cannot be written: {error.strerror}.") from error
