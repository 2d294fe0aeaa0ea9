"""What can go wrong with a ledger. Each message is one sentence for the user: what happened, to what, what to do."""


class LedgerError(Exception):
    """The ledger cannot be opened or used as it is; the message says what to do."""


class LedgerInUse(LedgerError):
    """Another process holds the ledger's file."""


class LedgerTooNew(LedgerError):
    """The ledger was written by a newer version of Spanledger."""


class LedgerBehind(LedgerError):
    """The ledger holds less than was acknowledged: rows are missing, and a start would hide it."""


class LedgerUnavailable(LedgerError):
    """A write failed for a reason that may pass (a full disk, an I/O error): nothing of it was stored, try again."""


class RowsRefused(LedgerError):
    """Rows that the ledger cannot hold: the same batch will always fail. Nothing of it was stored."""


class StatementRefused(LedgerError):
    """A user's SQL statement is not one that may run on a ledger."""


class QueryTimeout(LedgerError):
    """A query ran past its time limit and was stopped."""
