"""How much a client may send and how slowly: one set of limits for both protocols."""

from dataclasses import dataclass

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may cost us. Sizes are in bytes, timeouts in seconds.

    `body_bytes_max` holds for a body as it arrives and again once it is decompressed; 64 MiB is what the OTLP
    specification recommends. `in_flight_bytes_max` bounds the bodies of all requests together that are read or wait to
    be stored. A connection is closed when its headers (`header_timeout_s`) or its body (`body_timeout_s`) have not
    arrived in full by then, or when nothing is asked on it for `idle_timeout_s`.
    Raises ValueError for limits under which no request could ever be accepted.
    """

    body_bytes_max: int = 64 * MEBIBYTE
    in_flight_bytes_max: int = 256 * MEBIBYTE
    header_bytes_max: int = 64 * 1024
    connections_max: int = 4096
    header_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    idle_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"The limit {name} is {getattr(self, name)}; it must be more than zero.")
        if self.in_flight_bytes_max < self.body_bytes_max:
            raise ValueError(
                f"The limit in_flight_bytes_max ({self.in_flight_bytes_max}) is less than body_bytes_max "
                f"({self.body_bytes_max}): a body of the allowed size could never be read; raise the first or lower "
                "the second."
            )
