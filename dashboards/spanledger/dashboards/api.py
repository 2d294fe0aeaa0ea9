"""The API: questions to the ledger over HTTP, described at /api/v1/openapi.json.

Every error is `{"error": "one sentence"}`: 400 what was asked cannot be answered, 401 and 403 who asked (guard.py),
503 try again, 504 it took too long.
"""

from importlib.metadata import version
from typing import Annotated, Final, Literal

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from spanledger.dashboards import reconcile as reconciliations
from spanledger.dashboards import report as reports
from spanledger.dashboards import views
from spanledger.dashboards.csv_text import csv
from spanledger.dashboards.documents import sentence
from spanledger.dashboards.guard import Guard, Keys, answer
from spanledger.dashboards.render import document
from spanledger.storage.errors import LedgerError, LedgerUnavailable, QueryTimeout
from spanledger.storage.sandbox import ROWS_MAX, TIME_LIMIT_S, ReadableLedger, run

RETRY_AFTER_S: Final = 1


class Statement(BaseModel):
    """The body of `POST /api/v1/sql`."""

    model_config = ConfigDict(extra="forbid")

    sql: str = Field(description="One statement that reads: SELECT, FROM, WITH, VALUES, DESCRIBE or SUMMARIZE.")
    format: Literal["json", "csv"] = "json"
    limit: int = Field(default=ROWS_MAX, ge=1, le=ROWS_MAX, description="Rows of the answer, at most.")


def create_app(
    ledger: ReadableLedger, keys: Keys, unauthenticated: type[Exception], *, sql_time_limit_s: float = TIME_LIMIT_S
) -> FastAPI:
    """The API on a ledger. `unauthenticated` is what `keys.identify` raises; its message is shown to the client."""
    app = FastAPI(
        title="Spanledger",
        version=version("spanledger"),
        summary="Every LLM call, counted once, priced as of its day.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(Guard, keys=keys, unauthenticated=unauthenticated)
    app.add_exception_handler(LedgerError, _ledger_error)
    app.add_exception_handler(reports.ReportError, _bad_request)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(HTTPException, _http_error)

    @app.post("/api/v1/sql", summary="Run one SQL statement that reads.")
    def sql(statement: Statement) -> Response:
        """Answer `{"columns": [{"name", "type"}], "rows": [{…}], "truncated": false}`, or CSV.

        Decimals are texts, whole numbers beyond 2⁵³ too; times are ISO 8601.
        """
        with ledger.reader(time_limit_s=sql_time_limit_s) as reader:
            found = run(statement.sql, reader, statement.limit)
        table = document(found.table, truncated=found.truncated)
        if statement.format == "json":
            return answer(table)
        headers = {"Truncated": "true" if found.truncated else "false", "Cache-Control": "no-store"}
        return Response(csv(table["columns"], table["rows"]), headers=headers, media_type="text/csv; charset=utf-8")

    @app.get("/api/v1/report", summary="Calls, tokens and cost in groups, with a total.")
    def report(
        by: Annotated[
            str, Query(description="Columns of `calls` or hour, day, week, month, model, …; commas.")
        ] = "day",
        since: Annotated[str | None, Query(description="From: 2026-01-31, 2026-01, 24h, 7d, 2w.")] = None,
        until: Annotated[str | None, Query(description="Until; a date is included.")] = None,
        timezone: Annotated[str, Query(description="Where days begin: an IANA name.")] = "UTC",
        week_begins: Annotated[str, Query(description="The day that weeks begin on.")] = "monday",
    ) -> Response:
        """Answer what `spanledger report --json` prints."""
        wanted = reports.asked(by, since, until, timezone, week_begins=week_begins)
        with ledger.reader(time_limit_s=reports.TIME_LIMIT_S) as reader:
            return answer(reports.compute(reader, wanted))

    @app.get("/api/v1/report/{view}", summary="Sessions, blocks, active time, tools, quotas or hours.")
    def report_view(
        view: str,
        by: Annotated[str | None, Query(description="Columns to group by; commas.")] = None,
        since: Annotated[str | None, Query(description="From: 2026-01-31, 2026-01, 24h, 7d, 2w.")] = None,
        until: Annotated[str | None, Query(description="Until; a date is included.")] = None,
        timezone: Annotated[str, Query(description="Where days begin: an IANA name.")] = "UTC",
        week_begins: Annotated[str, Query(description="The day that weeks begin on.")] = "monday",
    ) -> Response:
        """Answer what `spanledger report VIEW --json` prints."""
        wanted = views.asked_of(view, by, since, until, timezone, week_begins=week_begins)
        with ledger.reader(time_limit_s=reports.TIME_LIMIT_S) as reader:
            return answer(views.compute(reader, view, wanted))

    @app.get("/api/v1/reconcile", summary="What metrics saw of usage that calls do not tell of, and the reverse.")
    def reconcile(
        by: Annotated[str, Query(description="day, service, session, model; commas.")] = reconciliations.BY_DEFAULT,
        since: Annotated[str | None, Query(description="From: 2026-01-31, 2026-01, 24h, 7d, 2w.")] = None,
        until: Annotated[str | None, Query(description="Until; a date is included.")] = None,
    ) -> Response:
        """Answer what `spanledger reconcile --json` prints."""
        wanted = reconciliations.asked(by, since, until)
        with ledger.reader(time_limit_s=reports.TIME_LIMIT_S) as reader:
            return answer(reconciliations.compute(reader, wanted))

    return app


def _ledger_error(_: Request, error: Exception) -> Response:
    if isinstance(error, LedgerUnavailable):
        return answer({"error": sentence(error)}, 503, {"Retry-After": str(RETRY_AFTER_S)})
    return answer({"error": sentence(error)}, 504 if isinstance(error, QueryTimeout) else 400)


def _bad_request(_: Request, error: Exception) -> Response:
    if isinstance(error, RequestValidationError):
        wrong = error.errors()[0]
        where = ".".join(str(part) for part in wrong["loc"][1:]) or "the body"
        return answer({"error": f"{where}: {wrong['msg']}."}, 400)
    return answer({"error": sentence(error)}, 400)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return answer({"error": f"There is nothing at {request.url.path[:100]}."}, 404)
    return answer({"error": f"{error.detail}."}, error.status_code, error.headers)
