"""`spanledger replay`, `doctor`, and `spanledger` alone: what is on disk is in the ledger, and on the bill."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.server import Server
from spanledger.storage.ledger import Ledger
from tests.log_fixtures import LOGS
from tests.running import Done

CALLS = 6
"""Of Claude Code's fixture; Codex' has 9."""
SPANLEDGER = [sys.executable, "-m", "spanledger.cli.main"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which Claude Code and Codex were used, and nothing else is set."""
    for name in list(os.environ):
        if name.startswith(("SPANLEDGER_", "CLAUDE_", "CODEX_", "XDG_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    shutil.copytree(LOGS / "claude-code", folder / ".claude")
    shutil.copytree(LOGS / "codex", folder / ".codex")
    monkeypatch.setenv("SPANLEDGER_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def run(home: Path, run: Callable[..., Done]) -> Callable[..., Done]:
    """Run `spanledger` with these arguments, in this process and that home."""
    return run


def counted(data: Path, table: str = "calls") -> int:
    ledger = Ledger.open_readonly(data)
    try:
        with ledger.reader() as reader:
            return int(reader.query(f"select count(*) as n from {table}").to_pylist()[0]["n"])
    finally:
        ledger.close()


def replayed(run: Callable[..., Done], *arguments: str | Path) -> Any:
    done = run("replay", *arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_alone_it_finds_replays_and_prints_the_bill(run: Callable[..., Done]):
    done = run()
    assert done.code == 0, done.err
    for told in ("Claude Code", "Codex", "2026-11", "total", "Priced", "Next:", "spanledger report"):
        assert told in done.out
    again = run()
    assert "Nothing new in 9 files of 2 tools." in again.out
    assert "2026-11" in again.out


def test_alone_on_a_machine_without_logs_it_says_what_to_do(run: Callable[..., Done], home: Path):
    shutil.rmtree(home)
    home.mkdir()
    done = run()
    assert done.code == 0, done.err
    assert "No logs were found" in done.out
    assert "spanledger up" in done.out


def test_a_replay_reads_each_file_once(run: Callable[..., Done], tmp_path: Path):
    data = tmp_path / "data"
    first = replayed(run, "--data", data)
    assert {name: (of["files"], of["new"]) for name, of in first["sources"].items()} == {
        "claude-code": (5, 5),
        "codex": (4, 4),
    }
    assert counted(data) == CALLS + 9
    second = replayed(run, "--data", data)
    assert [of["new"] for of in second["sources"].values()] == [0, 0]
    assert counted(data) == CALLS + 9


def test_sums_are_shown_where_there_are_any(run: Callable[..., Done], home: Path, tmp_path: Path):
    assert "sums" not in run("replay", "--data", tmp_path / "data").out.splitlines()[0]
    shutil.copytree(LOGS / "claude-cowork", home / "cowork")
    done = run("replay", home / "cowork", "--data", tmp_path / "data")
    assert done.out.splitlines()[0].split() == ["tool", "files", "new", "calls", "tools", "prompts", "sums"]
    assert done.out.splitlines()[1].split() == ["Claude", "Cowork", "1", "1", "0", "0", "0", "4"]


def test_what_is_written_later_is_read_from_where_it_was_left(run: Callable[..., Done], home: Path, tmp_path: Path):
    data = tmp_path / "data"
    replayed(run, "--data", data)
    (log,) = (home / ".claude").rglob("9d0a77aa*.jsonl")
    last = log.read_text("utf-8").splitlines()[-1]
    with log.open("a", encoding="utf-8") as file:
        file.write(last.replace("Fork", "More") + "\n")
    told = replayed(run, "--data", data)
    assert told["sources"]["claude-code"]["new"] == 1
    assert 0 < told["bytes"] < len(last) + 50
    assert counted(data) == CALLS + 10


def test_one_kind_of_logs_or_named_files_alone(run: Callable[..., Done], home: Path, tmp_path: Path):
    assert list(replayed(run, "--data", tmp_path / "one", "--source", "codex")["sources"]) == ["codex"]
    shutil.copytree(home / ".claude", tmp_path / "elsewhere")
    assert list(replayed(run, tmp_path / "elsewhere", "--data", tmp_path / "two")["sources"]) == ["claude-code"]
    assert counted(tmp_path / "two") == CALLS


def test_a_removed_ledger_is_filled_again(run: Callable[..., Done], tmp_path: Path):
    data = tmp_path / "data"
    replayed(run, "--data", data)
    for file in data.glob("ledger.duckdb*"):
        file.unlink()
    (data / "commit.mark").unlink()
    replayed(run, "--data", data)
    assert counted(data) == CALLS + 9


def test_files_of_another_age_are_left_and_counted(run: Callable[..., Done], home: Path, tmp_path: Path):
    for file in (home / ".codex").rglob("*.jsonl"):
        os.utime(file, (1_700_000_000, 1_700_000_000))
    told = replayed(run, "--data", tmp_path / "data", "--min-age", "1d")
    assert (told["sources"]["codex"]["new"], told["sources"]["claude-code"]["new"]) == (4, 0)
    assert [(one["reason"], one["times"]) for one in told["skipped"]] == [("not of the age that was asked for", 5)]
    told = replayed(run, "--data", tmp_path / "data", "--max-age", "1d")
    assert told["sources"]["claude-code"]["new"] == 5


def test_files_are_deleted_only_when_asked_and_unchanged(run: Callable[..., Done], home: Path, tmp_path: Path):
    folder = home / ".codex"
    told = replayed(run, folder, "--data", tmp_path / "data", "--delete-shipped")
    assert len(told["deleted"]) == 4
    assert list(folder.rglob("*.jsonl")) == []
    assert list((home / ".claude").rglob("*.jsonl"))


def test_a_running_server_receives_what_goes_into_its_ledger(run: Callable[..., Done], tmp_path: Path):
    data = tmp_path / "data"
    with Server(data):
        told = replayed(run, "--data", data)
        assert told["sources"]["codex"]["calls"] == 9
        again = replayed(run, "--data", data)
        assert [of["new"] for of in again["sources"].values()] == [0, 0]
    assert counted(data) == CALLS + 9
    # Positions are the folder's, whoever writes to the ledger.
    assert [of["new"] for of in replayed(run, "--data", data)["sources"].values()] == [0, 0]


def test_an_endpoint_has_positions_of_its_own(run: Callable[..., Done], tmp_path: Path):
    data = tmp_path / "data"
    replayed(run, "--data", data)
    with Server(tmp_path / "served") as server:
        url = server.url
        told = replayed(run, "--data", data, "--endpoint", url)
        assert told["sources"]["codex"]["new"] == 4
        assert replayed(run, "--data", data, "--endpoint", f"{url}/")["sources"]["codex"]["new"] == 0
    assert counted(tmp_path / "served") == CALLS + 9


def test_other_peoples_logs_are_read_by_a_field_map(run: Callable[..., Done], tmp_path: Path):
    (tmp_path / "map.toml").write_text('timestamp = "t"\nmodel = "m"\ninput_tokens = "u.in"\noutput_tokens = "u.out"\n')
    line = {"t": "2026-11-01T00:00:00Z", "m": "gpt-5", "u": {"in": 10, "out": 2}}
    (tmp_path / "x.log").write_text(json.dumps(line) + "\n")
    told = replayed(run, tmp_path / "x.log", "--map", tmp_path / "map.toml", "--data", tmp_path / "data")
    assert told["sources"]["mapped"]["calls"] == 1
    assert counted(tmp_path / "data") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--source", "nothing"], 2, "There is no kind of log 'nothing'; there are amp,"),
        (["--min-age", "soon"], 2, "--min-age 'soon' is no age: write it as 90s, 10min, 24h, 7d or 2w."),
        (["--endpoint", "localhost"], 2, "'localhost' is no address of an endpoint"),
        (["--delete-shipped"], 2, "--delete-shipped deletes only what you name"),
        (["--watch", "x"], 2, "--watch follows the places of known tools"),
        (["--map", "absent.toml", "x"], 2, "The field map absent.toml cannot be read: No such file or directory."),
        (["absent"], 1, "None of these is a log that is known"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_sentence(
    run: Callable[..., Done], arguments: list[str], code: int, sentence: str
):
    done = run("replay", *arguments)
    assert done.code == code
    assert sentence in done.err
    assert done.err.count("\n") == 1


def test_an_endpoint_that_does_not_answer_loses_nothing(run: Callable[..., Done], monkeypatch, tmp_path: Path):
    monkeypatch.setattr("spanledger.instrumentation.replay.shipping.ATTEMPTS_MAX", 1)
    monkeypatch.setattr("spanledger.instrumentation.replay.shipping.FIRST_WAIT_S", 0.001)
    monkeypatch.setattr("spanledger.instrumentation.replay.shipping.WAIT_MAX_S", 0.001)
    done = run("replay", "--data", tmp_path / "data", "--endpoint", "http://127.0.0.1:9")
    assert done.code == 1
    assert "The endpoint http://127.0.0.1:9 does not answer" in done.err
    with Server(tmp_path / "served") as server:
        told = replayed(run, "--data", tmp_path / "data", "--endpoint", server.url)
        assert told["sources"]["codex"]["new"] == 4


def test_what_cannot_be_looked_at_where_all_programs_log_only_the_doctor_tells(
    run: Callable[..., Done], home: Path, monkeypatch: pytest.MonkeyPatch
):
    logs = home.parent / "root" / "var" / "log"
    logs.mkdir(parents=True)
    (logs / "big.jsonl").write_text("x" * 200_000)
    monkeypatch.setattr("spanledger.instrumentation.replay.discovery.FILE_BYTES_MAX", 100_000)
    assert json.loads(run("replay", "--json").out)["skipped"] == []
    found = json.loads(run("doctor", "--json").out)
    assert found["notes"] == [f"Where all programs log: file is too big (1 ×), such as {logs / 'big.jsonl'}."]
    assert not [one for one in found["off"] if "too big" in one]
    assert "Where all programs log: file is too big" in " ".join(run("doctor").out.split())


def test_the_doctor_says_what_lies_where_and_what_is_off(run: Callable[..., Done], home: Path):
    found = json.loads(run("doctor", "--json").out)
    assert {logs["tool"]: (logs["files"], logs["waiting"]) for logs in found["logs"]} == {
        "Claude Code": (5, 5),
        "Codex": (4, 4),
    }
    assert {logs["tool"]: logs["folders"] for logs in found["logs"]} == {
        "Claude Code": [str(home / ".claude" / "projects" / "-home-ada-shop")],
        "Codex": [str(home / ".codex" / "sessions" / "2026" / "11" / "03")],
    }
    assert not found["ledger"]["exists"]
    (sentence,) = found["off"]
    assert sentence.startswith(f"Claude Code deletes transcripts in {home / '.claude'} after 30 days when it starts.")
    assert found["notes"] == []
    (home / ".claude" / "settings.json").write_text('{"cleanupPeriodDays": 3650}')
    run()
    after = json.loads(run("doctor", "--json").out)
    assert [logs["waiting"] for logs in after["logs"]] == [0, 0]
    assert after["ledger"]["calls"] == CALLS + 9
    assert not [one for one in after["off"] if "Claude Code" in one]
    shown = run("doctor").out
    for told in ("Claude Code", "~/.claude/projects", "Codex", "Ledger:", "15 calls"):
        assert told in shown


@pytest.fixture
def watching(home: Path, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [*SPANLEDGER, "replay", "--watch", "--json", "--data", str(tmp_path / "data")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_it_follows_what_is_written_until_it_is_interrupted(
    watching: "subprocess.Popen[str]", home: Path, tmp_path: Path
):
    assert watching.stdout is not None
    first = json.loads(watching.stdout.readline())
    assert first["sources"]["claude-code"]["new"] == 5
    (log,) = (home / ".claude").rglob("9d0a77aa*.jsonl")
    last = log.read_text("utf-8").splitlines()[-1]
    with log.open("a", encoding="utf-8") as file:
        file.write(last.replace("Fork", "More") + "\n")
    second = json.loads(watching.stdout.readline())
    assert second["sources"]["claude-code"] | {"files": 0} == second["sources"]["claude-code"] | {"files": 0}
    assert second["sources"]["claude-code"]["calls"] >= 1
    fresh = home / ".codex" / "sessions" / "2026" / "12" / "01"
    fresh.mkdir(parents=True)
    shutil.copy(next((LOGS / "codex").rglob("*0001.jsonl")), fresh / "rollout-new.jsonl")
    third = json.loads(watching.stdout.readline())
    assert third["sources"]["codex"]["new"] == 1
    watching.send_signal(signal.SIGINT)
    assert watching.wait(20) == 0
    assert counted(tmp_path / "data") == CALLS + 10
