"""Look for input that breaks the path from the wire to the rows, for as long as you like.

    python -m tests.fuzz --seconds 600 [--seed N]

Starts from the corpus beside this file and from the tests' requests, damages them, and keeps in memory what behaved in
a way not seen before, to damage it further. Whatever raises anything but `Refused`, or costs a neighbour its call, is
written to the corpus, which the tests replay from then on. Exit code 1 if anything was found.
"""

import argparse
import random
import sys
import time

from tests.fuzz.targets import CORPUS, NEIGHBOURS, FindingError, outcome, seeds
from tests.mutation import mutated

KEPT_MAX = 5_000
REPORT_S = 10.0
SIZE_MAX = 64 << 10  # of what is kept: bigger input only makes the search slower


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="to repeat a run")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}, {NEIGHBOURS} good spans around every input")
    pools = seeds()
    seen: set[tuple[object, ...]] = set()
    chance = random.Random(chosen.seed)
    began = reported = time.monotonic()
    tried = 0
    found: set[str] = set()
    while time.monotonic() - began < chosen.seconds:
        kind = chance.choice(list(pools))
        body = mutated(chance.randrange(2**62), pools[kind])
        tried += 1
        try:
            behaviour = (kind, *outcome(kind, body))
        except FindingError as finding:
            if finding.kind not in found:
                found.add(finding.kind)
                path = CORPUS / f"found-{chosen.seed}-{len(found)}{kind}"
                path.write_bytes(body)
                print(f"{path}: {finding} ({finding.kind})", flush=True)
            continue
        if behaviour not in seen:
            seen.add(behaviour)
            if 0 < len(body) <= SIZE_MAX and len(pools[kind]) < KEPT_MAX:
                pools[kind].append(body)
        if time.monotonic() - reported > REPORT_S:
            reported = time.monotonic()
            print(f"{tried:,} inputs, {len(seen):,} behaviours, {len(found)} findings", flush=True)
    print(f"{tried:,} inputs, {len(seen):,} behaviours, {len(found)} findings")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
