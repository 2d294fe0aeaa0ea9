"""What logs add up, as OTLP metrics: a sum for each kind of tokens, and one of the cost.

Such are vendors' exports, and totals that an agent keeps of a session.

They are cumulative, with a series for each bucket: one that is exported again after it grew adds what it grew by, in
whichever order the exports come. (As deltas it would count twice.)
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final

from spanledger.instrumentation.replay.records import Bucket
from spanledger.instrumentation.replay.source import Source
from spanledger.instrumentation.replay.wire import Attribute, double, field, times

SCOPE: Final = "spanledger.replay.export"
COST: Final = "gen_ai.usage.cost"
KINDS: Final = (
    ("input_tokens", "gen_ai.client.inference.usage.input_tokens"),
    ("cache_read_tokens", "gen_ai.client.inference.usage.cache_read.input_tokens"),
    ("cache_write_tokens", "gen_ai.client.inference.usage.cache_write.input_tokens"),
    ("output_tokens", "gen_ai.client.inference.usage.output_tokens"),
    ("reasoning_tokens", "gen_ai.client.inference.usage.reasoning.output_tokens"),
)
"""Field of a usage → the metric of the GenAI conventions that counts it."""

_CUMULATIVE_MONOTONIC: Final = b"\x10\x02\x18\x01"
_EARLIER_NS: Final = 1_000
"""By which all series start earlier: one that starts when it ends, as a bucket that still grows may, would say nothing
of what came before. A ledger's times are microseconds."""
_MODEL: Final = Attribute("gen_ai.request.model", 7)
_PROVIDER: Final = Attribute("gen_ai.provider.name", 7)
_PROJECT: Final = Attribute("app.project", 7)
_USER: Final = Attribute("user.id", 7)
_SESSION: Final = Attribute("gen_ai.conversation.id", 7)
_KEY: Final = Attribute("spanledger.bucket", 7)
_REQUESTS: Final = Attribute("spanledger.requests", 7)
_SERVICE_NAME: Final = Attribute("service.name", 1)
_HOST_NAME: Final = Attribute("host.name", 1)


def metrics_body(buckets: Iterable[tuple[Source, Bucket]], machine: str) -> bytes:
    """An ExportMetricsServiceRequest with all buckets."""
    by_source: dict[str, list[bytes]] = {}
    for source, bucket in buckets:
        by_source.setdefault(source.sums_of or source.name, []).extend(_metrics(bucket))
    scope = field(1, field(1, SCOPE.encode()))
    return b"".join(
        field(1, field(1, _SERVICE_NAME.label(name) + _HOST_NAME.label(machine)) + field(2, scope + b"".join(metrics)))
        for name, metrics in by_source.items()
    )


def _metrics(bucket: Bucket) -> Iterator[bytes]:
    amounts = [(metric, getattr(bucket.usage, name), "{token}") for name, metric in KINDS]
    amounts.append((COST, bucket.cost_usd, "USD"))
    shared = _shared(bucket)
    for name, amount, unit in amounts:
        if amount is not None:
            point = shared + double(4, float(amount))
            total = field(7, field(1, point) + _CUMULATIVE_MONOTONIC)
            yield field(2, field(1, name.encode()) + field(3, unit.encode()) + total)


def _shared(bucket: Bucket) -> bytes:
    said = [times(2, bucket.started_ns - _EARLIER_NS, bucket.ended_ns)]
    for value, attribute in (
        (bucket.model, _MODEL), (bucket.provider, _PROVIDER), (bucket.project, _PROJECT), (bucket.user, _USER),
        (bucket.session, _SESSION),
        (blake2b(bucket.key.encode("utf-8", "replace"), digest_size=8).hexdigest(), _KEY),
    ):  # fmt: skip
        if value is not None:
            said.append(attribute.label(value))
    if bucket.requests is not None:
        said.append(_REQUESTS.count(bucket.requests))
    return b"".join(said)
