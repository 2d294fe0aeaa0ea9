"""Measure: `python -m benchmarks [name …] [--quick] [--json] [--write]`."""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks import (
    append_ratio,
    first_bill,
    intake,
    kills,
    merge_cost,
    mix,
    pricing,
    readers,
    replay,
    small_requests,
    start,
)
from benchmarks.figure import Figure, Session
from benchmarks.load import REPOSITORY

MEASUREMENTS: Final[dict[str, Callable[[Session], list[Figure]]]] = {
    "pricing": pricing.measure,
    "intake": intake.measure,
    "append": append_ratio.measure,
    "small": small_requests.measure,
    "readers": readers.measure,
    "start": start.measure,
    "replay": replay.measure,
    "first_bill": first_bill.measure,
    "mix": mix.measure,
    "merge": merge_cost.measure,
    "kills": kills.measure,
}
LONG: Final = ("merge", "kills")
"""Run only when named: a quarter and half an hour."""
README: Final = REPOSITORY / "benchmarks" / "README.md"
BEGIN, END = "<!-- figures: written by python -m benchmarks --write -->", "<!-- end of figures -->"
MET: Final = {True: "yes", False: "**no**", None: ""}


def machine() -> str:
    """What the figures were measured on."""
    models = {
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    }
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return (
        f"{len(os.sched_getaffinity(0))} processors ({', '.join(sorted(models))}), {memory_gib:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def table(figures: list[Figure]) -> str:
    """The figures as a Markdown table."""
    lines = ["| what | target | measured | met | how |", "|---|---|---|---|---|"]
    lines += [f"| {f.what} | {f.at_least} | {f.measured} | {MET[f.met]} | {f.how} |" for f in figures]
    return "\n".join(lines)


def written(text: str, figures: list[Figure], run: str) -> str:
    """The README with the marked block replaced."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{run}\n\n{table(figures)}\n{END}{after}"


def main() -> int:
    """Command line; exit code 1 if a figure was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure a running Spanledger.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="name",
        help=f"of {', '.join(MEASUREMENTS)}; without any, all but {' and '.join(LONG)}",
    )
    parser.add_argument("--quick", action="store_true", help="send a tenth: two minutes in all, rougher figures")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(MEASUREMENTS):
        parser.error(f"no measurement is called {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="spanledger-bench-") as folder:
        session = Session(Path(folder), chosen.quick, lambda line: print(line, file=sys.stderr, flush=True))
        for name, measure in MEASUREMENTS.items():
            if name in chosen.names or (not chosen.names and name not in LONG):
                figures += measure(session)
    run = f"{datetime.now(UTC):%-d %B %Y}{', quick run' if chosen.quick else ''}: {machine()}."
    if chosen.json:
        print(
            json.dumps({"machine": machine(), "quick": chosen.quick, "figures": [asdict(f) for f in figures]}, indent=2)
        )
    else:
        print(f"{run}\n\n{table(figures)}")
    if chosen.write:
        README.write_text(written(README.read_text(), figures, run))
    return int(any(figure.met is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
