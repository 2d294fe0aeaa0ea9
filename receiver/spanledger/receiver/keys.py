"""API keys: who may send and read, and to which tenant it is booked.

The keys file is TOML and holds no key, only SHA-256 hashes: a key has 160 random bits, so a fast hash is the right one.

    [[key]]
    id = "3f9c01ab"
    sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    tenant = "default"
    scopes = ["ingest", "read"]
"""

import hashlib
import json
import logging
import os
import re
import secrets
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from spanledger.receiver.contract import Identity, Unauthenticated

SCOPES: Final = ("ingest", "read", "admin")
PREFIX: Final = "sl_"
SECRET_BYTES: Final = 20
"""160 random bits: beyond guessing, and the key still fits on a line."""
CHECK_INTERVAL_S: Final = 1.0
"""How often at most the file is looked at: a revoked key works this much longer."""
FIELDS: Final = {"id", "sha256", "tenant", "scopes"}
ENTRY_HEAD: Final = re.compile(r"(?m)^(?=\s*\[\[\s*key\s*\]\])")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of the keys file."""

    id: str
    sha256: str
    tenant: str
    scopes: frozenset[str]


class Keys:
    """The keys that are known, read again when their file changes. Made by `load` or `none`."""

    def __init__(self, path: Path | None, keys: Iterable[Key], modified_ns: int) -> None:
        self._path = path
        self._by_hash = {key.sha256: key for key in keys}
        self._modified_ns = modified_ns
        self._checked_at = time.monotonic()
        self._checking = threading.Lock()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a keys file. Raises `ValueError`, one sentence, if it cannot be read or an entry is wrong."""
        modified_ns = _modified_ns(path)
        return cls(path, read_keys(path), modified_ns)

    @classmethod
    def none(cls) -> Self:
        """No keys are needed: for listeners on loopback only."""
        return cls(None, (), 0)

    @property
    def required(self) -> bool:
        """Whether a request must show a key."""
        return self._path is not None

    def identify(self, headers: Mapping[str, str]) -> Identity:
        """Who shows the key in these headers or gRPC metadata (names in lower case).

        Raises `Unauthenticated` if a key is needed and none, or an unknown one, is shown.
        """
        if self._path is None:
            return Identity()
        self._reload_if_changed(self._path)
        shown = shown_key(headers)
        if not shown:
            raise Unauthenticated("An API key is needed: send it as 'authorization: Bearer …' or as 'x-api-key'.")
        # Only hashes are compared: how long that takes says nothing about a key.
        key = self._by_hash.get(sha256_of(shown))
        if key is None:
            raise Unauthenticated("The API key is not known here: it is mistyped, revoked, or of another server.")
        return Identity(key.tenant, key.id, key.scopes)

    def _reload_if_changed(self, path: Path) -> None:
        now = time.monotonic()
        if now - self._checked_at < CHECK_INTERVAL_S or not self._checking.acquire(blocking=False):
            return
        try:
            self._checked_at = now
            modified_ns = _modified_ns(path)
            if modified_ns != self._modified_ns:
                self._modified_ns = modified_ns
                self._by_hash = {key.sha256: key for key in read_keys(path)}
        except ValueError as error:
            log.error("%s The keys known before stay valid.", error)  # noqa: TRY400 - its message says it all
        finally:
            self._checking.release()


def shown_key(headers: Mapping[str, str]) -> str:
    """The key of `authorization: Bearer …` or `x-api-key`, else an empty text."""
    scheme, _, bearer = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return bearer.strip()
    return headers.get("x-api-key", "").strip()


def sha256_of(key: str) -> str:
    """What the keys file holds of a key: 64 hex digits."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def read_keys(path: Path) -> list[Key]:
    """The entries of a keys file, in order. Raises `ValueError`, one sentence naming file and entry."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"The keys file {path} cannot be read: {getattr(error, 'strerror', error)}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"The keys file {path} is not valid TOML: {error}.") from error
    entries = document.pop("key", [])
    if document or not isinstance(entries, list):
        raise ValueError(f"The keys file {path} may hold [[key]] entries only, found {', '.join(document) or 'key'!r}.")
    keys = [_key(path, number, entry) for number, entry in enumerate(entries, 1)]
    for number, key in enumerate(keys, 1):
        if any(key.id == other.id or key.sha256 == other.sha256 for other in keys[: number - 1]):
            raise ValueError(f"The keys file {path} holds entry {number} ({key.id!r}) twice: remove one.")
    return keys


def create(path: Path, tenant: str = "default", scopes: Iterable[str] = ("ingest", "read")) -> str:
    """Make a key and append its hash to the file (made if need be, readable by its owner only).

    The key is returned and kept nowhere. Raises `ValueError` if the file or a scope is wrong.
    """
    known = read_keys(path) if path.exists() else []
    key_id = next(new for new in iter(lambda: secrets.token_hex(4), "") if all(new != key.id for key in known))
    key = f"{PREFIX}{key_id}_{secrets.token_hex(SECRET_BYTES)}"
    entry = {"id": key_id, "sha256": sha256_of(key), "tenant": tenant, "scopes": list(scopes)}
    _key(path, len(known) + 1, entry)
    # A JSON text or list of texts is a TOML one too, DEL aside, which no tenant has.
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in entry.items()]
    before = path.read_text("utf-8") if known else ""
    _replace(path, before + "\n".join(["\n[[key]]" if before else "[[key]]", *lines, ""]))
    return key


def revoke(path: Path, key_id: str) -> None:
    """Remove an entry; what else the file holds stays. Raises `ValueError` if there is none of that id."""
    if all(key.id != key_id for key in read_keys(path)):
        raise ValueError(f"The keys file {path} holds no key {key_id!r}: `spanledger key list` shows those it has.")
    parts = ENTRY_HEAD.split(path.read_text("utf-8"))
    kept = [part for part in parts if all(entry.get("id") != key_id for entry in tomllib.loads(part).get("key", []))]
    _replace(path, "".join(kept))


def _key(path: Path, number: int, entry: Any) -> Key:
    where = f"The keys file {path}, entry {number}"
    if not isinstance(entry, dict) or set(entry) != FIELDS:
        found = ", ".join(sorted(entry)) if isinstance(entry, dict) else repr(entry)
        raise ValueError(f"{where}: needs exactly id, sha256, tenant and scopes, found {found or 'nothing'}.")
    for name in ("id", "sha256", "tenant"):
        if not isinstance(entry[name], str) or not entry[name]:
            raise ValueError(f"{where}: {name} must be a text that is not empty, found {entry[name]!r}.")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", entry["sha256"]):
        raise ValueError(f"{where} ({entry['id']!r}): sha256 must be 64 hex digits.")
    scopes = entry["scopes"]
    if not isinstance(scopes, list) or not scopes or any(scope not in SCOPES for scope in scopes):
        raise ValueError(f"{where} ({entry['id']!r}): scopes must be some of {', '.join(SCOPES)}, found {scopes!r}.")
    return Key(entry["id"], entry["sha256"].lower(), entry["tenant"], frozenset(scopes))


def _modified_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise ValueError(f"The keys file {path} cannot be read: {error.strerror}.") from error


def _replace(path: Path, text: str) -> None:
    """Write the file in one step: a reader sees the old one or the new one, and only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mkstemp: mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
