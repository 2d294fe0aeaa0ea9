"""Learning where logs appear: folders that bring some are looked at often, barren ones hardly ever.

A folder's score is the share of looks that found something new, times how recently one did. A folder that never brings
anything after some looks is barren, and looked at again only now and then; so are those beside a fruitful one, in which
nobody has looked yet. The pause between two rounds shrinks while something comes and grows while nothing does.
"""

import json
import os
import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

BARREN_LOOKS: Final = 5
"""Looks that found nothing, after which a folder is barren."""
EXPLORED_SHARE: Final = 0.1
"""Of the barren and the unknown folders, so many are looked at in each round."""
FRESH_S: Final = 24 * 3600.0
STALE_S: Final = 30 * 24 * 3600.0
STALE_WEIGHT: Final = 0.1
"""A find counts in full for a day, and then less and less until it is a month old."""
LIKELY: Final = 0.02
"""Folders of a lower score are explored, not looked at each time."""
FOLDERS_MAX: Final = 20_000
"""Folders that are remembered; those with the lowest scores are forgotten first."""

PAUSE_MIN_S: Final = 1.0
PAUSE_MAX_S: Final = 60.0
PAUSE_FIRST_S: Final = 4.0


@dataclass(slots=True)
class Looks:
    """What is known of a folder: how often it was looked at, how often something new was there, and when last."""

    looks: int = 0
    finds: int = 0
    found_at_s: float | None = None

    def score(self, now_s: float) -> float:
        """Between 0 and 1: how likely something new is there."""
        if not self.looks or self.found_at_s is None:
            return 0.0
        age_s = now_s - self.found_at_s
        if age_s <= FRESH_S:
            recency = 1.0
        else:
            passed = min(1.0, (age_s - FRESH_S) / (STALE_S - FRESH_S))
            recency = 1.0 - passed * (1.0 - STALE_WEIGHT)
        return self.finds / self.looks * recency

    @property
    def barren(self) -> bool:
        """Whether it was looked at often enough to know that nothing comes."""
        return self.looks >= BARREN_LOOKS and not self.finds


def parent(folder: str) -> str:
    """The folder above."""
    return str(Path(folder).parent)


class Learning:
    """What was learnt of all folders, and how long to wait before the next round."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._folders: dict[str, Looks] = {}
        self._chance = chance or random.Random()  # noqa: S311 - nothing secret depends on it
        self.pause_s = PAUSE_FIRST_S

    @classmethod
    def load(cls, file: Path, chance: random.Random | None = None) -> "Learning":
        """What a file says; nothing where there is none, or it cannot be read: it is learnt again."""
        learning = cls(chance)
        try:
            kept = json.loads(file.read_text("utf-8"))
            learning._folders = {
                str(path): Looks(int(looks["looks"]), int(looks["finds"]), looks["found_at_s"])
                for path, looks in kept.items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            learning._folders = {}
        return learning

    def save(self, file: Path, now_s: float) -> None:
        """Write it down, all or nothing. Raises OSError."""
        best = sorted(self._folders, key=lambda path: self._folders[path].score(now_s), reverse=True)[:FOLDERS_MAX]
        scratch = file.with_name(f"{file.name}.{os.getpid()}")
        scratch.write_text(json.dumps({path: asdict(self._folders[path]) for path in best}), "utf-8")
        scratch.replace(file)

    def looked(self, folder: str, new: int, now_s: float) -> None:
        """Learn from one look, which found `new` files with something new in them."""
        looks = self._folders.setdefault(folder, Looks())
        looks.looks += 1
        if new:
            looks.finds += 1
            looks.found_at_s = now_s

    def of(self, folder: str) -> Looks:
        """What is known of a folder."""
        return self._folders.get(folder, Looks())

    def choose(self, folders: Iterable[str], now_s: float) -> list[str]:
        """The folders to look at in this round: the likely ones, best first, and some of the others."""
        scored = [(self.of(folder).score(now_s), folder) for folder in dict.fromkeys(folders)]
        likely = sorted((one for one in scored if one[0] >= LIKELY), key=lambda one: (-one[0], one[1]))
        fruitful_parents = {parent(folder) for _, folder in likely}
        chosen = [folder for _, folder in likely]
        for score, folder in scored:
            if score >= LIKELY:
                continue
            beside = parent(folder) in fruitful_parents and not self.of(folder).barren
            untried = not self.of(folder).barren and self.of(folder).looks < BARREN_LOOKS
            if beside or untried or self._chance.random() < EXPLORED_SHARE:
                chosen.append(folder)
        return chosen

    def rest(self, new: int) -> float:
        """How long to wait after a round that found `new` files with something new, in seconds."""
        self.pause_s = max(PAUSE_MIN_S, self.pause_s / 2) if new else min(PAUSE_MAX_S, self.pause_s * 1.5)
        return self.pause_s
