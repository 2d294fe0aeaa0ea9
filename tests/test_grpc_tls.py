"""OTLP over gRPC with TLS: who is served, and what a start says of files that cannot be used."""

from concurrent.futures import Future
from pathlib import Path

import grpc
import pytest

from spanledger.receiver.grpc_server import GrpcServer
from spanledger.receiver.keys import Keys
from spanledger.receiver.limits import Limits
from spanledger.receiver.tls import Tls
from tests.certificates import make_certificates
from tests.grpc_serving import TIMEOUT_S, TRACES, a_request, failed_export, serving
from tests.sinks import Sink


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def secure_export(server: GrpcServer, credentials: grpc.ChannelCredentials) -> bytes:
    with grpc.secure_channel(f"127.0.0.1:{server.port}", credentials) as channel:
        return channel.unary_unary(TRACES)(a_request(), timeout=TIMEOUT_S)


def test_tls_serves_who_trusts_it_and_nobody_in_the_clear(sink, certificates):
    tls = Tls(certificates / "server.pem", certificates / "server.key")
    with serving(sink, tls=tls) as server:
        trusting = grpc.ssl_channel_credentials((certificates / "ca.pem").read_bytes())
        assert secure_export(server, trusting) == b""
        assert failed_export(server, a_request()).code() is grpc.StatusCode.UNAVAILABLE
    assert len(sink.stored) == 1


def test_mutual_tls_serves_only_clients_of_its_authority(sink, certificates):
    tls = Tls(certificates / "server.pem", certificates / "server.key", certificates / "ca.pem")
    authority = (certificates / "ca.pem").read_bytes()
    known = grpc.ssl_channel_credentials(
        authority, (certificates / "client.key").read_bytes(), (certificates / "client.pem").read_bytes()
    )
    with serving(sink, tls=tls) as server:
        assert secure_export(server, known) == b""
        with pytest.raises(grpc.RpcError) as failed:
            secure_export(server, grpc.ssl_channel_credentials(authority))
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    assert len(sink.stored) == 1


def test_a_tls_file_that_is_missing_is_named(tmp_path):
    server = GrpcServer(lambda _: Future(), Keys.none(), Limits(), port=0, tls=Tls(tmp_path / "c.pem", tmp_path / "k"))
    with pytest.raises(ValueError, match=r"c\.pem cannot be read: No such file or directory\."):
        server.start()
