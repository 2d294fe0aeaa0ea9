"""Where a listener listens: host and port, read from and written as HOST:PORT."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Self

PORT_MAX: Final = 65535
PATTERN: Final = re.compile(r"(?:\[(?P<bracketed>[^\]]+)\]|(?P<plain>[^:\[\]]+)):(?P<port>\d+)")


@dataclass(frozen=True, slots=True)
class Address:
    """A host (name or IP address) and a port; port 0 lets the system choose one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "127.0.0.1:4317" or "[::1]:4317". Raises `ValueError`, a half sentence that says what is wrong."""
        found = PATTERN.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text!r} is not HOST:PORT, like 127.0.0.1:4317 or [::1]:4317")
        port = int(found["port"])
        if port > PORT_MAX:
            raise ValueError(f"{text!r} has a port above {PORT_MAX}")
        return cls(found["bracketed"] or found["plain"], port)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it. A name other than localhost may be anything."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
