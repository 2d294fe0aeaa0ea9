"""Spanledger's own replay of logs: what sources make of transcripts, databases and exports on disk."""

from dataclasses import replace
from typing import Final

from spanledger.processors.dialects.dialect import INCLUSIVE, Dialect

_AGENT: Final = Dialect(
    "replay-agent",
    rank=1,
    who_rank=0,
    source="Spanledger",
    signal="traces",
    scopes=("spanledger.replay.agent",),
    reading=INCLUSIVE,
    traps="Each source makes its counts inclusive before it sends them. The logs of an agent know the project, the "
    "branch and the session that its telemetry does not.",
)
_SERVER: Final = Dialect(
    "replay-server",
    rank=0,
    who_rank=7,
    source="Spanledger",
    signal="traces",
    scopes=("spanledger.replay.server",),
    reading=INCLUSIVE,
    traps="Logs and exports of gateways and vendors: they know what was billed.",
)

REPLAY: Final[tuple[Dialect, ...]] = (
    _AGENT,
    replace(_AGENT, name="replay-agent-own", scopes=("spanledger.replay.agent.own",), own_ids=True),
    replace(
        _AGENT,
        name="replay-agent-beside",
        scopes=("spanledger.replay.agent.beside",),
        reasoning_beside=True,
        traps="For tools whose telemetry tells reasoning beside the output (Gemini CLI): told alike, the two are known "
        "as one call.",
    ),
    _SERVER,
    replace(_SERVER, name="replay-server-own", scopes=("spanledger.replay.server.own",), own_ids=True),
)
"""Those whose ids are their own, not the vendor's, are dialects of their own."""
