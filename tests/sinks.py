"""What stands behind a receiver in its tests."""

from collections.abc import Sequence

from spanledger.receiver.contract import Answer, Refused, Request, Stored


class Sink:
    """Stores requests in memory and answers as it is told to."""

    def __init__(self) -> None:
        self.stored: list[Request] = []
        self.says: Answer | Exception = Stored()

    def store(self, requests: Sequence[Request]) -> Sequence[Answer]:
        if isinstance(self.says, Exception) and not isinstance(self.says, Refused):
            raise self.says
        self.stored.extend(requests)
        return [self.says] * len(requests)
