"""Writes docs/emitters.md from the recordings: `python -m tests.e2e.emitter_table`, at the root."""

import json
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from tests.e2e.emitter_gaps import GAPS, Sorted, sort_out
from tests.e2e.emitter_judge import Verdict
from tests.e2e.emitter_matrix import EMITTERS, Emitter
from tests.e2e.emitter_replay import judge_recording
from tests.e2e.environments import REQUIREMENTS
from tests.e2e.node_environments import FOLDERS
from tests.e2e.recordings import ROOT, read_recording

PAGE = ROOT / "docs" / "emitters.md"

HEAD = """\
# Emitters, tried for real

<!-- Written by `python -m tests.e2e.emitter_table` from tests/emitter_recordings; do not edit. -->

Each row is a small program (`tests/e2e/emitters`) with the packages as published, calling stand-ins of the vendors
whose usage is known: cached and uncached, streamed and not, with tools, in agent loops, refused and retried. What it
exported was fed to Spanledger, and the ledger held against what the stand-ins had served. `make e2e` runs them again
(`make e2e ARGS="-k strands"` one of them); what they sent lies in `tests/emitter_recordings`, which the ordinary tests
replay.

*Calls* are the requests that a vendor would bill. *Rows* are the calls in the ledger: equal means that each was
counted once, though most are told of twice or three times. *As served* counts the calls of which every token of every
kind, the model and the dollars are the vendor's. *Dollars* are those of the calls whose usage the vendor told in full:
served, and as the ledger has them. Where they differ, the notes say why: what an emitter does not say, nobody can
store. Requests that were refused are not in the table; they have no tokens and no price.

| Emitter | Packages | Interfaces | Calls | Rows | As served | Dollars served | Dollars stored | Notes |
|---|---|---|--:|--:|--:|--:|--:|---|
"""

NOTES = """
## Notes

What the emitters leave out or say wrongly, with the number of calls in the runs above. A note that no longer holds
fails the tests.

"""

NOT_AS_PUBLISHED = """
## Not the newest, or not as published

What of the above could not be installed or used as it is (November 2026):

- mlflow 3.18.0 asks for a version of mlflow-skinny that is not published: 3.17.2. Its smaller editions, mlflow-tracing
  and mlflow-skinny, lack what their own autologs import.
- OpenLLMetry's instrumentation of Haystack fails with Haystack 3: 2.31.0.
- The official instrumentation of google-genai does nothing with google-genai 3: 2.34.0.
- Logfire 6 is a pre-release: 5.2.0.
- LiteLLM 1.109.1 asks for versions of certifi and of its proxy's extras that are not published, openai-v2 2.4b0 for
  what newer versions of its companions lack, OpenLIT for an older SDK of Anthropic: installed against their word.
- Beside CrewAI, LlamaIndex, OpenLIT and Strands there is an OpenAI SDK of version 2, which they ask for.
"""

CENT_FRACTION = Decimal("0.000001")
"""The table's precision; the comparison is exact."""


def version_of(emitter: Emitter, package: str) -> str:
    """The pinned version of a package in an emitter's environment."""
    if emitter.script.endswith(".mjs"):
        listed = json.loads((FOLDERS / emitter.environment / "package.json").read_text(encoding="utf-8"))
        return str(listed["dependencies"][package])
    for line in (REQUIREMENTS / f"{emitter.environment}.txt").read_text(encoding="utf-8").splitlines():
        name, _, version = line.partition("==")
        if name == package:
            return version
    raise LookupError(f"{package} is not pinned in requirements/{emitter.environment}.txt")


def page(results: Mapping[str, tuple[Verdict, Sorted]]) -> str:
    """The whole page; `results` are by the emitters' names."""
    noted = [gap for gap in GAPS if any(gap in sorted_out.explained for _, sorted_out in results.values())]
    numbers = {gap: number for number, gap in enumerate(noted, start=1)}
    lines = []
    for emitter in EMITTERS:
        verdict, sorted_out = results[emitter.name]
        packages = "<br>".join(f"{name} {version_of(emitter, name)}" for name in emitter.packages)
        rows = sum(row["status"] != "error" for row in verdict.rows)
        notes = ", ".join(str(numbers[gap]) for gap in sorted_out.explained)
        cells = (
            emitter.name,
            packages,
            ", ".join(emitter.interfaces),
            str(len(verdict.served)),
            str(rows),
            str(verdict.right),
            str(verdict.usd_served.quantize(CENT_FRACTION)),
            str(verdict.usd_stored.quantize(CENT_FRACTION)),
            notes,
        )
        lines.append(f"| {' | '.join(cells)} |\n")
    told = []
    for gap, number in numbers.items():
        counts = []
        for name in gap.emitters:
            differences = results[name][1].explained.get(gap, ())
            if differences:
                counts.append(f"{name} {len({difference.call for difference in differences})}")
        told.append(f"{number}. {gap.reason} ({', '.join(counts)})\n")
    return HEAD + "".join(lines) + NOTES + "".join(told) + NOT_AS_PUBLISHED


def results_of_recordings() -> dict[str, tuple[Verdict, Sorted]]:
    """Replay and judge every recording of the matrix."""
    results = {}
    for emitter in EMITTERS:
        with tempfile.TemporaryDirectory() as scratch:
            verdict = judge_recording(read_recording(emitter.name), Path(scratch) / "ledger")
        results[emitter.name] = (verdict, sort_out(emitter.name, verdict))
    return results


if __name__ == "__main__":
    PAGE.write_text(page(results_of_recordings()), encoding="utf-8")
