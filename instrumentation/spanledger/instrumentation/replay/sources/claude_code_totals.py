"""What a session of Claude Code used in all, as its lines of `cost-state` say: also what no other line tells of.

A total is that of the whole session until then, resumed runs included, for each model. It names no call: what it has
more than the calls is for `reconcile` to show.
"""

from collections.abc import Iterable
from typing import Final, cast

from spanledger.instrumentation.replay.json_lines import Object, count, inner, money
from spanledger.instrumentation.replay.records import Bucket, Usage
from spanledger.instrumentation.replay.sources.claude_code_lines import Line
from spanledger.instrumentation.replay.usage_sums import whole_prompt

_PROVIDER: Final = "anthropic"


class Totals:
    """The greatest totals of one transcript, model by model; `state` is what an earlier read of it knew."""

    def __init__(self, state: Object) -> None:
        self._started_ns = cast(int | None, state.get("started_ns"))
        self._tokens = dict(cast(dict[str, int], inner(state, "tokens")))
        self._untold: dict[str, Bucket] = {}

    def take(self, line: Line, session: str, started_ns: int, ended_ns: int) -> None:
        """A line of `cost-state`, and from when to when the lines before it are."""
        if not isinstance(line.model_usage, dict):
            return
        if self._started_ns is None:
            # Stays: totals that began at another time would be others, to be added to these.
            self._started_ns = started_ns
        for model, used in line.model_usage.items():
            usage = _usage_of(used)
            tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
            if tokens and tokens >= self._tokens.get(model, 0):
                self._tokens[model] = tokens
                self._untold[model] = Bucket(
                    f"{session}/{model}", self._started_ns, ended_ns, usage, session=session,
                    # A suffix says how large the context may be: claude-opus-4-6[1m].
                    model=model.partition("[")[0], provider=_PROVIDER, cost_usd=money(used, "costUSD"),
                )  # fmt: skip

    def grown(self) -> Iterable[Bucket]:
        """The totals as they are now, of the models that were used since the last time."""
        untold, self._untold = self._untold, {}
        return untold.values()

    def state(self) -> dict[str, object]:
        """What must be known when the transcript is read on."""
        return {"started_ns": self._started_ns, "tokens": dict(self._tokens)}


def _usage_of(used: object) -> Usage:
    """Without the thinking, which is part of the output: telemetry says nothing of that of hidden calls."""
    read, written = count(used, "cacheReadInputTokens"), count(used, "cacheCreationInputTokens")
    return Usage(
        whole_prompt(count(used, "inputTokens"), read, written), read, written,
        count(used, "cacheCreationEphemeral5mInputTokens"), count(used, "cacheCreationEphemeral1hInputTokens"),
        count(used, "outputTokens"),
    )  # fmt: skip
