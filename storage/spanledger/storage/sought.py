"""Sought: what is still to be found of records that some of a batch may have to do with."""

from dataclasses import dataclass

import numpy as np

from spanledger.storage.aliases import NONE, Aliases
from spanledger.storage.remembered import Concern
from spanledger.storage.schema import Batch, Hashes, Mask, Rows


@dataclass(frozen=True)
class Sought:
    """Records that arrived, and under what something is there that was not found yet.

    `names`: their names, a row for each of `Aliases.kinds`; `prints`: their fingerprints, in the ledger.
    """

    aliases: Aliases
    names: Mask
    prints: Mask

    @classmethod
    def of(cls, aliases: Aliases, concern: Concern, rows: Rows) -> "Sought":
        """What is sought for some records of a batch."""
        return cls(aliases.take(rows), concern.names[:, rows], concern.in_ledger[rows])

    def __len__(self) -> int:
        return len(self.aliases)

    @property
    def hashes(self) -> Hashes:
        """The names to look for, in ascending order."""
        return np.unique(self.aliases.kinds[self.names])

    @property
    def alike(self) -> Aliases:
        """The records whose fingerprint is to be looked for."""
        return self.aliases.take(np.flatnonzero(self.prints & (self.aliases.fingerprint != NONE)))

    def not_in(self, found: Batch) -> "Sought":
        """What is left once some records were found: a name is answered by any that bears it, a fingerprint never."""
        if not len(self):
            return self
        names = self.names.copy()
        names[self.names] = ~np.isin(self.aliases.kinds[self.names], Aliases.of(found).kinds)
        rows = np.flatnonzero(names.any(axis=0) | self.prints)
        return Sought(self.aliases.take(rows), names[:, rows], self.prints[rows])

    def further(self, found: Batch) -> "Sought":
        """What is to be looked for further away: only names that were not found near."""
        names_only = Sought(self.aliases, self.names, np.zeros_like(self.prints))
        return names_only.not_in(found)
