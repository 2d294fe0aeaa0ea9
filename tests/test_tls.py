"""TLS files: what cannot be used is said before anything listens."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from spanledger.receiver.tls import Tls

OPENSSL = shutil.which("openssl")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pairs of certificate and key (one, two), and the first key encrypted."""
    if OPENSSL is None:
        pytest.skip("openssl is not installed, so there are no certificates to test with")
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments: str) -> None:
        subprocess.run([OPENSSL, *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    for name in ("one", "two"):
        openssl("req", "-x509", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")
    openssl("ec", "-in", "one.key", "-aes128", "-passout", "pass:secret", "-out", "encrypted.key")
    (folder / "text.pem").write_text("not a certificate")
    return folder


def test_the_context_is_a_server_of_tls_1_2_or_newer(folder):
    context = Tls(folder / "one.pem", folder / "one.key").context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_NONE


def test_a_client_authority_makes_certificates_of_clients_a_must(folder):
    context = Tls(folder / "one.pem", folder / "one.key", folder / "two.pem").context()
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_the_files_are_given_as_they_are_for_a_server_that_wants_them_so(folder):
    files = [folder / "one.pem", folder / "one.key", folder / "two.pem"]
    assert Tls(*files).pem() == tuple(file.read_bytes() for file in files)
    assert Tls(*files[:2]).pem()[2] is None


@pytest.mark.parametrize(
    ("certificate", "key", "client_ca", "message"),
    [
        ("no.pem", "one.key", None, r"^The TLS certificate .*no\.pem cannot be read: No such file or directory\.$"),
        ("one.pem", "no.key", None, r"^The TLS key .*no\.key cannot be read: No such file or directory\.$"),
        ("one.pem", "one.key", "no.pem", r"^The TLS client authority .*no\.pem cannot be read: No such file"),
        ("text.pem", "one.key", None, r"^The TLS certificate .*text\.pem and key .*one\.key cannot be used together"),
        ("one.pem", "two.key", None, r"cannot be used together \(KEY_VALUES_MISMATCH\): both must be PEM"),
        ("one.pem", "encrypted.key", None, r"cannot be used together .*the key must not be encrypted\.$"),
        ("one.pem", "one.key", "text.pem", r"^The file of the TLS client authority .*text\.pem holds no PEM certif"),
    ],
)
@pytest.mark.parametrize("use", ["context", "pem"])
def test_a_file_that_cannot_be_used_is_named(folder, certificate, key, client_ca, message, use):
    tls = Tls(folder / certificate, folder / key, None if client_ca is None else folder / client_ca)
    with pytest.raises(ValueError, match=message) as error:
        getattr(tls, use)()
    assert "\n" not in str(error.value)
