"""Where questions are answered: by the ledger in a folder, or by the server that holds it or is named.

One rule for every command that reads. Without `--url` the ledger is opened for reading; while a server holds it, that
server is asked, which `server.json` in the folder names.
"""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol, cast

from spanledger.cli.failures import Failed, WrongUse
from spanledger.dashboards.documents import Document, Json, Report, View, sentence
from spanledger.storage.errors import LedgerError, LedgerInUse

if TYPE_CHECKING:
    from spanledger.dashboards.reconcile import Reconciliation
    from spanledger.storage.ledger import Ledger

SERVER_FILE: Final = "server.json"
KEY_VARIABLE: Final = "SPANLEDGER_API_KEY"
ANSWER_TIMEOUT_S: Final = 75.0
"""Longer than the server's own limits, so that its sentence arrives."""


class Source(Protocol):
    """What answers questions."""

    def sql(self, statement: str, rows_max: int) -> Document:
        """The rows of one statement. Raises Failed or LedgerError."""

    def report(
        self, by: str, since: str | None, until: str | None, timezone: str, week_begins: str = "monday"
    ) -> Report:
        """A report, asked for as people write it. Raises WrongUse, Failed or LedgerError."""

    def view(self, name: str, wanted: Mapping[str, str | None]) -> View:
        """A view of a report, asked for the same way: parameter of `views.asked_of` → text. Raises as `report` does."""

    def reconcile(self, by: str, since: str | None, until: str | None) -> "Reconciliation":
        """A reconciliation, asked for the same way. Raises WrongUse, Failed or LedgerError."""


@contextmanager
def source(data: Path | None, url: str | None) -> Iterator[Source]:
    """The server at `url`, else the ledger in `data` (else in the configured folder) or the server that holds it."""
    if url is not None:
        if data is not None:
            raise WrongUse("--data and --url exclude each other: name the folder or the server.")
        yield Server(url)
        return
    from spanledger.cli import settings

    folder = settings.load(data=data).data
    try:
        from spanledger.storage.ledger import Ledger
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("spanledger"):
            raise
        raise Failed(
            "To read a ledger on this machine: pip install 'spanledger[server]'; or name a server with --url."
        ) from error
    try:
        ledger = Ledger.open_readonly(folder)
    except LedgerInUse as error:
        yield Server(_running(folder, error), through_proxy=False)
        return
    except LedgerError as error:
        raise Failed(sentence(error)) from error
    try:
        yield Folder(ledger)
    except LedgerError as error:
        raise Failed(sentence(error)) from error
    finally:
        ledger.close()


class Folder:
    """A ledger on disk that no server holds. There is no time limit: it is the user's own machine, and Ctrl-C works."""

    def __init__(self, ledger: "Ledger") -> None:
        self._ledger = ledger

    def sql(self, statement: str, rows_max: int) -> Document:
        """The rows of one statement."""
        from spanledger.dashboards.render import document
        from spanledger.storage.sandbox import run

        with self._ledger.reader() as reader:
            found = run(statement, reader, rows_max)
        return document(found.table, truncated=found.truncated)

    def report(
        self, by: str, since: str | None, until: str | None, timezone: str, week_begins: str = "monday"
    ) -> Report:
        """A report."""
        from spanledger.dashboards.report import ReportError, asked, compute

        try:
            wanted = asked(by, since, until, timezone, week_begins=week_begins)
        except ReportError as error:
            raise WrongUse(str(error)) from error
        with self._ledger.reader() as reader:
            return compute(reader, wanted)

    def view(self, name: str, wanted: Mapping[str, str | None]) -> View:
        """A view of a report."""
        from spanledger.dashboards.report import ReportError
        from spanledger.dashboards.views import asked_of, compute

        try:
            read = asked_of(
                name,
                wanted.get("by"),
                wanted.get("since"),
                wanted.get("until"),
                wanted.get("timezone") or "UTC",
                week_begins=wanted.get("week_begins") or "monday",
            )
            with self._ledger.reader() as reader:
                return compute(reader, name, read)
        except ReportError as error:
            raise WrongUse(str(error)) from error

    def reconcile(self, by: str, since: str | None, until: str | None) -> "Reconciliation":
        """A reconciliation."""
        from spanledger.dashboards.reconcile import asked, compute
        from spanledger.dashboards.report import ReportError

        try:
            wanted = asked(by, since, until)
        except ReportError as error:
            raise WrongUse(str(error)) from error
        with self._ledger.reader() as reader:
            return compute(reader, wanted)


class Server:
    """A running server. The key, if it wants one, is taken from SPANLEDGER_API_KEY."""

    def __init__(self, url: str, *, through_proxy: bool = True) -> None:
        address = urllib.parse.urlsplit(url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise WrongUse(f"{url!r} is no address of a server: write it as http://127.0.0.1:4318.")
        self._url = url.rstrip("/")
        proxies = () if through_proxy else (urllib.request.ProxyHandler({}),)
        self._opener = urllib.request.build_opener(_NoRedirects, *proxies)

    def sql(self, statement: str, rows_max: int) -> Document:
        """The rows of one statement."""
        return cast(Document, self._ask("/api/v1/sql", {"sql": statement, "limit": rows_max}))

    def report(
        self, by: str, since: str | None, until: str | None, timezone: str, week_begins: str = "monday"
    ) -> Report:
        """A report."""
        wanted = {"by": by, "since": since, "until": until, "timezone": timezone, "week_begins": week_begins}
        return cast(Report, self._ask(f"/api/v1/report?{_query(wanted)}"))

    def view(self, name: str, wanted: Mapping[str, str | None]) -> View:
        """A view of a report."""
        return cast(View, self._ask(f"/api/v1/report/{urllib.parse.quote(name, safe='')}?{_query(wanted)}"))

    def reconcile(self, by: str, since: str | None, until: str | None) -> "Reconciliation":
        """A reconciliation."""
        wanted = {"by": by, "since": since, "until": until}
        return cast("Reconciliation", self._ask(f"/api/v1/reconcile?{_query(wanted)}"))

    def _ask(self, path: str, body: Mapping[str, Json] | None = None) -> object:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if key := os.environ.get(KEY_VARIABLE):
            headers["Authorization"] = f"Bearer {key}"
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, sent, headers)  # noqa: S310 - __init__ admits http(s) only
        try:
            with self._opener.open(request, timeout=ANSWER_TIMEOUT_S) as response:
                answer: object = json.load(response)
        except urllib.error.HTTPError as error:
            # A report that makes no sense is a matter of options; a statement that fails is not.
            failure = WrongUse if error.code == 400 and body is None else Failed
            raise failure(_refusal(error, self._url)) from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise Failed(
                f"The server at {self._url} does not answer ({reason}): start it, or name another with --url."
            ) from error
        except ValueError as error:
            raise Failed(f"What answers at {self._url} is not Spanledger: name another server with --url.") from error
        return answer


def _query(wanted: Mapping[str, str | None]) -> str:
    return urllib.parse.urlencode({name: value for name, value in wanted.items() if value is not None})


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A server that sends us elsewhere is not ours, and must not make us show the key there."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Never: the answer becomes an error."""


def _refusal(error: urllib.error.HTTPError, url: str) -> str:
    """The server's own sentence; for a missing key also how to give one."""
    try:
        text = str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError, OSError):
        return f"The server at {url} answers {error.code} {error.reason}: is it Spanledger?"
    return f"{text} Set {KEY_VARIABLE} to it." if error.code == 401 else text


def _running(folder: Path, in_use: LedgerInUse) -> str:
    """Where the server is that holds the ledger."""
    try:
        return str(json.loads((folder / SERVER_FILE).read_text("utf-8"))["http"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failed(sentence(in_use)) from error
