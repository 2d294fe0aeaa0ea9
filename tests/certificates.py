"""Certificates for the tests of TLS, made with openssl."""

import shutil
import subprocess
from pathlib import Path

import pytest

OPENSSL = shutil.which("openssl")


def make_certificates(folder: Path) -> Path:
    """An authority (ca.pem), and certificates by it for a server on 127.0.0.1 and a client; skips without openssl."""
    if OPENSSL is None:
        pytest.skip("openssl is not installed, so there are no certificates to test with")

    def openssl(*arguments: str) -> None:
        subprocess.run([OPENSSL, *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    usage = "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"
    (folder / "ca.cnf").write_text(
        "[req]\ndistinguished_name=name\nx509_extensions=ca\n[name]\n[ca]\n" + "\n".join(usage)
    )
    authority = ("-config", "ca.cnf", "-subj", "/CN=authority", "-days", "2")
    openssl("req", "-x509", *new_key, *authority, "-keyout", "ca.key", "-out", "ca.pem")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl("req", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)
    return folder
