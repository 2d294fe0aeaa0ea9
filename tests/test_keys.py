"""API keys: whose request it is, what a keys file may hold, and that no key is ever written down."""

import logging
import os
import stat
import tomllib

import pytest

from spanledger.receiver import keys as api_keys
from spanledger.receiver.contract import Identity, Unauthenticated
from spanledger.receiver.keys import Keys, create, read_keys, revoke, sha256_of


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.toml"


@pytest.fixture
def unhurried(monkeypatch):
    """Look at the file at every request, so that no test waits for the next second."""
    monkeypatch.setattr(api_keys, "CHECK_INTERVAL_S", 0.0)


def entry(**changes) -> str:
    fields = {"id": '"a1"', "sha256": f'"{sha256_of("open sesame")}"', "tenant": '"acme"', "scopes": '["ingest"]'}
    return "[[key]]\n" + "".join(f"{name} = {value}\n" for name, value in (fields | changes).items() if value) + "\n"


def test_without_keys_everybody_is_the_default_tenant():
    keys = Keys.none()
    assert not keys.required
    assert keys.identify({}) == Identity("default", "", frozenset({"ingest", "read"}))


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer open sesame"},
        {"authorization": "bearer   open sesame "},
        {"x-api-key": "open sesame"},
        {"x-api-key": "open sesame", "authorization": "Basic dXNlcjpwYXNz"},
    ],
)
def test_a_known_key_names_tenant_key_and_scopes(path, headers):
    path.write_text(entry())
    assert Keys.load(path).identify(headers) == Identity("acme", "a1", frozenset({"ingest"}))


@pytest.mark.parametrize("headers", [{}, {"authorization": ""}, {"authorization": "Bearer "}, {"x-api-key": ""}])
def test_no_key_is_unauthenticated(path, headers):
    path.write_text(entry())
    with pytest.raises(Unauthenticated, match="An API key is needed: send it as 'authorization: Bearer"):
        Keys.load(path).identify(headers)


@pytest.mark.parametrize("shown", ["open sesamE", "open", sha256_of("open sesame"), "ключ", "\udce9"])
def test_an_unknown_key_is_unauthenticated_and_never_repeated(path, shown):
    path.write_text(entry())
    with pytest.raises(Unauthenticated, match="not known here") as refused:
        Keys.load(path).identify({"x-api-key": shown})
    assert shown not in str(refused.value)


def test_a_made_key_works_and_only_its_hash_is_kept(path):
    first = create(path, "acme", ["ingest"])
    second = create(path)
    assert first != second
    assert first not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keys = Keys.load(path)
    assert keys.required
    acme, default = keys.identify({"x-api-key": first}), keys.identify({"x-api-key": second})
    assert (acme.tenant, acme.scopes) == ("acme", {"ingest"})
    assert (default.tenant, default.scopes) == ("default", {"ingest", "read"})
    assert first.startswith(f"sl_{acme.key_id}_")
    assert len(bytes.fromhex(first.rpartition("_")[2])) * 8 >= 128


@pytest.mark.parametrize("tenant", ['say "hi"', "naïve\\path", "日本", "a\nb", "smile 😀"])
def test_any_tenant_survives_the_file(path, tenant):
    key = create(path, tenant)
    assert Keys.load(path).identify({"x-api-key": key}).tenant == tenant


def test_a_wrong_scope_makes_no_key(path):
    with pytest.raises(ValueError, match="scopes must be some of ingest, read, admin, found \\['write'\\]"):
        create(path, "acme", ["write"])
    assert not path.exists()


def test_making_and_revoking_keeps_the_rest_of_the_file(path):
    path.write_text("# our keys\n" + entry())
    made = create(path, "beta")
    revoke(path, "a1")
    assert path.read_text().startswith("# our keys\n")
    assert [key.tenant for key in read_keys(path)] == ["beta"]
    revoke(path, read_keys(path)[0].id)
    assert read_keys(path) == []
    with pytest.raises(Unauthenticated, match="not known"):
        Keys.load(path).identify({"x-api-key": made})


def test_revoking_what_is_not_there_says_so(path):
    path.write_text(entry())
    with pytest.raises(ValueError, match=r"keys.toml holds no key 'zz': `spanledger key list` shows those it has."):
        revoke(path, "zz")


@pytest.mark.usefixtures("unhurried")
def test_a_changed_file_is_read_again(path):
    old = create(path, "acme")
    keys = Keys.load(path)
    old_id = keys.identify({"x-api-key": old}).key_id
    new = create(path, "beta")
    os.utime(path, ns=(1, 1))  # whatever the clock's resolution: it differs from before
    assert keys.identify({"x-api-key": new}).tenant == "beta"
    revoke(path, old_id)
    os.utime(path, ns=(2, 2))
    with pytest.raises(Unauthenticated, match="not known"):
        keys.identify({"x-api-key": old})


def test_the_file_is_not_looked_at_before_the_interval_is_over(path, monkeypatch):
    key = create(path)
    keys = Keys.load(path)
    looked = []
    monkeypatch.setattr(api_keys, "CHECK_INTERVAL_S", 3600.0)
    monkeypatch.setattr(api_keys, "_modified_ns", looked.append)
    for _ in range(100):
        keys.identify({"x-api-key": key})
    assert looked == []


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("harm", ["break", "remove"])
def test_a_file_that_breaks_later_leaves_the_known_keys_valid_and_says_so_once(path, caplog, harm):
    key = create(path)
    keys = Keys.load(path)
    if harm == "break":
        path.write_text("[[key")
        os.utime(path, ns=(1, 1))
    else:
        path.unlink()
    with caplog.at_level(logging.ERROR):
        assert keys.identify({"x-api-key": key}).tenant == "default"
    assert "keys.toml" in caplog.text
    assert "The keys known before stay valid." in caplog.text
    if harm == "break":
        keys.identify({"x-api-key": key})
        assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[key", "is not valid TOML"),
        ("title = 1", "may hold \\[\\[key\\]\\] entries only, found 'title'"),
        ("key = 1", "may hold \\[\\[key\\]\\] entries only, found 'key'"),
        ("[[key]]", "entry 1: needs exactly id, sha256, tenant and scopes, found nothing"),
        (entry() + entry(tenant=""), "entry 2: needs exactly id, sha256, tenant and scopes, found id, scopes, sha256"),
        (entry(expires="1"), "entry 1: needs exactly id, sha256, tenant and scopes, found expires, id"),
        (entry(tenant='""'), "entry 1: tenant must be a text that is not empty, found ''"),
        (entry(id="7"), "entry 1: id must be a text that is not empty, found 7"),
        (entry(sha256='"abc"'), "entry 1 \\('a1'\\): sha256 must be 64 hex digits"),
        (entry(scopes='["write"]'), "entry 1 \\('a1'\\): scopes must be some of ingest, read, admin"),
        (entry(scopes="[]"), "scopes must be some of"),
        (entry(scopes='"ingest"'), "scopes must be some of"),
        (entry(scopes="[[]]"), "scopes must be some of"),
        (entry() + entry(), "holds entry 2 \\('a1'\\) twice: remove one"),
        ("key = [1]", "entry 1: needs exactly id, sha256, tenant and scopes, found 1"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence_with_file_and_entry(path, text, says):
    path.write_text(text)
    with pytest.raises(ValueError, match=says) as refused:
        Keys.load(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith(".")


def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(path, tmp_path):
    with pytest.raises(ValueError, match=r"keys.toml cannot be read: No such file or directory\."):
        Keys.load(path)
    with pytest.raises(ValueError, match=r"cannot be read: Is a directory\."):
        Keys.load(tmp_path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="cannot be read: 'utf-8' codec can't decode"):
        Keys.load(path)


def test_an_empty_file_lets_nobody_in(path):
    path.write_text("")
    keys = Keys.load(path)
    assert keys.required
    with pytest.raises(Unauthenticated, match="not known"):
        keys.identify({"x-api-key": "anything"})


def test_the_example_of_the_module_is_a_valid_keys_file(path):
    example = "\n".join(line[4:] for line in api_keys.__doc__.splitlines() if line.startswith("    "))
    assert tomllib.loads(example)
    path.write_text(example)
    assert [key.tenant for key in read_keys(path)] == ["default"]
