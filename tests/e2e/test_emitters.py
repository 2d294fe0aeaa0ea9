"""The emitter matrix: real packages, each in an environment of its own, against a running server; see docs/emitters.md.

`make e2e ARGS="-k strands"` runs one of them. Without a package index or Node a case is skipped, and says why.
"""

from pathlib import Path

import pytest

from benchmarks.server import Server
from tests.asking import ask
from tests.e2e.emitter_gaps import sort_out
from tests.e2e.emitter_judge import QUESTION, judge
from tests.e2e.emitter_matrix import EMITTERS, Emitter
from tests.e2e.emitter_runs import run_emitter
from tests.e2e.environments import InstallerMissingError

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.mark.parametrize("emitter", EMITTERS, ids=[emitter.name for emitter in EMITTERS])
def test_an_emitters_calls_are_counted_once_with_the_vendors_tokens_and_dollars(emitter: Emitter, tmp_path: Path):
    try:
        with Server(tmp_path / "ledger") as server:
            truth = run_emitter(
                emitter,
                grpc_url=f"http://{server.target}",
                http_url=server.url,
                truth_path=tmp_path / "truth.jsonl",
            )
            rows = ask(server.data, QUESTION)
    except InstallerMissingError as missing:
        pytest.skip(str(missing))

    sorted_out = sort_out(emitter.name, judge(rows, truth))
    assert [str(difference) for difference in sorted_out.unexplained] == []
