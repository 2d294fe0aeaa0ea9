"""The bytes of all requests together that are being read or wait to be stored."""

from types import TracebackType

from spanledger.receiver.contract import Busy


class InFlight:
    """How much is held at the moment, of at most `bytes_max`. For one event loop; not safe between threads."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.bytes = 0

    def share(self) -> "Share":
        """One request's part, given back at the end of its `with` block."""
        return Share(self)


class Share:
    """What one request holds."""

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self._bytes = 0

    def hold(self, size_bytes: int) -> None:
        """Hold so much from now on, instead of what was held before. Raises Busy when all would then hold too much."""
        more = size_bytes - self._bytes
        if more > 0 and self._in_flight.bytes + more > self._in_flight.bytes_max:
            raise Busy("The requests being read take all the memory set aside for them: send this again later.")
        self._in_flight.bytes += more
        self._bytes = size_bytes

    def __enter__(self) -> "Share":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hold(0)
