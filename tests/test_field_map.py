"""Field maps: other people's JSON lines and CSV by their own names."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.field_map import OURS, BadFieldMap, field_map, is_json, mapped, read_map
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Usage
from tests.replaying import read

MAP = """
timestamp = "at"
duration_ms = "took"
provider = "vendor"
model = "llm.name"
uncached_input_tokens = "usage.fresh"
cache_read_tokens = "usage.cached"
output_tokens = "usage.out"
cost_usd = "price"
session_id = "chat"
user_id = "who"
error = "failure"
"""

ROW = {
    "at": 1770629880.5, "took": 1500, "vendor": "openai", "llm": {"name": "gpt-5"}, "price": "$0.01",
    "usage": {"fresh": 10, "cached": 90, "out": 5}, "chat": "c-1", "who": "alice", "body": "CANARY-7f3a",
}  # fmt: skip


def calls(path: Path, written: str = MAP, log: Log | None = None) -> list[Call]:
    return [record for record in read(mapped(field_map(written)), path, log) if isinstance(record, Call)]


def test_keys_lead_into_objects(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(ROW) + "\n", encoding="utf-8")
    (call,) = calls(path)
    assert call.usage == Usage(input_tokens=100, cache_read_tokens=90, output_tokens=5)
    assert (call.started_ns, call.ended_ns) == (1_770_629_880_500_000_000, 1_770_629_882_000_000_000)
    assert (call.provider, call.model, call.cost_usd) == ("openai", "gpt-5", Decimal("0.01"))
    assert (call.session.id, call.session.user) == ("c-1", "alice")
    assert "CANARY-7f3a" not in repr(call)


def test_columns_of_csv_may_have_dots_and_spaces_in_their_names(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "When,llm.name,Tokens In,Tokens Out\n2026-02-09 09:38:00,gpt-5,1205,847\n2026-02-09 09:39:00,gpt-5,1,2\n",
        encoding="utf-8",
    )
    found = calls(
        path, 'timestamp = "When"\nmodel = "llm.name"\ninput_tokens = "Tokens In"\noutput_tokens = "Tokens Out"'
    )
    assert [call.usage.output_tokens for call in found] == [847, 2]
    assert [call.usage.input_tokens for call in found] == [1205, 1]


def test_a_record_without_a_time_or_a_model_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"at": 1770629880}\n{"llm": {"name": "gpt-5"}}\n', encoding="utf-8")
    log = Log(path)
    assert calls(path, log=log) == []
    assert log.skipped == {"record without a time or a model": 2}


def test_without_a_provider_the_models_name_tells(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(ROW | {"vendor": None}) + "\n", encoding="utf-8")
    assert calls(path)[0].provider == "_OTHER"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("timestamp = ", "The field map is not TOML: "),
        ('tokens = "x"', "The field map names 'tokens', which is none of: application, "),
        ("model = 1", 'The field map must give the key of model as a text, as in model = "their.key".'),
        ('timestamp = "t"', "The field map does not say which key is the model; every call needs one."),
        ('model = "m"', "The field map does not say which key is the timestamp; every call needs one."),
    ],
)
def test_a_bad_map_says_what_is_wrong_with_it(written: str, message: str) -> None:
    with pytest.raises(BadFieldMap) as raised:
        field_map(written)
    assert str(raised.value).startswith(message)


def test_a_map_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text(MAP, encoding="utf-8")
    assert read_map(path)["model"] == "llm.name"
    path.write_bytes(b"model = \xff")
    with pytest.raises(BadFieldMap, match="is not UTF-8 text"):
        read_map(path)


def test_every_field_of_ours_can_be_mapped() -> None:
    assert set(field_map("".join(f'{name} = "x"\n' for name in OURS))) == OURS


def test_json_is_told_from_csv_by_how_it_begins() -> None:
    assert is_json(b'\xef\xbb\xbf {"a"')
    assert not is_json(b"a,b\n")
