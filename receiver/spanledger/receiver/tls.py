"""The certificate a listener shows, and the authority its clients must be certified by (mutual TLS)."""

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files of a listener: its certificate chain and private key (not encrypted).

    With `client_ca` (mutual TLS) every client must show a certificate that comes from that authority.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """The server side of TLS 1.2 or newer with these files; ValueError with one sentence if one cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        for what, path in self._files():
            _read(what, path)
        try:
            # An empty password makes an encrypted key an error; without one OpenSSL would ask on the terminal.
            context.load_cert_chain(self.certificate, self.key, password="")
        except ssl.SSLError as error:
            raise ValueError(
                f"The TLS certificate {self.certificate} and key {self.key} cannot be used together "
                f"({error.reason or error}): both must be PEM, belong to each other, and the key must not be encrypted."
            ) from error
        if self.client_ca is not None:
            try:
                context.load_verify_locations(cafile=self.client_ca)
            except ssl.SSLError as error:
                raise ValueError(
                    f"The file of the TLS client authority {self.client_ca} holds no PEM certificate "
                    f"({error.reason or error})."
                ) from error
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def pem(self) -> tuple[bytes, bytes, bytes | None]:
        """The contents of certificate, key and client authority, for a server that wants them so (gRPC).

        Checked like `context` does; raises ValueError.
        """
        self.context()
        client_ca = None if self.client_ca is None else _read("client authority", self.client_ca)
        return _read("certificate", self.certificate), _read("key", self.key), client_ca

    def _files(self) -> list[tuple[str, Path]]:
        files = [("certificate", self.certificate), ("key", self.key)]
        return files if self.client_ca is None else [*files, ("client authority", self.client_ca)]


def _read(what: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"The TLS {what} {path} cannot be read: {error.strerror or error}.") from error
