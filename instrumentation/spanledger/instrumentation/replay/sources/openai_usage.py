"""OpenAI's usage and costs as its administration interface pages them: sums over a minute, an hour or a day.

Input contains what was cached (reference of `/v1/organization/usage/…` and `/v1/organization/costs`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.exported import exported
from spanledger.instrumentation.replay.json_lines import Object, count, items, money, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Bucket, Record, Usage
from spanledger.instrumentation.replay.source import SERVER, Source

_PROVIDER: Final = "openai"
_GROUPS: Final = (
    "object", "project_id", "user_id", "api_key_id", "model", "batch", "service_tier", "line_item", "organization_id",
)  # fmt: skip
"""By what the sums are kept apart, where it was asked for."""


def _read(log: Log) -> Iterator[Record]:
    for bucket in exported(log, "data"):
        started, ended = time_ns(bucket, "start_time"), time_ns(bucket, "end_time")
        if started is None or ended is None or not isinstance(bucket.get("results"), list):
            log.skip("not a bucket of usage or costs")
            continue
        for result in items(bucket, "results"):
            if "amount" in result and not _is_dollars(result):
                log.skip("amount that is not in US dollars")
            else:
                yield _bucket(result, started, ended)


def _bucket(result: Object, started: int, ended: int) -> Bucket:
    groups = [text(result, name) or str(result.get(name)) for name in _GROUPS]
    line = text(result, "line_item")
    return Bucket(
        "/".join((str(started), str(ended), *groups)), started, ended,
        Usage(
            input_tokens=count(result, "input_tokens"), cache_read_tokens=count(result, "input_cached_tokens"),
            output_tokens=count(result, "output_tokens"),
        ),
        # A line of the bill names its model first: "gpt-5, input".
        model=text(result, "model") or (line.partition(",")[0] if line else None), provider=_PROVIDER,
        cost_usd=money(result, "amount.value"),
        requests=count(result, "num_model_requests"), project=text(result, "project_id"),
        user=text(result, "user_id") or text(result, "api_key_id"),
    )  # fmt: skip


def _is_dollars(result: Object) -> bool:
    return (text(result, "amount.currency") or "usd").lower() == "usd"


def _recognises(path: Path, head: bytes) -> bool:
    return b'"bucket"' in head and b'"start_time"' in head


SOURCE: Final = Source("openai-usage", "OpenAI usage and costs", SERVER, (), _read, _recognises)
