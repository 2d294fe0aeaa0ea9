"""Settings: where they come from, which one wins, and what is said of a wrong one."""

from pathlib import Path

import platformdirs
import pytest

from spanledger.cli import settings
from spanledger.cli.addresses import Address
from spanledger.cli.failures import WrongUse


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    """An empty working directory and no SPANLEDGER_* variable."""
    for name in (*settings.Settings.model_fields, "config"):
        monkeypatch.delenv(f"SPANLEDGER_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_defaults_listen_on_loopback_and_keep_no_content():
    chosen = settings.load()
    assert chosen.data == Path(platformdirs.user_data_dir("spanledger", appauthor=False))
    assert (str(chosen.grpc), str(chosen.http)) == ("127.0.0.1:4317", "127.0.0.1:4318")
    assert chosen.keys_file == chosen.data / "keys.toml"
    assert chosen.body_bytes_max == 64 << 20
    assert not chosen.keep_content
    assert not chosen.insecure


def test_flags_win_over_variables_over_the_file_over_defaults(monkeypatch):
    Path("spanledger.toml").write_text('grpc = "127.0.0.1:1"\nhttp = "127.0.0.1:1"\nlinger_s = 0.1\n')
    monkeypatch.setenv("SPANLEDGER_GRPC", "127.0.0.1:2")
    monkeypatch.setenv("SPANLEDGER_HTTP", "127.0.0.1:2")
    chosen = settings.load(grpc="127.0.0.1:3", http=None)
    assert (chosen.grpc.port, chosen.http.port, chosen.linger_s, chosen.insecure) == (3, 2, 0.1, False)


def test_the_file_may_be_elsewhere(monkeypatch, tmp_path):
    elsewhere = tmp_path / "etc" / "ours.toml"
    elsewhere.parent.mkdir()
    elsewhere.write_text("keep_content = true\n")
    Path("spanledger.toml").write_text("linger_s = 0.5\n")
    monkeypatch.setenv("SPANLEDGER_CONFIG", str(elsewhere))
    chosen = settings.load()
    assert chosen.keep_content
    assert chosen.linger_s == 0.003, "only one file is read"


def test_an_empty_variable_says_nothing(monkeypatch):
    monkeypatch.setenv("SPANLEDGER_GRPC", "")
    monkeypatch.setenv("SPANLEDGER_CONFIG", "")
    assert settings.load().grpc.port == 4317


def test_a_home_folder_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SPANLEDGER_DATA", "~/ledger")
    assert settings.load(keys="~/k.toml").data == tmp_path / "ledger"
    assert settings.load(keys="~/k.toml").keys_file == tmp_path / "k.toml"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('grcp = "127.0.0.1:1"', "spanledger.toml: there is no setting 'grcp'; there are data, grpc, http, keys,"),
        ("[server]\nport = 1", "spanledger.toml: there is no setting 'server'"),
        ('grpc = "4317"', "spanledger.toml: grpc: '4317' is not HOST:PORT, like 127.0.0.1:4317 or [::1]:4317."),
        ('body_bytes_max = "big"', "spanledger.toml: body_bytes_max: 'big': Input should be a valid integer"),
        ("body_bytes_max = 0", "spanledger.toml: body_bytes_max: 0: Input should be greater than or equal to 1024."),
        ('keep_content = "perhaps"', "spanledger.toml: keep_content: 'perhaps': Input should be a valid boolean"),
        ("grpc = ", "spanledger.toml is not valid TOML: Invalid value"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence_that_names_the_setting(text, says):
    Path("spanledger.toml").write_text(text)
    with pytest.raises(WrongUse) as refused:
        settings.load()
    assert str(refused.value).startswith(says)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 2


def test_a_wrong_variable_or_flag_is_named_as_it_was_given(monkeypatch):
    with pytest.raises(WrongUse, match=r"^--body-bytes-max: 7: Input should be greater than or equal to 1024\.$"):
        settings.load(body_bytes_max=7)
    monkeypatch.setenv("SPANLEDGER_LINGER_S", "soon")
    with pytest.raises(WrongUse, match=r"^SPANLEDGER_LINGER_S: 'soon': Input should be a valid number"):
        settings.load()


def test_a_file_that_is_named_must_be_there(monkeypatch, tmp_path):
    monkeypatch.setenv("SPANLEDGER_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(WrongUse, match=r"SPANLEDGER_CONFIG names .*none\.toml, and there is no such file\."):
        settings.load()


def test_tls_is_given_whole_or_not_at_all():
    with pytest.raises(WrongUse, match="TLS needs both tls_certificate and tls_key"):
        settings.load(tls_certificate="c.pem")
    with pytest.raises(WrongUse, match="tls_client_ca asks for mutual TLS"):
        settings.load(tls_client_ca="ca.pem")
    assert settings.load(tls_certificate="c.pem", tls_key="k.pem", tls_client_ca="ca.pem").tls_client_ca == Path(
        "ca.pem"
    )


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("127.0.0.1:4317", "127.0.0.1", 4317, True),
        ("127.9.9.9:0", "127.9.9.9", 0, True),
        ("[::1]:4317", "::1", 4317, True),
        ("localhost:65535", "localhost", 65535, True),
        ("0.0.0.0:4317", "0.0.0.0", 4317, False),
        ("[::]:4317", "::", 4317, False),
        ("localhost.example.com:4317", "localhost.example.com", 4317, False),
        ("192.168.0.7:4317", "192.168.0.7", 4317, False),
    ],
)
def test_an_address_is_read_written_and_judged(text, host, port, loopback):
    address = Address.parse(text)
    assert (address.host, address.port, address.is_loopback) == (host, port, loopback)
    assert str(address) == text


@pytest.mark.parametrize("text", ["", "4317", ":4317", "localhost", "localhost:", "::1:4317", "[::1]", "a:b", "a:1:2"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match=r"is not HOST:PORT, like 127\.0\.0\.1:4317"):
        Address.parse(text)


def test_a_port_has_sixteen_bits():
    with pytest.raises(ValueError, match="'localhost:65536' has a port above 65535"):
        Address.parse("localhost:65536")
